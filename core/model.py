"""The deployable as everybody sees it: frozen values, checked when built."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

NAME = re.compile(r"[a-z][a-z0-9-]{0,30}[a-z0-9]|[a-z]")


class FrontKind(StrEnum):
    """The fixed address that clients use."""

    NONE = "none"
    ELASTIC_IP = "elastic_ip"


class Egress(StrEnum):
    """How nodes reach beyond the table and the bucket."""

    NONE = "none"


class OnDisagreement(StrEnum):
    """What to do when a node says it is well and looks from outside say it is not."""

    REPORT = "report"


class Verdict(StrEnum):
    """What several probe results mean. Busy and unknown are not failing."""

    HEALTHY = "healthy"
    BUSY = "busy"
    FAILING = "failing"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How many failures a level absorbs before it escalates.

    failures: absorbed inside the window; the next one escalates. 0 escalates at once, None never.
    window_s: length of the sliding window, in seconds.
    """

    failures: int | None
    window_s: float

    def __post_init__(self) -> None:
        if self.failures is not None and self.failures < 0:
            raise ValueError(f"tolerance.failures is {self.failures}: use 0 or more, or 'never'")
        if self.window_s <= 0:
            raise ValueError(f"tolerance.window is {self.window_s} s: use a positive duration")


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One question put to an application, on localhost, never through the front.

    Exactly one of tcp (a "host:port") and http (a URL) is set. rise and fall count consecutive
    results before the verdict turns healthy or failing.
    """

    tcp: str | None = None
    http: str | None = None
    every_s: float = 5.0
    timeout_s: float = 2.0
    rise: int = 1
    fall: int = 2

    def __post_init__(self) -> None:
        if (self.tcp is None) == (self.http is None):
            raise ValueError("a probe has exactly one of tcp and http")
        if not 0 < self.timeout_s <= self.every_s:
            raise ValueError(f"probe.timeout is {self.timeout_s:g} s: use more than 0 and at most every ({self.every_s:g} s)")
        if self.rise < 1 or self.fall < 1:
            raise ValueError(f"probe.rise is {self.rise} and probe.fall is {self.fall}: use 1 or more")


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """Files published with the template and laid out on the node before the application starts.

    source: a folder, a .tgz/.tar.gz, or a single file, relative to the deployable file.
    to: absolute folder on the node.
    """

    source: str
    to: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """A program that the agent keeps alive."""

    name: str
    command: tuple[str, ...]
    install: Artifact | None = None
    directory: str | None = None
    environment: tuple[tuple[str, str], ...] = ()
    ha_port: int | None = None
    probes: tuple[Probe, ...] = ()
    tolerance: Tolerance = Tolerance(3, 300.0)
    start_timeout_s: float = 60.0
    stop_timeout_s: float = 10.0
    after: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Front:
    kind: FrontKind = FrontKind.NONE
    ports: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Assembly:
    """A machine image with its applications; a slot to be filled by one node at a time."""

    name: str
    image: str
    instances: tuple[str, ...]
    applications: tuple[Application, ...]
    front: Front = Front()
    ha_port: int
    http_port: int
    start_grace_s: float = 120.0
    on_disagreement: OnDisagreement = OnDisagreement.REPORT
    tolerance: Tolerance = Tolerance(2, 3600.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    cidr: str = "10.20.0.0/16"
    zones: int = 2
    egress: Egress = Egress.NONE


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployable:
    """The assemblies that together give one service; one stack."""

    name: str
    assemblies: tuple[Assembly, ...]
    network: Network = Network()
    notify: tuple[str, ...] = ()

    def assembly(self, name: str) -> Assembly:
        """The assembly of that name. Raises KeyError naming it and the ones there are."""
        for assembly in self.assemblies:
            if assembly.name == name:
                return assembly
        raise KeyError(f"no assembly {name!r} in deployable {self.name!r}: it has {[a.name for a in self.assemblies]}")

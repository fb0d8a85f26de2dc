"""The deployable as everybody sees it: frozen values, checked when built."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from core.application import PORT_MAX, Application, Artifact, Probe, Run, Tolerance, check_bounds
from core.balancer import Balancer
from core.capacity import ON_DEMAND, Capacity
from core.database import Database
from core.images import Pin
from core.policy import DEFAULT, Policy
from core.state import NOT_KEPT, State

# An application's own values live in core.application; the commonest are here too, for those who want the whole.
__all__ = ["NAME", "Application", "Artifact", "Assembly", "Balancer", "Deployable", "Egress", "Front", "FrontKind", "HostName"]
__all__ += ["Http", "Network"]
__all__ += ["OnDisagreement", "Probe", "Record", "Resolves", "Run", "SharedFoundation", "Tolerance", "Verdict"]

NAME = re.compile(r"[a-z][a-z0-9-]{0,30}[a-z0-9]|[a-z]")


class FrontKind(StrEnum):
    """The fixed address that clients use."""

    NONE = "none"
    ELASTIC_IP = "elastic_ip"
    DNS = "dns"
    NETWORK_INTERFACE = "network_interface"
    ALB = "alb"
    NLB = "nlb"


BALANCERS = frozenset({FrontKind.ALB, FrontKind.NLB})


class Egress(StrEnum):
    """How nodes reach beyond the table and the bucket."""

    NONE = "none"
    NAT = "nat"
    PUBLIC_IP = "public_ip"


class OnDisagreement(StrEnum):
    """What to do when a node says it is well and looks from outside say it is not."""

    REPORT = "report"  # people are told, and decide
    REPLACE = "replace"  # so are they, and after a time it is replaced


class Verdict(StrEnum):
    """What several probe results mean. Busy and unknown are not failing."""

    HEALTHY = "healthy"
    BUSY = "busy"
    FAILING = "failing"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A name that clients look up: one A record. zone: the id of a zone that exists already; None: a private one is made for the name.

    public: whether that zone is the whole world's, and the record a node's public address.
    """

    name: str
    ttl_s: float = 10.0
    zone: str | None = None
    public: bool = False

    def __post_init__(self) -> None:
        check_bounds(1, ttl_s=self.ttl_s)
        if self.public and self.zone is None:
            raise ValueError(f"{self.name} is to be public and names no zone: only private ones are made")


@dataclass(frozen=True, slots=True, kw_only=True)
class Front:
    """record: of kind dns alone; balancer: of kinds alb and nlb. Those who only need to know the kind leave them out."""

    kind: FrontKind = FrontKind.NONE
    ports: tuple[int, ...] = ()
    record: Record | None = None
    balancer: Balancer | None = None

    def __post_init__(self) -> None:
        for port in self.ports:
            check_bounds(1, PORT_MAX, ports=port)
        if self.record is not None and self.kind is not FrontKind.DNS:
            raise ValueError(f"a record belongs to a front of kind dns, not {self.kind.value}")
        if self.balancer is not None and self.kind not in BALANCERS:
            raise ValueError(f"a balancer belongs to a front of kind alb or nlb, not {self.kind.value}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Http:
    """How the node answers over HTTP. All are absolute paths on the node.

    certificate, key: PEM files for TLS, both or neither. token_file: holds the bearer token; without it nothing that needs one exists.
    """

    certificate: str | None = None
    key: str | None = None
    token_file: str | None = None

    def __post_init__(self) -> None:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("http.certificate and http.key belong together")


class Resolves(StrEnum):
    """What a host name means on a node."""

    NODE = "node"  # the node's own private address
    FRONT = "front"  # the fixed address that clients use
    ADDRESS = "address"  # one that the file gives


@dataclass(frozen=True, slots=True, kw_only=True)
class HostName:
    """A name in the managed block of the hosts file. of: the assembly whose front is meant; None: this one's own."""

    name: str
    resolves: Resolves = Resolves.NODE
    address: str | None = None
    of: str | None = None

    def __post_init__(self) -> None:
        if self.of is not None and self.resolves is not Resolves.FRONT:
            raise ValueError(f"host name {self.name}: of says whose front is meant, and it resolves to {self.resolves.value}")
        if (self.address is not None) != (self.resolves is Resolves.ADDRESS):
            raise ValueError(f"host name {self.name}: resolves: address and the address belong together")


@dataclass(frozen=True, slots=True, kw_only=True)
class Assembly:
    """A machine image with its applications; a slot to be filled by one node at a time.

    root_device: the device of the image's own disk, where the image is none of core.images.NAMED.
    after: assemblies that must serve before a node of this one is let in. reaches: assemblies whose fronts its nodes may talk to.
    database: the deployable's, when they may talk to it.
    depends_on: host names whose addresses its applications rely on; on_address_change: a command run when one of them changes.
    """

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
    http: Http = Http()
    host_names: tuple[HostName, ...] = ()
    depends_on: tuple[str, ...] = ()
    on_address_change: tuple[str, ...] | None = None
    after: tuple[str, ...] = ()
    reaches: tuple[str, ...] = ()
    root_device: str | None = None
    capacity: Capacity = ON_DEMAND
    database: Database | None = None
    state: State = NOT_KEPT

    def __post_init__(self) -> None:
        check_bounds(1, PORT_MAX, ha_port=self.ha_port, http_port=self.http_port)
        check_bounds(0, start_grace_s=self.start_grace_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    cidr: str = "10.20.0.0/16"
    zones: int = 2
    egress: Egress = Egress.NONE


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployable:
    """The assemblies that together give one service; one stack.

    pins: the images that do not move, by region. foundation: the shared one's name; None: it has its own.
    recovery: the numbers by which its incidents are decided.
    """

    name: str
    assemblies: tuple[Assembly, ...]
    network: Network = Network()
    database: Database | None = None
    notify: tuple[str, ...] = ()
    dashboard: bool = False
    pins: tuple[Pin, ...] = ()
    foundation: str | None = None
    recovery: Policy = DEFAULT

    def assembly(self, name: str) -> Assembly:
        """The assembly of that name. Raises KeyError naming it and the ones there are."""
        for assembly in self.assemblies:
            if assembly.name == name:
                return assembly
        raise KeyError(f"no assembly {name!r} in deployable {self.name!r}: it has {[a.name for a in self.assemblies]}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedFoundation:
    """What several deployables stand on: table, bucket, topic, functions and the network of all their nodes; one stack.

    database_secrets: with a way to Secrets Manager for those whose database has a password.
    """

    name: str
    network: Network = Network()
    notify: tuple[str, ...] = ()
    dashboard: bool = False
    database_secrets: bool = False

"""An application as its settings describe it: how it runs, what is asked of it, what it is given. Frozen, checked when built."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from core.bounds import Counters, Threshold

MONITOR_EVERY_S = 10.0
PORT_MAX = 65535
OPEN_FILES_MAX = 1_048_576  # fs.nr_open's default


def check_bounds(least: float, most: float = math.inf, **values: float | None) -> None:
    """Raises ValueError naming the first key whose value lies outside; None is not set."""
    for key, value in values.items():
        if value is not None and not least <= value <= most:
            upper = f" to {most:g}" if most < math.inf else " or more"
            raise ValueError(f"{key} is {value:g}: use {least:g}{upper}")


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


# --- how it runs -----------------------------------------------------------------------------------------------


class RunKind(StrEnum):
    EXEC = "exec"
    SYSTEMD = "systemd"
    OCF = "ocf"
    LSB = "lsb"


@dataclass(frozen=True, slots=True, kw_only=True)
class OcfAgent:
    """A resource agent of the OCF standard: <root>/resource.d/<provider>/<type>.

    check_level: thoroughness of its monitor action (OCF_CHECK_LEVEL), 0, 10 or 20.
    """

    provider: str
    type: str
    parameters: tuple[tuple[str, str], ...] = ()
    check_level: int = 0
    root: str = "/usr/lib/ocf"

    def __post_init__(self) -> None:
        if self.check_level not in (0, 10, 20):
            raise ValueError(f"ocf.check_level is {self.check_level}: use 0, 10 or 20")


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """How it is started; exactly one is set.

    exec: a program and its arguments. systemd: the name of a unit. lsb: the absolute path of an init script.
    """

    exec: tuple[str, ...] | None = None
    systemd: str | None = None
    ocf: OcfAgent | None = None
    lsb: str | None = None

    def __post_init__(self) -> None:
        given = [kind.value for kind in RunKind if getattr(self, kind.value) is not None]
        if len(given) != 1:
            raise ValueError(f"run has {given or 'nothing'}: use exactly one of {[kind.value for kind in RunKind]}")
        if self.exec is not None and not self.exec:
            raise ValueError("run.exec is []: name a program")

    @property
    def kind(self) -> RunKind:
        return next(kind for kind in RunKind if getattr(self, kind.value) is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the kernel lets it have; None: the machine's own. processes: of its group, threads counted."""

    open_files: int | None = None
    memory_bytes: int | None = None
    processes: int | None = None

    def __post_init__(self) -> None:
        check_bounds(1, open_files=self.open_files, memory_bytes=self.memory_bytes, processes=self.processes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """Where its standard output and error go. file: None is the journal; rotated at bytes_max, `kept` old ones are kept."""

    file: str | None = None
    bytes_max: int = 10 << 20
    kept: int = 5

    def __post_init__(self) -> None:
        check_bounds(1, bytes_max=self.bytes_max)
        check_bounds(0, kept=self.kept)


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """Files published with the template and laid out on the node before the application starts.

    source: a folder, a .tgz/.tar.gz, or a single file, relative to the deployable file.
    to: absolute folder on the node.
    """

    source: str
    to: str


# --- what is asked of it -----------------------------------------------------------------------------------------


class ProbeKind(StrEnum):
    TCP = "tcp"
    HTTP = "http"
    COMMAND = "command"
    FILE = "file"
    PROCESS = "process"


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One question put to an application, on localhost, never through the front.

    Exactly one of these is set:
    tcp: "host:port"; with `send` that text is sent first, with `expect` the answer must contain it. Without either a
         connection is enough.
    http: a URL; status: the codes that are well (none: 200 to 399); body, header ("Name: value"): must be contained.
    command: a program and its arguments; exit 0 is well, one of busy_exits is busy, any other is failing.
    file: an absolute path that must have changed within file_age_s.
    process: a process of the application's must have this name (comm or the program's file name).
    every_s, timeout_s: in seconds, timeout_s at most every_s; jitter_s: up to so much is added to each pause.
    rise and fall: results in a row before the verdict turns healthy or failing.
    """

    tcp: str | None = None
    http: str | None = None
    command: tuple[str, ...] | None = None
    file: str | None = None
    process: str | None = None
    send: str | None = None
    expect: str | None = None
    status: tuple[int, ...] = ()
    body: str | None = None
    header: str | None = None
    busy_exits: tuple[int, ...] = ()
    file_age_s: float | None = None
    every_s: float = 5.0
    timeout_s: float = 2.0
    jitter_s: float = 0.0
    rise: int = 1
    fall: int = 2

    def __post_init__(self) -> None:
        given = [kind.value for kind in ProbeKind if getattr(self, kind.value) is not None]
        if len(given) != 1:
            raise ValueError(f"a probe asks exactly one of {[kind.value for kind in ProbeKind]}; this one asks {given or 'nothing'}")
        if self.command is not None and not self.command:
            raise ValueError("probe.command is []: name a program")
        if (self.file is None) != (self.file_age_s is None):
            raise ValueError("probe.file and probe.file_age belong together")
        check_bounds(0, file_age_s=self.file_age_s)
        if not 0 < self.timeout_s <= self.every_s:
            raise ValueError(f"probe.timeout is {self.timeout_s:g} s: use more than 0 and at most every ({self.every_s:g} s)")
        if not 0 <= self.jitter_s <= self.every_s:
            raise ValueError(f"probe.jitter is {self.jitter_s:g} s: use 0 to every ({self.every_s:g} s)")
        if self.rise < 1 or self.fall < 1:
            raise ValueError(f"probe.rise is {self.rise} and probe.fall is {self.fall}: use 1 or more")

    @property
    def kind(self) -> ProbeKind:
        return next(kind for kind in ProbeKind if getattr(self, kind.value) is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class HaPort:
    """Where an application's own HA port listens. log_folder: a directory for thresholds and statistics (mz.ha.log_file), None: no log."""

    port: int
    host: str = "127.0.0.1"
    log_folder: str | None = None

    def __post_init__(self) -> None:
        check_bounds(1, PORT_MAX, port=self.port)


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """A program that the agent keeps alive.

    user: whom it runs as, None: the agent's own. drain: a command run before it is asked to stop, for at most drain_timeout_s.
    monitor_every_s: how often its own monitor action is asked: of a unit, a resource agent, an init script; exec has none.
    busy_budget_s: how long it may be busy on end before that counts as failing.
    """

    name: str
    run: Run
    install: Artifact | None = None
    user: str | None = None
    directory: str | None = None
    environment: tuple[tuple[str, str], ...] = ()
    limits: Limits = Limits()
    output: Output = Output()
    ha: HaPort | None = None
    probes: tuple[Probe, ...] = ()
    thresholds: tuple[Threshold, ...] = ()
    counters: Counters | None = None
    monitor_every_s: float = MONITOR_EVERY_S
    tolerance: Tolerance = Tolerance(3, 300.0)
    busy_budget_s: float = 600.0
    start_timeout_s: float = 60.0
    drain: tuple[str, ...] | None = None
    drain_timeout_s: float = 10.0
    stop_timeout_s: float = 10.0
    after: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_bounds(0, busy_budget_s=self.busy_budget_s, start_timeout_s=self.start_timeout_s)
        check_bounds(0.1, monitor_every_s=self.monitor_every_s)
        check_bounds(0, drain_timeout_s=self.drain_timeout_s, stop_timeout_s=self.stop_timeout_s)

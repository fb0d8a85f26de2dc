"""What nodes, looks and permits say of themselves, as values; core.items has them stored.

Times are whole milliseconds of the writer's wall clock, for people to read: no decision compares two machines' clocks.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from core.model import Verdict

# Sweeps are 10 s apart and dropped when 20 s late (core.watching.sweep): with three in a row missing the prober was not there.
GAP_MS = 35_000


class Phase(StrEnum):
    """Where a node stands."""

    PREPARED = "prepared"  # laid out, in its group's warm pool or on the way there: it runs nothing, and is stopped
    WAITING = "waiting"  # no permit names it: it runs nothing
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    RELEASED = "released"  # applications stopped for good; the permit may go to another


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationReport:
    verdict: Verdict
    restarts: int
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a node last said of itself; one item, numbered, overwritten. At most 1 KB as stored.

    epoch: of the permit under which it runs applications; 0 while it has none.
    boot: a nonce drawn when the agent started; with seq it tells a restart of the agent from silence.
    """

    deployable: str
    assembly: str
    instance: str
    boot: str
    seq: int
    epoch: int
    at_ms: int
    phase: Phase
    verdict: Verdict
    applications: tuple[tuple[str, ApplicationReport], ...]
    address: str
    ha_port: int
    http_port: int
    agent: str
    expires_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A node asks to be replaced."""

    deployable: str
    assembly: str
    instance: str
    epoch: int
    at_ms: int
    application: str
    reason: str
    expires_at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One look from outside at one node. ha and http: 'ok', or what went wrong in a few words."""

    at_ms: int
    verdict: Verdict
    ha: str
    http: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Looks:
    """The last looks at one node, newest last, and when its report last moved on the prober's clock (0: no report was seen yet).

    What decisions ask of them is worked out once, when they are read. silent_ms: how long the report had not moved at the last look;
    failing_ms: what the unbroken run of failing looks at the end spans. None where there is no such thing.
    """

    deployable: str
    assembly: str
    instance: str
    looks: tuple[Look, ...]
    report_boot: str
    report_seq: int
    report_moved_ms: int
    expires_at: int
    silent_ms: int | None = field(init=False, repr=False, compare=False)
    failing_ms: int | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        last = self.looks[-1] if self.looks else None
        object.__setattr__(self, "silent_ms", last.at_ms - self.report_moved_ms if last is not None and self.report_moved_ms else None)
        object.__setattr__(self, "failing_ms", last.at_ms - _failing_since_ms(self.looks) if last is not None and _fails(last) else None)


def _fails(look: Look) -> bool:
    return look.verdict is Verdict.FAILING


def _failing_since_ms(looks: tuple[Look, ...]) -> int:
    """When the run at the end began. A gap in which nobody looked breaks it: an outage of the prober is none of the node's."""
    since_ms = looks[-1].at_ms
    for look in reversed(looks):
        if not _fails(look) or since_ms - look.at_ms > GAP_MS:
            break
        since_ms = look.at_ms
    return since_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class Permit:
    """Leave for one instance to run an assembly's applications, under an epoch.

    predecessor: the instance that held it before and was seen gone, if there was one.
    """

    deployable: str
    assembly: str
    instance: str
    epoch: int
    at_ms: int
    predecessor: str | None = None

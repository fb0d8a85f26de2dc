"""What nodes, looks and permits say of themselves, as values; core.items has them stored.

Times are whole milliseconds of the writer's wall clock, for people to read: no decision compares two machines' clocks.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from core.model import Verdict


class Phase(StrEnum):
    """Where a node stands."""

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
    """The last looks at one node, newest last, and when its report last moved on the prober's clock."""

    deployable: str
    assembly: str
    instance: str
    looks: tuple[Look, ...]
    report_boot: str
    report_seq: int
    report_moved_ms: int
    expires_at: int


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

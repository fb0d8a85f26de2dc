"""What the cycle is told by the watchers, and what the agent counts of itself."""

from __future__ import annotations

from dataclasses import dataclass, field

from core.node.database_outage import Heard
from core.node.decision import Hold
from core.records import Permit


@dataclass(slots=True)
class Knowledge:
    """What the watchers saw last; the cycle reads it, nobody else decides on it. held: what operators hold down.

    prepared: this machine is to be stopped in its group's warm pool. database: None where it is not asked.
    """

    permit: Permit | None = None
    prepared: bool = False
    terminating: bool = False
    stop_asked: bool = False
    powering_off: bool = False
    rebooting: bool = False
    held: dict[str, Hold] = field(default_factory=dict)
    database: Heard | None = None


@dataclass(slots=True)
class Tally:
    """What the agent counts of itself, for metrics; times in seconds, on the cycle's clock where they are moments."""

    cycles: int = 0
    cycle_s_last: float = 0.0
    cycle_s_max: float = 0.0
    cycle_s_total: float = 0.0
    reports: int = 0
    table_errors: int = 0
    table_answered_at_s: float | None = None

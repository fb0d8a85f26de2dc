"""The drill in which nothing is broken."""

from __future__ import annotations

from lab.drills.alone import ALONE_S, leave_alone
from lab.drills.drill import Drill

DRILLS: tuple[Drill, ...] = (
    Drill(
        "leave-alone",
        "nothing, for ten minutes",
        "no incident, no restart, no alarm; the emulator's memory stays flat",
        ALONE_S,
        leave_alone,
    ),
)

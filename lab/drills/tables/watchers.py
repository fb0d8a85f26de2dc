"""The drills that trouble those who watch and act: functions, alarms, events, and EC2's word itself."""

from __future__ import annotations

from lab.drills.drill import Drill

DRILLS: tuple[Drill, ...] = ()

"""The drills that cut wires: between a node and the table, the probes, or everybody."""

from __future__ import annotations

from lab.drills.drill import Drill

DRILLS: tuple[Drill, ...] = ()

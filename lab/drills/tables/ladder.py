"""The drills that climb: releases, images and zones that fail every replacement, and what is above the assembly."""

from __future__ import annotations

from lab.drills.drill import Drill

DRILLS: tuple[Drill, ...] = ()

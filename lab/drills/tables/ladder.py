"""The drills that climb: releases, images and zones that fail every replacement, and what is above the assembly."""

from __future__ import annotations

from lab.drills.drill import Drill
from lab.drills.place_scenes import no_capacity, zone_loss

TWO_SIZES = "two sizes in two zones"
FLEET = "twenty assemblies on one foundation"

DRILLS: tuple[Drill, ...] = (
    Drill(
        "zone-loss",
        "the node's zone is lost: no power there, and nothing can be launched",
        "another machine serves at the same address, in the next zone",
        60.0,
        zone_loss,
        needs=TWO_SIZES,
    ),
    Drill(
        "no-capacity",
        "kill-instance while AWS has none of the first size, and none of any in the first zone",
        "as kill-instance, with the next size in the next zone",
        15.0,
        no_capacity,
        needs=TWO_SIZES,
    ),
)

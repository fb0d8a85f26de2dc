"""The drills with a machine that was laid out beforehand and lies stopped in its group's warm pool."""

from __future__ import annotations

from lab.drills.drill import Drill
from lab.drills.pool_scenes import pool_kill, pool_release, pool_update

POOLED = "a warm pool"

DRILLS: tuple[Drill, ...] = (
    Drill(
        "warm-pool",
        "kill-instance with a warm pool",
        "the machine that lay stopped takes its place, and another one is laid out and stopped; never two",
        15.0,
        pool_kill,
        needs=POOLED,
        replaces=1,
    ),
    Drill(
        "warm-pool-update",
        "another version is deployed with a warm pool",
        "no machine of the former version is let in, and none of it is left in the pool",
        30.0,
        pool_update,
        needs=POOLED,
        replaces=1,
    ),
    Drill(
        "warm-pool-release",
        "a release is deployed whose application crashes at every start, with a warm pool",
        "the deploy fails and the former version serves again, by itself; none of the bad one is left in the pool",
        100.0,
        pool_release,
        needs=POOLED,
        replaces=1,
    ),
)

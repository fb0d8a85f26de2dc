"""The drills that climb: releases, images and zones that fail every replacement, and what is above the assembly."""

from __future__ import annotations

from lab.drills.deployable_scenes import escalate_to_deployable
from lab.drills.drill import Drill
from lab.drills.limping_scenes import limping_no_capacity
from lab.drills.loop_scenes import boot_loop, crash_loop
from lab.drills.meltdown_scenes import meltdown
from lab.drills.pause_scenes import pause_holds_auto_scaling
from lab.drills.place_scenes import no_capacity, zone_loss
from lab.drills.release_scenes import crash_loop_release

TWO_SIZES = "two sizes in two zones"
FLEET = "twenty assemblies on one foundation"
TWO_IN_ORDER = "two assemblies in order that absorb no failure"

DRILLS: tuple[Drill, ...] = (
    Drill(
        "pause-holds-auto-scaling",
        "an operator pauses recovery, and the node is marked unhealthy in its group",
        "Auto Scaling is held: nobody replaces it until the operator resumes, and then it is replaced",
        75.0,
        pause_holds_auto_scaling,
        replaces=1,
    ),
    Drill(
        "zone-loss",
        "the node's zone is lost: no power there, and nothing can be launched",
        "another machine serves at the same address, in the next zone",
        60.0,
        zone_loss,
        needs=TWO_SIZES,
        replaces=1,
    ),
    Drill(
        "no-capacity",
        "kill-instance while AWS has none of the first size, and none of any in the first zone",
        "as kill-instance, with the next size in the next zone",
        15.0,
        no_capacity,
        needs=TWO_SIZES,
        replaces=1,
    ),
    Drill(
        "limping-no-capacity",
        "an operator wants the node replaced while EC2 has no machine of its size; after a minute it has one again",
        "it serves on until another one has booted, and only then it is ended",
        15.0,
        limping_no_capacity,
        replaces=1,
    ),
    Drill(
        "crash-loop-release",
        "a release is deployed whose application crashes at every start",
        "the deploy fails and the former version serves again, by itself; one machine of each",
        100.0,
        crash_loop_release,
        needs=TWO_SIZES,
        broken_by=("no-signal",),
        replaces=1,
    ),
    Drill(
        "boot-loop",
        "the machine is terminated behind our back, and so is every one that is to take its place, as soon as it runs",
        "after three in a row a person is called, and no more machines are spent",
        180.0,
        boot_loop,
        needs=TWO_SIZES,
        replaces=1,
    ),
    Drill(
        "crash-loop",
        "the application crashes at every start, on every machine",
        "the node asks, three replacements are tried, a person is called, and no more machines are spent",
        420.0,
        crash_loop,
        needs=TWO_SIZES,
        replaces=3,
    ),
    Drill(
        "escalate-to-deployable",
        "the first of two assemblies hangs, and absorbs no failure",
        "both are recreated: taken down in reverse, permitted in start order once both are gone; told once",
        90.0,
        escalate_to_deployable,
        needs=TWO_IN_ORDER,
    ),
    Drill(
        "meltdown",
        "eight of twenty nodes on one foundation hang at once",
        "at most four are replaced, then all of it stops and people are called; the others are not touched",
        180.0,
        meltdown,
        needs=FLEET,
        alone=True,
    ),
)

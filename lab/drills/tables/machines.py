"""The drills that lose a machine, or have one too many."""

from __future__ import annotations

from lab.drills.drill import Drill
from lab.drills.machine_scenes import freeze_instance, kill_instance, lost_events
from lab.drills.minute import wait_alarms_turn
from lab.drills.second_node import second_node

DRILLS: tuple[Drill, ...] = (
    Drill(
        "kill-instance",
        "the machine is terminated behind our back",
        "another machine serves at the same address under the next epoch",
        15.0,
        kill_instance,
        broken_by=("recover-code", "recover-role", "recover-hangs"),
        replaces=1,
    ),
    Drill(
        "freeze-instance",
        "everything on the machine stops answering, as on a hung one",
        "noticed from outside, fenced, replaced; the evidence is kept first",
        60.0,
        freeze_instance,
        broken_by=("recover-role", "alarm-action"),
        await_turn=wait_alarms_turn,
        replaces=1,
    ),
    Drill(
        "lost-events",
        "kill-instance while every event, stream record and alarm action is lost",
        "the sweep alone finds out and recovers, only later",
        180.0,
        lost_events,
        replaces=1,
    ),
    Drill(
        "second-node",
        "the group is told to have two for a while, as rebalancing and instance refresh do",
        "the second node waits and never serves; the first goes on, and no incident is opened",
        1.0,
        second_node,
    ),
)

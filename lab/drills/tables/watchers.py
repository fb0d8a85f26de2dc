"""The drills that trouble those who watch and act: functions, alarms, events, and EC2's word itself."""

from __future__ import annotations

from lab.drills.drill import Drill
from lab.drills.watcher_scenes import duplicate_events, fence_unconfirmed, lambda_crash, monitor_outage, shadow

DRILLS: tuple[Drill, ...] = (
    Drill(
        "monitor-outage",
        "for three minutes no function runs and no alarm is evaluated; then all that waited comes at once",
        "an outage of the watchers is none of the fleet: no incident, no restart, clients notice nothing",
        75.0,
        monitor_outage,
        broken_by=("recover-believes",),
    ),
    Drill(
        "duplicate-events",
        "freeze-instance while every event, message and stream record comes late, and then once more",
        "one incident, one replacement, one message at its beginning and one at its end",
        75.0,  # freeze-instance's, and each hop two seconds late
        duplicate_events,
        broken_by=("recover-believes", "recover-role"),
        replaces=1,
    ),
    Drill(
        "lambda-crash",
        "freeze-instance while the recovery is killed between two effects, three times over",
        "the next call goes on where it stood: one replacement, its evidence kept first",
        300.0,
        lambda_crash,
        broken_by=("one-try", "recover-role"),
        replaces=1,
    ),
    Drill(
        "fence-unconfirmed",
        "the machine is cut off, and EC2 never says that it is terminated",
        "nobody else is let in and people are paged; once EC2 says so, the recovery goes on",
        390.0,
        fence_unconfirmed,
        replaces=1,
    ),
    Drill(
        "shadow",
        "freeze-instance in shadow mode, thawed once the incident has ended",
        "what would have been done is decided and recorded, and nothing is done; the same machine serves on",
        75.0,
        shadow,
        broken_by=("recover-believes",),
    ),
)

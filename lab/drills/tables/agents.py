"""The drills that trouble the agent itself, or what it writes on."""

from __future__ import annotations

from lab.drills.agent_scenes import fill_disk, freeze_agent, kill_agent, wedge_agent
from lab.drills.drill import Drill
from lab.drills.tables.penalties import FEW

DRILLS: tuple[Drill, ...] = (
    Drill(
        "fill-disk",
        "the machine's disk is full, and then the application is killed",
        "the agent goes on, says so, and starts it again; no incident, no new machine",
        0.5,
        fill_disk,
        penalty_max=FEW,
        alone=True,
    ),
    Drill(
        "kill-agent",
        "the agent is killed (SIGKILL)",
        "its next run adopts the application, whose process and clients notice nothing; no incident",
        6.0,
        kill_agent,
        broken_by=("kill-group",),
    ),
    Drill(
        "freeze-agent",
        "the agent is stopped (SIGSTOP)",
        "systemd's watchdog ends it, its next run adopts the application; no restart, no incident",
        16.0,
        freeze_agent,
        broken_by=("no-watchdog",),
    ),
    Drill(
        "wedge-agent",
        "the agent's main thread hangs while its process lives, and then the application dies",
        "systemd's watchdog ends the agent, its next run starts the application; no new machine, no incident",
        16.0,
        wedge_agent,
        penalty_max=FEW,
        broken_by=("no-watchdog",),
    ),
)

"""The drills that trouble the application: its process, its memory, its processor, its port."""

from __future__ import annotations

from lab.drills.application_scenes import grandchild_holds_port, hang_application, kill_application, leak_memory, starve_application
from lab.drills.drill import Drill
from lab.drills.flap import flap
from lab.drills.release_scenes import update
from lab.drills.tables.penalties import FEW, NONE

DRILLS: tuple[Drill, ...] = (
    Drill(
        "kill-application",
        "the application's process is killed (SIGKILL)",
        "the agent alone starts it again; no incident, no new machine",
        0.1,
        kill_application,
        penalty_max=FEW,
        alone=True,
    ),
    Drill(
        "hang-application",
        "the application is stopped (SIGSTOP); its port goes on accepting connections",
        "its probe notices and the agent starts it again; no incident, no new machine",
        4.0,
        hang_application,
        penalty_max=FEW,
        broken_by=("no-probes",),
        alone=True,
    ),
    Drill(
        "leak-memory",
        "the application's memory grows by 16 MB a second",
        "its threshold has it restarted before the kernel would kill; no incident, no new machine",
        300.0,
        leak_memory,
        penalty_max=FEW,
        unit="MB",
        broken_by=("no-thresholds",),
    ),
    Drill(
        "starve-application",
        "the processor is taken away from the application for half a minute",
        "it is busy, not failing: neither restarted nor replaced, and well again afterwards",
        15.0,
        starve_application,
        broken_by=("no-patience",),
    ),
    Drill(
        "grandchild-holds-port",
        "the application leaves a process of another session behind that holds its port, and dies",
        "what it left is cleaned away and the new one can bind; no incident, no new machine",
        1.0,
        grandchild_holds_port,
        penalty_max=FEW,
        alone=True,
    ),
    Drill(
        "flap",
        "the application goes up and down every 20 s, three times as tolerated and then once more",
        "restarts are bounded and their penalty is told; the machine is replaced only past the tolerance",
        30.0,
        flap,
        penalty_max=NONE,
        broken_by=("no-tolerance",),
        replaces=1,
    ),
    Drill(
        "update",
        "another version of the application is deployed over the one that runs",
        "the deploy succeeds and one machine takes the other's place by the same hooks; that is recorded, and nobody is called",
        15.0,
        update,
        replaces=1,
    ),
)

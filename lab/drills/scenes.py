"""The drills: what each breaks, what must hold, and within what limit; in the order in which all of them are played.

A drill that restarts the application stands before one that replaces its machine where it can, for a new machine
remembers no failures.
"""

from __future__ import annotations

from lab.drills.agent_scenes import fill_disk, freeze_agent, kill_agent
from lab.drills.alone import ALONE_S, leave_alone
from lab.drills.application_scenes import grandchild_holds_port, hang_application, kill_application, leak_memory, starve_application
from lab.drills.database_scenes import fail_over_database, kill_while_writing
from lab.drills.drill import Drill
from lab.drills.flap import flap
from lab.drills.machine_scenes import freeze_instance, kill_instance, lost_events
from lab.drills.second_node import second_node
from lab.drills.work_scenes import resume_work

_FEW = 1.4  # three failures within five minutes weigh more than half each: with less, one more is absorbed
_NONE = 0.5  # less than any failure within five minutes weighs

DRILLS: dict[str, Drill] = {
    drill.name: drill
    for drill in (
        Drill(
            "kill-application",
            "the application's process is killed (SIGKILL)",
            "the agent alone starts it again; no incident, no new machine",
            0.1,
            kill_application,
            penalty_max=_FEW,
        ),
        Drill(
            "kill-instance",
            "the machine is terminated behind our back",
            "another machine serves at the same address under the next epoch",
            15.0,
            kill_instance,
        ),
        Drill(
            "hang-application",
            "the application is stopped (SIGSTOP); its port goes on accepting connections",
            "its probe notices and the agent starts it again; no incident, no new machine",
            4.0,
            hang_application,
            penalty_max=_FEW,
        ),
        Drill(
            "freeze-instance",
            "everything on the machine stops answering, as on a hung one",
            "noticed from outside, fenced, replaced; the evidence is kept first",
            60.0,
            freeze_instance,
        ),
        Drill(
            "leak-memory",
            "the application's memory grows by 16 MB a second",
            "its threshold has it restarted before the kernel would kill; no incident, no new machine",
            300.0,
            leak_memory,
            penalty_max=_FEW,
            unit="MB",
        ),
        Drill(
            "lost-events",
            "kill-instance while every event, stream record and alarm action is lost",
            "the sweep alone finds out and recovers, only later",
            180.0,
            lost_events,
        ),
        Drill(
            "fill-disk",
            "the machine's disk is full, and then the application is killed",
            "the agent goes on, says so, and starts it again; no incident, no new machine",
            0.5,
            fill_disk,
            penalty_max=_FEW,
        ),
        Drill(
            "starve-application",
            "the processor is taken away from the application for half a minute",
            "it is busy, not failing: neither restarted nor replaced, and well again afterwards",
            15.0,
            starve_application,
        ),
        Drill(
            "kill-agent",
            "the agent is killed (SIGKILL)",
            "its next run adopts the application, whose process and clients notice nothing; no incident",
            6.0,
            kill_agent,
        ),
        Drill(
            "freeze-agent",
            "the agent is stopped (SIGSTOP)",
            "systemd's watchdog ends it, its next run adopts the application; no restart, no incident",
            16.0,
            freeze_agent,
        ),
        Drill(
            "grandchild-holds-port",
            "the application leaves a process of another session behind that holds its port, and dies",
            "what it left is cleaned away and the new one can bind; no incident, no new machine",
            1.0,
            grandchild_holds_port,
            penalty_max=_FEW,
        ),
        Drill(
            "second-node",
            "the group is told to have two for a while, as rebalancing and instance refresh do",
            "the second node waits and never serves; the first goes on, and no incident is opened",
            1.0,
            second_node,
        ),
        Drill(
            "leave-alone",
            "nothing, for ten minutes",
            "no incident, no restart, no alarm; the emulator's memory stays flat",
            ALONE_S,
            leave_alone,
        ),
        Drill(
            "flap",
            "the application goes up and down every 20 s, three times as tolerated and then once more",
            "restarts are bounded and their penalty is told; the machine is replaced only past the tolerance",
            30.0,
            flap,
            penalty_max=_NONE,
        ),
        Drill(
            "kill-while-writing",
            "the machine is terminated behind our back while entries are written to the database",
            "as kill-instance, and every entry that was acknowledged is there",
            15.0,
            kill_while_writing,
            needs="a database",
        ),
        Drill(
            "fail-over-database",
            "the database is rebooted with failover while entries are written to it",
            "every entry that was acknowledged is there; no new machine, no incident, and the history tells of it",
            8.0,
            fail_over_database,
            needs="a database in two zones",
        ),
        Drill(
            "resume-work",
            "the machine is terminated behind our back in the middle of a job",
            "as kill-instance, and the job goes on where it stood: every step is made, and none twice",
            15.0,
            resume_work,
            needs="jobs, as deployables/scheduler.yaml has",
        ),
    )
}

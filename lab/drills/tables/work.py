"""The drills of deployables that have more to lose than an address: a database, jobs."""

from __future__ import annotations

from lab.drills.database_scenes import fail_over_database, kill_while_writing
from lab.drills.drill import Drill
from lab.drills.work_scenes import resume_work

DRILLS: tuple[Drill, ...] = (
    Drill(
        "kill-while-writing",
        "the machine is terminated behind our back while entries are written to the database",
        "as kill-instance, and every entry that was acknowledged is there",
        15.0,
        kill_while_writing,
        needs="a database",
        replaces=1,
    ),
    Drill(
        "database-failover",
        "the database is rebooted with failover while entries are written to it",
        "every entry that was acknowledged is there; the program is busy for its database, not restarted; no new machine, and one "
        "incident, which AWS mended by itself, told of at its beginning and its end",
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
        replaces=1,
    ),
)

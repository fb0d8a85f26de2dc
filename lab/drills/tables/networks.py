"""The drills that cut wires: between a node and the table, the probes, or everybody."""

from __future__ import annotations

from lab.drills.drill import Drill
from lab.drills.partition_scenes import disagreement, partition_all, partition_from_probes, partition_from_table

DRILLS: tuple[Drill, ...] = (
    Drill(
        "partition-from-probes",
        "no packet passes between the prober and the machine",
        "the node says that it is well, so nobody is killed; people are told; clients notice nothing",
        130.0,
        partition_from_probes,
        broken_by=("recover-believes",),
    ),
    Drill(
        "disagreement",
        "whoever calls the machine hears no answer, clients too, while it reports that all is well",
        "one signal is none: nobody is killed, people are told; mended, the same machine serves on",
        130.0,
        disagreement,
        broken_by=("recover-believes",),
    ),
    Drill(
        "partition-from-table",
        "no packet passes between the machine and the services of AWS: it falls silent in the table, and answers",
        "it answers, so nobody is killed; people are told; clients notice nothing",
        130.0,
        partition_from_table,
        broken_by=("recover-believes",),
    ),
    Drill(
        "partition-all",
        "the machine's link is cut, and its applications run on",
        "fenced and replaced; the old applications are stopped before the new ones are started",
        60.0,
        partition_all,
        broken_by=("recover-role", "recover-code"),
        replaces=1,
    ),
)

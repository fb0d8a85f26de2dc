"""The drills, all of them: the tables of lab/drills/tables/ one after another, in the order in which the docs tell them."""

from __future__ import annotations

from itertools import zip_longest

from lab.drills.drill import Drill
from lab.drills.tables import agents, applications, calm, chosen, ladder, machines, networks, pool, watchers, work

_TABLES = (applications, agents, machines, networks, watchers, chosen, ladder, pool, work, calm)

DRILLS: dict[str, Drill] = {drill.name: drill for table in _TABLES for drill in table.DRILLS}


def in_playing_order() -> tuple[Drill, ...]:
    """One of each table in turn, so that drills that restart the application have some that replace its machine between them.

    A new machine remembers no failures: after several in a row, one that times a restart would have to wait for minutes.
    """
    rounds = zip_longest(*(table.DRILLS for table in _TABLES))
    return tuple(drill for each in rounds for drill in each if drill is not None)

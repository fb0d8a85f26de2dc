"""What an assembly's call sees of a deployable's rung: the leading incident, for as long as that one may be open."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from core.policy import Policy
from core.recovery.budget import Budget, Entry
from core.recovery.case import NEVER_FAILED
from core.recovery.incident import State, incident_item
from lambdas.adapters import register, rungs, table

HOUR_MS = 3_600_000


@pytest.mark.parametrize(("incident_s", "hears"), [(3600.0, False), (6 * 3600.0, True)])
def test_a_rung_calls_for_as_long_as_its_leading_incident_may_last(cloud: Any, incident_s: float, hears: bool) -> None:
    called_ms = cloud.now_ms - 2 * HOUR_MS
    entry = Entry(at_ms=called_ms, deployable="demo", assembly="database", incident="0-i-1", replaced=True, rung=True, along=("counter",))
    leader = replace(
        NEVER_FAILED, deployable="demo", assembly="database", id="0-i-1", ladder="0-i-1", leader="database", state=State.ISOLATING
    )
    table.put(incident_item(leader))
    watched = replace(register.find("demo", "counter"), policy=Policy(incident_s=incident_s))

    seen = rungs.look(watched, None, Budget(entries=(entry,)), cloud.now_ms)

    assert (seen.leader is not None) == hears


def test_nobody_is_called_by_one_rung_twice(cloud: Any) -> None:
    entry = Entry(at_ms=1, deployable="demo", assembly="database", incident="0-i-1", replaced=True, rung=True, along=("counter",))
    leading = replace(NEVER_FAILED, deployable="demo", assembly="database", id="0-i-1", ladder="0-i-1", leader="database")
    table.put(incident_item(replace(leading, state=State.VERIFYING)))
    watched, budget = register.find("demo", "counter"), Budget(entries=(replace(entry, at_ms=cloud.now_ms),))
    part = replace(NEVER_FAILED, deployable="demo", assembly="counter", id="1-i", ladder="0-i-1", leader="database", state=State.RECOVERED)
    since = replace(part, id="2-i-3", ladder="", leader="", state=State.SUSPECTED)

    assert rungs.look(watched, part, budget, cloud.now_ms).leader is None
    assert rungs.look(watched, replace(since, part_over="0-i-1"), budget, cloud.now_ms).leader is None
    assert rungs.look(watched, replace(since, part_over="another"), budget, cloud.now_ms).leader is not None

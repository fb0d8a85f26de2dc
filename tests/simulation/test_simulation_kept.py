"""Histories that found something in what is shipped, kept as they were: a seed's history changes with each new kind of fault."""

from __future__ import annotations

import pytest

from simulation.fault import Fault
from simulation.history import History
from simulation.plan import Plan
from tests.simulation.calm import CALM

KEPT = {
    "an interface is torn from the new node by a call that came late for the old one": Plan(
        19575, 1, 2.854, (Fault("interface is not let go", 17.379764192873647, 95.15928963757376, 0),),
        CALM | {"latency": 0.05, "twice": 0.5, "stale": 0.5, "front": 4.0, "disagreement": 1.0},
    ),
    "the same, and the replacement was an operator's wish": Plan(
        16952, 3, 1.812,
        (Fault("kill", 28.021886978296983, 111.60547303743238, 0), Fault("operator says replace", 30.191202324718848, 332.46783011767, 1)),
        CALM | {"latency": 0.05, "hidden": 6.0, "front": 4.0},
    ),
}  # fmt: skip
KEPT_HEAVY = {
    "launches whose events are lost are let in, though the minute is not enough for two hundred": Plan(
        4333, 200, 0.5, (Fault("kill", 16.202507388547694, 55.68233611373071, 38),),
        CALM | {"latency": 0.05, "lost": 0.3, "late": 0.4, "skew": 3.0, "stale": 0.5, "hidden": 6.0, "intolerant": 1.0},
    ),
}  # fmt: skip


@pytest.mark.parametrize("plan", KEPT.values(), ids=KEPT)
def test_a_history_that_broke_a_promise_once_keeps_it(plan: Plan) -> None:
    assert History(plan).live().broken == ""


@pytest.mark.heavy
@pytest.mark.parametrize("plan", KEPT_HEAVY.values(), ids=KEPT_HEAVY)
def test_a_large_history_that_broke_a_promise_once_keeps_it(plan: Plan) -> None:
    assert History(plan).live().broken == ""

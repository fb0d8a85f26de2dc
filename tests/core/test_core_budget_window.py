"""The budget over any times at all: no window holds more replacements than it allows."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from core.model import Front, OnDisagreement, Tolerance
from core.policy import Policy
from core.recovery.budget import Budget
from core.recovery.changes import charged
from core.recovery.incident import Cause, Incident, State
from core.recovery.machine import next_step
from core.recovery.snapshot import View
from core.recovery.steps import Spend
from core.watching.fleet import Watched

POLICY = Policy()
START = 1_800_000_000_000
WATCHED = Watched(
    deployable="demo",
    name="counter",
    ha_port=1,
    http_port=2,
    front=Front(),
    start_grace_s=60,
    tolerance=Tolerance(2, 3600),
    on_disagreement=OnDisagreement.REPORT,
)


@settings(max_examples=200, deadline=None)
@given(times=st.lists(st.integers(0, 3_600_000), max_size=60))
def test_no_window_ever_holds_more_replacements_than_the_budget(times: list[int]) -> None:
    budget = Budget()
    allowed: list[int] = []
    for n, at_ms in enumerate(sorted(times)):
        now_ms = START + at_ms
        incident = Incident(
            deployable="demo", assembly="counter", id=f"{n}", revision=1, instance="i", epoch=n, state=State.CONFIRMED,
            cause=Cause.SIGNALS, reason="", woken_by="", failed_ms=1, opened_ms=now_ms, state_ms=now_ms,
        )  # fmt: skip
        view = View(watched=WATCHED, now_ms=now_ms, incident=incident, budget=budget)
        if next_step(view, POLICY, woken_by="alarm").step == Spend():
            allowed.append(now_ms)
            budget = charged(view)

    for start in allowed:
        assert sum(start <= at <= start + POLICY.budget_window_s * 1000 for at in allowed) <= POLICY.budget_replacements

"""Evidence, the kill, and waiting for EC2's word."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from core.model import Verdict
from core.recovery.changes import apply
from core.recovery.incident import State, incident_item, parse_incident
from core.recovery.machine import next_step
from core.recovery.steps import Fence, KeepEvidence, Tell, Wait
from tests.core.recovery_story import NOW, OLD, POLICY, fresh, frozen_view, incident, machine, recorded, step


def test_evidence_comes_before_the_kill_and_the_kill_before_the_news() -> None:
    assert step(frozen_view(incident=incident(State.ISOLATING))) == KeepEvidence(OLD)
    kept = incident(State.ISOLATING, evidence_done=True)
    assert step(frozen_view(incident=kept, fresh={OLD: fresh(Verdict.FAILING)})) == Fence(OLD, force=False)
    fenced = replace(kept, fence=1, fenced_ms=NOW - 1000)
    assert isinstance(step(frozen_view(incident=fenced)), Tell)
    assert isinstance(step(frozen_view(incident=replace(fenced, told=("open",)))), Wait)


def test_force_comes_when_ec2_takes_long_and_people_when_it_takes_very_long() -> None:
    fenced = incident(State.ISOLATING, evidence_done=True, fence=1, told=("open",), fenced_ms=NOW - 21_000)
    assert step(frozen_view(incident=fenced)) == Fence(OLD, force=True)
    forced = replace(fenced, fence=2, fenced_ms=NOW - 301_000)
    assert isinstance(step(frozen_view(incident=forced)), Tell)
    assert isinstance(step(frozen_view(incident=replace(forced, told=("open", "page")))), Wait)


@pytest.mark.parametrize("state", ["running", "shutting-down", "stopping", "stopped"])
def test_only_terminated_ends_the_isolation(state: str) -> None:
    fenced = incident(State.ISOLATING, evidence_done=True, fence=1, told=("open",), fenced_ms=NOW)

    assert isinstance(step(frozen_view(incident=fenced, machines={OLD: machine(OLD, state)})), Wait)
    assert recorded(frozen_view(incident=fenced, machines={OLD: machine(OLD, "terminated")})).state is State.RECREATING


# --- when EC2 never confirms ---------------------------------------------------------------------------------------------


FORCED = incident(State.ISOLATING, evidence_done=True, fence=2, told=("open", "page"), fenced_ms=NOW - 901_000)


def test_with_fence_timeout_wait_nobody_starts_however_long_ec2_says_nothing() -> None:
    waiting = frozen_view(incident=replace(FORCED, fenced_ms=NOW - 3_000_000))

    assert isinstance(step(waiting), Wait)
    ended = recorded(replace(waiting, incident=replace(FORCED, opened_ms=NOW - 3_601_000)))
    assert (ended.state, ended.escalated_to) == (State.ESCALATED, "person")


def test_with_a_fence_timeout_it_goes_on_after_that_time_and_says_so() -> None:
    policy = replace(POLICY, fence_timeout_s=900.0)

    early = next_step(frozen_view(incident=replace(FORCED, fenced_ms=NOW - 899_000)), policy, woken_by="alarm")
    assert isinstance(early.step, Wait)
    view = frozen_view(incident=FORCED)
    decision = next_step(view, policy, woken_by="alarm")
    assert decision.rule == "proceed"
    after = apply(view, decision)
    assert (after.state, after.proceeded_ms) == (State.RECREATING, NOW)
    assert "has not confirmed for 901 s" in after.notes[-1].what
    assert parse_incident(incident_item(after)) == after


def test_nobody_goes_on_before_force_was_tried_and_people_were_told() -> None:
    policy = replace(POLICY, fence_timeout_s=60.0)

    def rule(**changes: Any) -> str:
        return next_step(frozen_view(incident=replace(FORCED, fenced_ms=NOW - 61_000, **changes)), policy, woken_by="alarm").rule

    assert rule(fence=1) == "force"
    assert rule(told=("open",)) == "unconfirmed"
    assert rule() == "proceed"


def test_an_incident_that_was_written_before_there_was_a_fence_timeout_is_read() -> None:
    item = incident_item(FORCED)
    del item["proceeded_ms"]

    assert parse_incident(item) == FORCED

"""Evidence, the kill, and waiting for EC2's word."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.incident import State
from core.steps import Fence, KeepEvidence, Tell, Wait
from tests.core.recovery_story import NOW, OLD, frozen_view, incident, machine, recorded, step


def test_evidence_comes_before_the_kill_and_the_kill_before_the_news() -> None:
    assert step(frozen_view(incident=incident(State.ISOLATING))) == KeepEvidence(OLD)
    kept = incident(State.ISOLATING, evidence_done=True)
    assert step(frozen_view(incident=kept)) == Fence(OLD, force=False)
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

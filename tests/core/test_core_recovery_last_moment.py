"""Right before the kill: whoever acts has looked itself, and what was confirmed still holds."""

from __future__ import annotations

from dataclasses import replace

from core.model import Verdict
from core.records import Request
from core.recovery.incident import Cause, State
from core.recovery.steps import Fence, TakeLook, Wait
from tests.core.recovery_story import NOW, OLD, fresh, frozen_view, healthy_view, incident, looks, machine, recorded, step

FAILS = {OLD: fresh(Verdict.FAILING)}
KEPT = incident(State.ISOLATING, evidence_done=True)


def test_who_goes_on_for_a_call_that_died_looks_itself_before_it_kills() -> None:
    """The third look of a call that has died is a minute old by the time that another goes on (found by the simulation)."""
    assert step(frozen_view(incident=KEPT)) == TakeLook(OLD)
    assert step(frozen_view(incident=KEPT, fresh={OLD: fresh(Verdict.FAILING, age_ms=16_000)})) == TakeLook(OLD)
    assert step(frozen_view(incident=KEPT, fresh={OLD: fresh(Verdict.FAILING, age_ms=14_000)})) == Fence(OLD, force=False)


def test_a_node_that_is_well_again_before_it_was_touched_is_not_touched() -> None:
    again = recorded(healthy_view(incident=KEPT, fresh={OLD: fresh(Verdict.HEALTHY)}))

    assert again.state is State.SUSPECTED
    assert recorded(healthy_view(incident=again, fresh={OLD: fresh(Verdict.HEALTHY)})).state is State.SUPPRESSED


def test_what_is_weighed_again_has_its_evidence_kept_again() -> None:
    """What was kept before is of a node that was well since: it does not tell why it is killed later."""
    again = recorded(healthy_view(incident=KEPT, fresh={OLD: fresh(Verdict.HEALTHY)}))

    assert not again.evidence_done


def test_of_two_signals_one_that_is_left_does_not_kill() -> None:
    only_outside = healthy_view(incident=KEPT, looks={OLD: looks("fff")}, fresh=FAILS)

    assert recorded(only_outside).state is State.SUSPECTED


def test_a_node_that_asks_no_more_before_it_was_touched_is_not_touched() -> None:
    request = Request(
        deployable="demo", assembly="counter", instance=OLD, epoch=1, at_ms=NOW, application="a", reason="r", expires_at=2**40
    )
    asked = incident(State.ISOLATING, evidence_done=True, cause=Cause.REQUEST)

    assert recorded(healthy_view(incident=asked, requests={OLD: request})).state is State.SUSPECTED
    assert step(frozen_view(incident=asked, requests={OLD: request}, reports={})) == Fence(OLD, force=False)


def test_a_machine_that_was_stopped_and_runs_again_is_weighed_again() -> None:
    stopped = incident(State.ISOLATING, evidence_done=True, cause=Cause.GONE)

    assert recorded(healthy_view(incident=stopped)).state is State.SUSPECTED
    assert step(healthy_view(incident=stopped, machines={OLD: machine(OLD, "stopped")})) == Fence(OLD, force=False)


def test_once_it_was_touched_there_is_no_way_back() -> None:
    fenced = replace(KEPT, fence=1, fenced_ms=NOW, told=("open",))

    assert isinstance(step(healthy_view(incident=fenced, fresh={OLD: fresh(Verdict.HEALTHY)})), Wait)


def test_a_disagreement_that_is_over_does_not_kill() -> None:
    doubted = replace(KEPT, cause=Cause.DISAGREEMENT)

    assert step(healthy_view(incident=doubted, looks={OLD: looks("ffff")})) == TakeLook(OLD)
    assert step(healthy_view(incident=doubted, looks={OLD: looks("ffff")}, fresh=FAILS)) == Fence(OLD, force=False)
    assert recorded(healthy_view(incident=doubted, fresh={OLD: fresh(Verdict.HEALTHY)})).state is State.SUSPECTED

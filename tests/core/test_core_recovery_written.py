"""What is written down of an incident: each change with its time, when it began, and in which words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from core.model import Verdict
from core.recovery.budget import Entry
from core.recovery.changes import apply, charged, with_evidence, with_fence, with_told
from core.recovery.incident import Cause, Incident, State
from core.recovery.machine import next_step
from core.recovery.snapshot import Machine, View
from core.recovery.steps import Adopt, Confirm, Decision, End, Lose, Move, Open
from tests.core.recovery_story import (
    NEW,
    NOW,
    OLD,
    POLICY,
    RECREATING,
    VERIFYING,
    fresh,
    frozen_view,
    healthy_view,
    incident,
    looks,
)

FAILS = {OLD: fresh(Verdict.FAILING)}
CONFIRMED = incident(State.CONFIRMED)
ENDED = incident(State.ESCALATED, escalated_to="person", ended_ms=NOW)


def decided(view: View) -> Decision:
    return next_step(view, POLICY, woken_by="alarm")


# --- the record --------------------------------------------------------------------------------------


def written(view: View, step: Any) -> Incident:
    return apply(view, Decision("a rule", step, "alarm"))


def test_an_incident_that_opens_knows_all_about_its_node_and_nothing_of_the_last_one() -> None:
    before = replace(ENDED, revision=7, tried=("i-1",), evidence=("e",), new_instance=NEW, front="tried")

    opened = written(healthy_view(incident=before), Open(OLD, 1, "why", NOW - 9))

    assert opened == Incident(
        deployable="demo", assembly="counter", id=f"{NOW}-{OLD}", revision=7, instance=OLD, epoch=1, state=State.SUSPECTED,
        cause=Cause.NONE, reason="why", woken_by="alarm", failed_ms=NOW - 9, opened_ms=NOW, state_ms=NOW, notes=opened.notes,
    )  # fmt: skip


def test_each_change_of_state_has_its_time_and_leaves_the_others_alone() -> None:
    view = healthy_view(incident=incident(escalated_to="deployable"))

    sure = written(view, Confirm(Cause.REQUEST, "it asks"))
    assert (sure.state, sure.cause, sure.reason, sure.confirmed_ms, sure.state_ms) == (State.CONFIRMED, Cause.REQUEST, "it asks", NOW, NOW)
    moved = written(view, Move(State.ISOLATING, "on", ""))
    assert (moved.state, moved.escalated_to, moved.isolated_ms) == (State.ISOLATING, "deployable", 0)
    assert written(view, Move(State.ISOLATING, "on", "person")).escalated_to == "person"
    assert written(view, Move(State.RECREATING, "dead", "")).isolated_ms == NOW


def test_a_replacement_that_is_adopted_or_lost_is_written_down_as_such() -> None:
    view = healthy_view(incident=replace(VERIFYING, front="tried"))

    adopted = written(view, Adopt(NEW, 5, "it runs"))
    assert (adopted.new_instance, adopted.new_epoch, adopted.verifying_ms, adopted.front) == (NEW, 5, NOW, "")
    lost = written(view, Lose(NEW, "gone"))
    assert (lost.state, lost.new_instance, lost.verifying_ms, lost.tried, lost.state_ms) == (State.RECREATING, "", 0, (NEW,), NOW)
    early = written(healthy_view(incident=replace(RECREATING, state_ms=1)), Lose(NEW, "gone"))
    assert (early.state, early.state_ms, early.tried) == (State.RECREATING, 1, (NEW,))


def test_an_end_is_nobodys_to_drive_and_keeps_the_rung_that_was_reached() -> None:
    view = healthy_view(incident=incident(driver="r-1", driven_until_ms=NOW + 9, escalated_to="deployable"))

    ended = written(view, End(State.SUPPRESSED, "over"))
    assert (ended.driver, ended.driven_until_ms, ended.ended_ms, ended.escalated_to) == ("", 0, NOW, "deployable")
    assert written(view, End(State.ESCALATED, "stuck", "person")).escalated_to == "person"


def test_what_was_done_is_written_down_with_its_time() -> None:
    open_ = incident()

    kept = with_evidence(open_, ["a", "b"], ["the console"], now_ms=NOW)
    assert (kept.evidence, kept.evidence_done) == (("a", "b"), True)
    assert kept.notes[-1].what == "evidence kept: 2 files; not kept: the console"
    assert with_evidence(open_, ["a"], [], now_ms=NOW).notes[-1].what == "evidence kept: 1 files"
    first = with_fence(open_, OLD, ["the group was told"], force=False, began_ms=NOW)
    assert (first.fence, first.acted_ms, first.fenced_ms) == (1, NOW, NOW)
    assert first.notes[-1].what == f"fencing {OLD}: the group was told"
    forced = with_fence(first, OLD, [], force=True, began_ms=NOW + 20)
    assert (forced.fence, forced.acted_ms, forced.fenced_ms) == (2, NOW, NOW)
    assert forced.notes[-1].what == f"fencing {OLD}: it is gone already"
    assert with_told(open_, "open", "told people", now_ms=NOW).told == ("open",)
    assert with_told(replace(open_, told=("open",)), "end", "told people", now_ms=NOW).told == ("open", "end")


def test_a_charge_is_one_entry_of_this_incident_now() -> None:
    paid = charged(frozen_view(incident=CONFIRMED))

    assert paid.revision == 1
    assert paid.entries == (Entry(at_ms=NOW, deployable="demo", assembly="counter", incident=CONFIRMED.id, replaced=True),)
    assert charged(frozen_view(incident=CONFIRMED, budget=paid)).entries == paid.entries


# --- when it began -----------------------------------------------------------------------------------


def opened(view: View) -> int:
    step = decided(view).step
    assert isinstance(step, Open), step
    return step.failed_ms


def test_a_failure_began_when_ec2_saw_it_or_else_when_the_report_last_moved() -> None:
    gone = Machine(instance=OLD, state="terminated", address="", launched_ms=1, changed_ms=NOW - 7000)

    assert opened(healthy_view(machines={OLD: gone})) == NOW - 7000
    unseen = healthy_view(machines={OLD: replace(gone, changed_ms=0)}, looks={OLD: looks("h", silent_s=4)})
    assert opened(unseen) == NOW - 4000
    assert opened(replace(unseen, looks={})) == NOW
    assert opened(healthy_view(machines={OLD: replace(gone, changed_ms=NOW + 1)})) == NOW, "a clock ahead of ours"


def test_silence_began_when_the_report_last_moved_and_a_failure_with_the_first_look_that_saw_it() -> None:
    assert opened(frozen_view(fresh=FAILS)) == NOW - 31_000, "the earlier of the two"
    late = looks("hhffff", silent_s=16)
    assert opened(frozen_view(looks={OLD: late}, fresh=FAILS)) == NOW - 30_000
    moving = looks("hhhfff", silent_s=0)
    assert opened(healthy_view(looks={OLD: moving}, fresh=FAILS)) == NOW - 20_000
    never = replace(looks("hhhfff"), report_moved_ms=0)
    assert opened(healthy_view(looks={OLD: never}, fresh=FAILS)) == NOW - 20_000


def test_both_signals_are_named_when_both_are_there() -> None:
    both = decided(frozen_view(fresh=FAILS)).step
    inside = decided(frozen_view(fresh={OLD: fresh(Verdict.HEALTHY)})).step

    assert both.reason == "its reports have been silent for 31 s, and looks from outside fail"  # type: ignore[union-attr]
    assert inside.reason == "its reports have been silent for 31 s"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({}, "doubt-known"),
        ({"looks": {OLD: looks("hhhfff", silent_s=31)}}, "look-first"),
        ({"looks": {OLD: looks("hhhhhh")}}, "well"),
    ],
)
def test_one_signal_that_people_know_of_is_no_news_but_two_are(changes: dict[str, Any], rule: str) -> None:
    doubted = incident(State.SUPPRESSED, escalated_to="person", ended_ms=NOW, told=("end",))
    view = healthy_view(looks={OLD: looks("hhhfff")}, incident=doubted)

    assert decided(replace(view, **changes)).rule == rule


@pytest.mark.parametrize(
    ("last", "rule"),
    [
        (ENDED, "given-up"),
        (replace(ENDED, instance="i-other"), "well"),
        (replace(ENDED, epoch=9), "well"),
        (replace(ENDED, state=State.EXHAUSTED), "given-up"),
        (replace(ENDED, state=State.EXHAUSTED, instance="i-other"), "well"),
        (replace(ENDED, state=State.RECOVERED), "well"),
    ],
)
def test_what_was_given_up_is_known_of_that_node_alone(last: Incident, rule: str) -> None:
    assert decided(healthy_view(incident=replace(last, told=("end",)))).rule == rule

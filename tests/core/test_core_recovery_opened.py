"""When an incident is opened, when it is not, and since when it is said to be: what was known before, and what was missed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from core.model import Front, FrontKind, Verdict
from core.records import Permit, Phase
from core.recovery.incident import Cause, Incident, State
from core.recovery.intents import Kind, Standing, asked, standing
from core.recovery.machine import next_step
from core.recovery.opening import missed_predecessor
from core.recovery.snapshot import Front as FrontSeen
from core.recovery.snapshot import Machine, Member, View
from core.recovery.steps import Decision, KeepEvidence, Open, PlaceFront, Wait
from tests.core.recovery_story import (
    NEW,
    NOW,
    OLD,
    POLICY,
    RECREATING,
    VERIFYING,
    WATCHED,
    fresh,
    frozen_view,
    healthy_view,
    incident,
    looks,
    machine,
    replaced_view,
    report,
)

FAILING = {OLD: report(verdict=Verdict.FAILING)}
GONE = {OLD: machine(OLD, "terminated")}
OUTSIDE = {OLD: looks("hhhfff")}


def decided(view: View) -> Decision:
    return next_step(view, POLICY, woken_by="alarm")


def paused() -> Standing:
    return standing([asked(Kind.PAUSE, "counter", deployable="demo", reason="why", who="ann", now_ms=NOW, for_s=60)], "counter", NOW)


def ended(**changes: Any) -> Incident:
    return incident(**{"state": State.SUPPRESSED, "ended_ms": NOW, "told": ("end",), "cause": Cause.NONE, **changes})


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({}, "pause-recorded"),
        ({"reports": FAILING}, "pause-recorded"),
        ({"looks": OUTSIDE}, "pause-recorded"),
        ({"reports": FAILING, "looks": OUTSIDE}, "look-first"),
        ({"reports": FAILING, "looks": {OLD: looks("hhhhhf")}}, "pause-recorded"),  # too short to be certain: it would be left again
        ({"machines": GONE}, "gone"),
        ({"machines": GONE, "incident": ended(cause=Cause.GONE)}, "pause-recorded"),
        ({"reports": FAILING, "looks": OUTSIDE, "incident": ended(cause=Cause.SIGNALS)}, "pause-recorded"),
        ({"intents": Standing()}, "well"),
        ({"incident": ended(state=State.RECOVERED)}, "well"),
    ],
)
def test_one_record_a_pause_is_enough_unless_what_was_in_doubt_is_certain_now(changes: dict[str, Any], rule: str) -> None:
    assert decided(healthy_view(**{"intents": paused(), "incident": ended(), **changes})).rule == rule


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"reports": FAILING}, "look-first"),
        ({"looks": OUTSIDE}, "look-first"),
        ({"reports": FAILING, "fresh": {OLD: fresh(Verdict.HEALTHY)}}, "fails-inside"),
        ({"looks": OUTSIDE, "fresh": {OLD: fresh(Verdict.FAILING)}}, "fails-outside"),
        ({"looks": OUTSIDE, "fresh": {OLD: fresh(Verdict.HEALTHY)}}, "well"),
        ({"looks": {}}, "well"),
        ({"looks": {OLD: replace(looks("h"), looks=())}}, "well"),
        ({"looks": OUTSIDE, "incident": ended(state=State.RECOVERED, escalated_to="person")}, "look-first"),
        ({"looks": OUTSIDE, "incident": ended(escalated_to="deployable")}, "look-first"),
        ({"looks": OUTSIDE, "incident": ended(escalated_to="person")}, "doubt-known"),
        ({"incident": ended(state=State.RECOVERED, told=("open",))}, "end-untold"),
    ],
)
def test_one_signal_is_looked_into_and_none_is_left_alone(changes: dict[str, Any], rule: str) -> None:
    assert decided(healthy_view(**changes)).rule == rule


def test_a_node_that_nobody_looked_at_began_to_fail_now() -> None:
    seen = {OLD: fresh(Verdict.FAILING)}

    for kept in ({}, {OLD: replace(looks("h"), looks=())}):
        step = decided(healthy_view(reports=FAILING, looks=kept, fresh=seen)).step
        assert isinstance(step, Open)
        assert step.failed_ms == NOW
    now = replace(looks("hhhfff"), report_moved_ms=NOW)
    step = decided(healthy_view(reports=FAILING, looks={OLD: now}, fresh=seen)).step
    assert isinstance(step, Open)
    assert step.failed_ms == NOW - 20_000, "its report moves: the looks say since when"


# --- what nobody noticed ------------------------------------------------------------------------------


def missed(**changes: Any) -> View:
    """The new node serves under its permit; the old one is terminated and no incident tells of it."""
    view = replaced_view(
        permit=Permit(deployable="demo", assembly="counter", instance=NEW, epoch=2, at_ms=NOW, predecessor=OLD), reports={}
    )
    return replace(view, reports={NEW: report(NEW, epoch=2)}, **changes)


def permit(**changes: Any) -> Permit:
    return replace(Permit(deployable="demo", assembly="counter", instance=NEW, epoch=2, at_ms=NOW, predecessor=OLD), **changes)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({}, "missed"),
        ({"permit": permit(at_ms=NOW - 300_000)}, "missed"),
        ({"permit": permit(at_ms=NOW - 300_001)}, "well"),
        ({"permit": permit(predecessor=None)}, "well"),
        ({"incident": ended(state=State.RECOVERED)}, "well"),
        ({"incident": ended(state=State.RECOVERED, instance="i-0", tried=(OLD,))}, "well"),
        ({"incident": ended(state=State.RECOVERED, instance="i-0")}, "missed"),
        # Before that one was opened, of the node that holds the permit now, its predecessor was asked about.
        ({"incident": ended(instance=NEW, epoch=2)}, "well"),
        ({"incident": ended(instance=NEW, epoch=1)}, "missed"),
        ({"machines": {OLD: machine(OLD), NEW: machine(NEW)}}, "well"),
        ({"reports": {OLD: report(phase=Phase.RELEASED), NEW: report(NEW, epoch=2)}}, "well"),
        ({"reports": {OLD: report(), NEW: report(NEW, epoch=2)}}, "missed"),
    ],
)
def test_a_loss_whose_successor_was_quicker_than_anybodys_suspicion_is_recorded(changes: dict[str, Any], rule: str) -> None:
    assert decided(replace(missed(), **changes)).rule == rule


def test_tick_asks_for_it_of_the_latest_incident_alone() -> None:
    """Recovery's own rules ask it of what they have found out before."""
    of_holder = ended(instance=NEW, epoch=2)

    assert missed_predecessor(missed(), replace(of_holder, epoch=1)) == OLD
    assert missed_predecessor(missed(), of_holder) is None
    assert missed_predecessor(missed(), replace(of_holder, epoch=3)) is None


def test_it_began_when_ec2_saw_it_or_when_its_successor_was_let_in() -> None:
    seen = Machine(instance=OLD, state="terminated", address="", launched_ms=1, changed_ms=NOW - 9000)
    earlier = permit(at_ms=NOW - 4000)

    for machines, failed_ms in (({OLD: seen}, NOW - 9000), ({OLD: replace(seen, changed_ms=0)}, NOW - 4000)):
        step = decided(missed() if not machines else replace(missed(), permit=earlier, machines={**machines, NEW: machine(NEW)})).step
        assert isinstance(step, Open)
        assert (step.instance, step.epoch, step.failed_ms) == (OLD, 1, failed_ms)


# --- isolating, and a new node that never runs -----------------------------------------------------------


def test_a_machine_that_is_gone_needs_no_kill_and_one_that_is_not_fenced_is_not_taken_for_dead() -> None:
    gone = healthy_view(machines=GONE, incident=incident(State.ISOLATING, cause=Cause.GONE, evidence_done=True))

    assert decided(gone).rule == "fenced"
    assert decided(replace(gone, incident=incident(State.ISOLATING, cause=Cause.SIGNALS, evidence_done=True))).rule == "own-look"
    assert decided(replace(gone, incident=incident(State.ISOLATING, cause=Cause.SIGNALS, evidence_done=True, fence=1))).rule == "fenced"
    early = decided(replace(gone, incident=incident(State.ISOLATING, cause=Cause.GONE)))
    assert (early.rule, early.step) == ("evidence", KeepEvidence(OLD))


@pytest.mark.parametrize(
    ("lifecycle", "age_ms", "rule"),
    [
        ("InService", 300_000, "not-up-yet"),
        ("InService", 300_001, "idle"),
        ("Pending:Wait", 300_001, "not-up-yet"),
        (None, 300_001, "not-up-yet"),
    ],
)
def test_a_node_that_was_let_in_and_does_not_run_ends_the_wait_for_it(lifecycle: str | None, age_ms: int, rule: str) -> None:
    members = {} if lifecycle is None else {NEW: Member(instance=NEW, lifecycle=lifecycle, healthy=True)}
    view = healthy_view(
        permit=permit(at_ms=NOW - age_ms), members=members, machines={OLD: machine(OLD, "terminated"), NEW: machine(NEW)},
        reports={}, incident=replace(RECREATING, isolated_ms=NOW),
    )  # fmt: skip
    found = decided(view)

    assert found.rule == rule
    if rule == "idle":
        assert found.step.to is State.ESCALATED  # type: ignore[union-attr]


def test_while_verifying_a_front_is_asked_for_once_and_a_look_waited_for() -> None:
    view = replaced_view(incident=VERIFYING, fresh={NEW: fresh(Verdict.UNKNOWN)}, front=FrontSeen(held_by=NEW, tried=True))
    seen = replace(VERIFYING, front="read back, not tried")

    assert decided(replace(view, front=None)).step == PlaceFront(NEW)
    assert decided(replace(view, incident=seen, front=None)).rule == "unanswered"
    waits = decided(replace(view, incident=seen)).step
    assert isinstance(waits, Wait)
    assert waits.again_s == 2.0
    none = replace(WATCHED, front=Front(kind=FrontKind.NONE))
    assert decided(replace(view, watched=none, front=None)).rule == "unanswered"


def test_frozen_and_gone_is_gone() -> None:
    assert decided(frozen_view(machines=GONE)).rule == "gone"


def test_a_holder_before_it_that_ec2_has_forgotten_is_missed_as_of_the_next_permit() -> None:
    permit = Permit(deployable="demo", assembly="counter", instance=NEW, epoch=2, at_ms=NOW - 3000, predecessor=OLD)
    opened = decided(replaced_view(permit=permit, machines={NEW: machine(NEW)}, reports={NEW: report(NEW, epoch=2)}))

    why = f"EC2 says {OLD} is unknown to EC2, and {NEW} had its permit before anybody asked"
    assert (opened.rule, opened.step) == ("missed", Open(OLD, 1, why, NOW - 3000))


def test_a_node_that_is_silent_and_answers_has_failed_since_its_last_report() -> None:
    silent = decided(healthy_view(looks={OLD: looks("hhhhhh", silent_s=31)}, fresh={OLD: fresh(Verdict.HEALTHY)}))

    assert isinstance(silent.step, Open)
    assert (silent.rule, silent.step.failed_ms) == ("fails-inside", NOW - 31_000)

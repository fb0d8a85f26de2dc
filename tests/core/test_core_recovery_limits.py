"""Every number of recovery, to the millisecond: at it nothing has changed yet, a millisecond later it has."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from core.model import Front, FrontKind, OnDisagreement, Verdict
from core.records import Permit, Phase
from core.recovery.budget import Budget, Entry
from core.recovery.incident import Cause, State
from core.recovery.intents import Kind, asked, standing
from core.recovery.machine import next_step
from core.recovery.snapshot import Front as FrontSeen
from core.recovery.snapshot import Member, View
from core.recovery.steps import Confirm, Decision, End, Wait
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

FAILS = {OLD: fresh(Verdict.FAILING)}
ISOLATING = incident(State.ISOLATING, evidence_done=True, told=("open",), fence=1, fenced_ms=NOW)
DONE = incident(State.ISOLATING, evidence_done=True, told=("open",), fence=2, fenced_ms=NOW)
CONFIRMED = incident(State.CONFIRMED)
ENDED = incident(State.ESCALATED, escalated_to="person", ended_ms=NOW)


def decided(view: View) -> Decision:
    return next_step(view, POLICY, woken_by="alarm")


def at(view: View, later_ms: int) -> View:
    """The same world, so much later by the functions' clock; looks are taken anew."""
    moved = {i: replace(f, taken_ms=f.taken_ms + later_ms) for i, f in view.fresh.items()}
    return replace(view, now_ms=view.now_ms + later_ms, fresh=moved)


def told_of(view: View) -> View:
    assert view.incident is not None
    return replace(view, incident=replace(view.incident, told=("doubt",)))


def expects_new(**changes: Any) -> View:
    """The old node is dead, no new one is permitted."""
    base = healthy_view(machines={OLD: machine(OLD, "terminated")}, members={}, incident=replace(RECREATING, isolated_ms=NOW))
    return replace(base, **changes)


def verifying(**changes: Any) -> View:
    return replaced_view(**{"incident": replace(VERIFYING, front="read back, not tried", state_ms=NOW), **changes})


UNWELL = {NEW: report(NEW, epoch=2, verdict=Verdict.FAILING)}
ONE_SIGNAL = healthy_view(looks={OLD: looks("hhhhff")}, fresh=FAILS, incident=incident(opened_ms=NOW))
AGENT = frozen_view(
    looks={OLD: looks("hhhfff")}, reports={OLD: report(verdict=Verdict.FAILING)}, incident=incident(opened_ms=NOW),
    fresh={OLD: replace(FAILS[OLD], answered=True)},
)  # fmt: skip


REPLACING = replace(WATCHED, on_disagreement=OnDisagreement.REPLACE)
DISAGREES = healthy_view(watched=REPLACING, looks={OLD: looks("hhhfff")}, fresh=FAILS, incident=incident(opened_ms=NOW))
BRIEFLY = replace(DISAGREES, looks={OLD: looks("hhhhhf")})  # not for long enough to act on
BUSY = replace(DISAGREES, watched=WATCHED, reports={OLD: report(verdict=Verdict.BUSY)})


@pytest.mark.parametrize(
    ("view", "limit_s", "before", "after"),
    [
        pytest.param(ONE_SIGNAL, 60, "look-again", "one-signal", id="doubt_s"),
        pytest.param(AGENT, 120, "agent-at-it", "two-signals", id="start_grace"),
        pytest.param(DISAGREES, 60, "disagrees", "tell-doubt", id="doubt_s, to be replaced"),
        pytest.param(told_of(DISAGREES), 600, "disagrees", "disagreement", id="disagreement_s"),
        pytest.param(told_of(BRIEFLY), 660, "disagrees", "one-signal", id="disagreement_s and doubt_s"),
        pytest.param(BUSY, 600, "busy", "one-signal", id="busy_s"),
        pytest.param(healthy_view(machines={OLD: machine(OLD)}, incident=ISOLATING), 20, "wait", "force", id="force_after_s"),
        pytest.param(healthy_view(incident=DONE), 300, "wait", "unconfirmed", id="fence_page_s"),
        pytest.param(expects_new(), 420, "unpermitted", "late", id="fence_page_s and start_grace"),
        pytest.param(verifying(reports=UNWELL), 300, "not-well", "too-late", id="verify_s"),
        pytest.param(
            verifying(reports=UNWELL, watched=replace(WATCHED, front=Front(kind=FrontKind.NLB, ports=(1,)))),
            600, "not-well", "too-late", id="new_target_s",
        ),
        pytest.param(healthy_view(incident=ENDED), 3600, "given-up", "well", id="quiet_s"),
        pytest.param(healthy_view(incident=replace(ENDED, state=State.EXHAUSTED)), 600, "given-up", "well", id="budget_window_s"),
        pytest.param(
            expects_new(incident=replace(RECREATING, opened_ms=NOW, told=("open", "late"))), 3600, "unpermitted", "too-old", id="incident_s"
        ),
    ],
)  # fmt: skip
def test_at_its_limit_nothing_has_changed_and_a_millisecond_later_it_has(view: View, limit_s: int, before: str, after: str) -> None:
    view = (
        replace(view, incident=replace(view.incident, told=(*view.incident.told, "end"))) if view.incident and view.incident.ended else view
    )

    assert decided(at(view, limit_s * 1000)).rule == before
    assert decided(at(view, limit_s * 1000 + 1)).rule == after


@pytest.mark.parametrize(
    ("view", "rule", "taken"),
    [
        pytest.param(frozen_view(incident=incident()), "third-look", OLD, id="suspected"),
        pytest.param(verifying(), "look", NEW, id="verifying"),
    ],
)
def test_a_look_of_five_seconds_ago_is_the_last_that_counts(view: View, rule: str, taken: str) -> None:
    def seen(age_ms: int) -> str:
        return decided(replace(view, fresh={taken: fresh(Verdict.FAILING, age_ms=age_ms)})).rule

    assert seen(5000) != rule
    assert seen(5001) == rule
    assert decided(replace(view, fresh={})).rule == rule


def test_looks_must_have_failed_for_ten_seconds() -> None:
    def spanning(ms: int) -> str:
        failing = looks("hff", silent_s=31)
        first, second, third = failing.looks
        seen = replace(failing, looks=(first, replace(second, at_ms=third.at_ms - ms), third))
        return decided(frozen_view(looks={OLD: seen}, fresh=FAILS, incident=incident())).rule

    assert spanning(9_999) == "look-again"
    assert spanning(10_000) == "two-signals"


def test_what_confirms_it_is_said_in_full() -> None:
    step = decided(frozen_view(incident=incident(), fresh=FAILS)).step

    assert isinstance(step, Confirm)
    assert step == Confirm(
        Cause.SIGNALS,
        "its reports have been silent for 31 s; looks from outside have failed for 20 s, and so did a fresh one "
        "(HA port: no answer within 2 s; HTTP: no answer within 2 s)",
    )


# --- guards ------------------------------------------------------------------------------------------


def entries(*at_ms: int, apart: bool = True) -> Budget:
    return Budget(
        entries=tuple(
            Entry(at_ms=ms, deployable="demo", assembly=f"a{n}" if apart else "counter", incident=f"x{n}", replaced=True)
            for n, ms in enumerate(at_ms)
        )
    )


def confirmed(budget: Budget, assemblies: int = 20, **changes: Any) -> str:
    return decided(frozen_view(incident=replace(CONFIRMED, **changes), budget=budget, assemblies=assemblies)).rule


def test_a_meltdown_is_five_assemblies_within_ten_minutes_this_one_counted() -> None:
    assert confirmed(entries(*[NOW] * 3)) == "pay"
    assert confirmed(entries(*[NOW] * 4)) == "meltdown"
    assert confirmed(entries(*[NOW - 600_000] * 4)) == "meltdown"
    assert confirmed(entries(NOW, NOW, NOW, NOW - 600_001)) == "pay"


def test_and_a_fifth_of_all() -> None:
    assert confirmed(entries(*[NOW] * 4), assemblies=25) == "meltdown"
    assert confirmed(entries(*[NOW] * 4), assemblies=26) == "pay"


def test_an_assembly_that_was_down_before_is_counted_once() -> None:
    own = Entry(at_ms=NOW, deployable="demo", assembly="counter", incident="x", replaced=True)
    three = entries(*[NOW] * 3)

    assert confirmed(replace(three, entries=(*three.entries, own))) == "pay"
    assert confirmed(replace(three, entries=(*three.entries, replace(own, at_ms=NOW - 700_000)))) == "pay"
    assert confirmed(replace(three, entries=(*three.entries, replace(own, assembly="another")))) == "meltdown"


def test_ten_replacements_within_ten_minutes_are_all_there_are() -> None:
    assert confirmed(entries(*[NOW] * 9, apart=False)) != "budget-spent"
    assert confirmed(entries(*[NOW] * 10, apart=False)) == "budget-spent"
    assert confirmed(entries(*[NOW] * 9, NOW - 600_000, apart=False)) == "budget-spent"
    assert confirmed(entries(*[NOW] * 9, NOW - 600_001, apart=False)) != "budget-spent"


@pytest.mark.parametrize("budget", [entries(*[NOW] * 12), entries(*[NOW] * 12, apart=False)])
def test_neither_holds_back_what_is_gone_or_paid_for(budget: Budget) -> None:
    paid = Entry(at_ms=NOW, deployable="demo", assembly="counter", incident=CONFIRMED.id, replaced=True)

    assert confirmed(budget) in ("meltdown", "budget-spent")
    assert confirmed(budget, cause=Cause.GONE) == "pay"
    assert confirmed(replace(budget, entries=(*budget.entries, paid))) in ("past-tolerance", "go-on")


def test_the_third_replacement_within_the_tolerances_window_is_past_a_tolerance_of_two() -> None:
    def paid(*at_ms: int) -> Decision:
        mine = Entry(at_ms=NOW, deployable="demo", assembly="counter", incident=CONFIRMED.id, replaced=True)
        budget = entries(*at_ms, apart=False)
        return decided(frozen_view(incident=CONFIRMED, budget=replace(budget, entries=(*budget.entries, mine))))

    assert paid(NOW).rule == "go-on"
    assert paid(NOW, NOW - 3_600_001).rule == "go-on"
    assert paid(NOW, NOW - 3_600_000).rule == "past-tolerance"
    assert "3 replacements within 3600 s, 2 are tolerated" in paid(NOW, NOW).step.reason  # type: ignore[union-attr]


# --- recreating and verifying ------------------------------------------------------------------------


def test_people_are_told_how_long_it_took() -> None:
    assert "after 301 s" in decided(at(healthy_view(incident=DONE), 301_000)).step.reason  # type: ignore[union-attr]
    assert decided(at(expects_new(), 421_000)).step.reason == f"421 s after {OLD} was fenced no new node runs"  # type: ignore[union-attr]


def test_who_is_on_its_way_is_said_while_nobody_is_permitted() -> None:
    old = Member(instance=OLD, lifecycle="Terminating", healthy=False)
    new = Member(instance=NEW, lifecycle="Pending:Wait", healthy=True)

    assert decided(expects_new(members={OLD: old})).step.reason.endswith("the group has none yet")  # type: ignore[union-attr]
    assert decided(expects_new(members={OLD: old, NEW: new})).step.reason.endswith(f"the group has {NEW}")  # type: ignore[union-attr]


def permitted(epoch: int = 2) -> Permit:
    return Permit(deployable="demo", assembly="counter", instance=NEW, epoch=epoch, at_ms=NOW)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({}, "not-up-yet"),
        ({"reports": {NEW: report(NEW, epoch=2)}}, "runs"),
        ({"reports": {NEW: report(NEW, epoch=1)}}, "not-up-yet"),
        ({"reports": {NEW: report(NEW, epoch=2, phase=Phase.STARTING)}}, "not-up-yet"),
        ({"machines": {NEW: machine(NEW, "terminated")}}, "died"),
        ({"machines": {NEW: machine(NEW, "terminated")}, "incident": replace(RECREATING, tried=(NEW,))}, "not-up-yet"),
        ({"machines": {NEW: machine(NEW, "terminated")}, "permit": permitted(1)}, "unpermitted"),
        ({"members": {OLD: Member(instance=OLD, lifecycle="InService", healthy=True)}}, "nudge"),
        ({"members": {OLD: Member(instance=OLD, lifecycle="Terminating", healthy=True)}}, "not-up-yet"),
        ({"members": {NEW: Member(instance=NEW, lifecycle="InService", healthy=True)}, "machines": {}}, "not-up-yet"),
    ],
)
def test_recreating_goes_by_the_permits_holder(changes: dict[str, Any], rule: str) -> None:
    view = expects_new(permit=permitted(), incident=RECREATING, machines={OLD: machine(OLD, "terminated"), NEW: machine(NEW)}, reports={})

    assert decided(replace(view, **changes)).rule == rule


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({}, "recovered"),
        ({"permit": permitted(3)}, "lost"),
        ({"permit": None}, "lost"),
        ({"machines": {NEW: machine(NEW, "terminated")}}, "lost"),
        ({"reports": {}}, "not-well"),
        ({"reports": {NEW: report(NEW, epoch=1)}}, "not-well"),
        ({"reports": {NEW: report(NEW, epoch=2, phase=Phase.STARTING)}}, "not-well"),
        ({"reports": UNWELL}, "not-well"),
        ({"reports": {NEW: report(NEW, epoch=2, verdict=Verdict.BUSY)}}, "recovered"),
        ({"members": {}}, "not-in-service"),
        ({"fresh": {NEW: fresh(Verdict.FAILING)}}, "unanswered"),
        ({"fresh": {NEW: fresh(Verdict.UNKNOWN)}}, "unanswered"),
        ({"incident": VERIFYING, "front": None}, "front-away"),
        ({"incident": VERIFYING, "front": FrontSeen(held_by=OLD, tried=True)}, "front-away"),
        ({"incident": VERIFYING, "front": FrontSeen(held_by=NEW, tried=False)}, "front-silent"),
        ({"incident": VERIFYING, "front": FrontSeen(held_by=NEW, tried=None)}, "front-seen"),
        ({"incident": VERIFYING, "watched": replace(WATCHED, front=Front(kind=FrontKind.NONE))}, "recovered"),
        ({"front": FrontSeen(held_by=NEW, tried=False)}, "recovered"),
    ],
)
def test_recovered_is_what_was_seen_in_every_respect(changes: dict[str, Any], rule: str) -> None:
    view = verifying(fresh={NEW: fresh(Verdict.HEALTHY)}, front=FrontSeen(held_by=NEW, tried=True))

    assert decided(replace(view, **changes)).rule == rule


def test_what_was_missing_in_the_end_is_said() -> None:
    late = {"state_ms": NOW - 300_001}
    waits = decided(verifying(reports=UNWELL, incident=replace(VERIFYING, **late))).step
    asks = decided(verifying(incident=replace(VERIFYING, **late))).step

    assert waits == End(State.ESCALATED, f"not verified in time: {NEW} does not report running and well yet", "person")
    assert asks == End(State.ESCALATED, "not verified in time: PlaceFront", "person")
    gone = decided(verifying(members={})).step
    assert gone.reason == f"{NEW} is not in service yet: not in the group"  # type: ignore[union-attr]
    pending = decided(verifying(members={NEW: Member(instance=NEW, lifecycle="Pending:Wait", healthy=True)})).step
    assert pending.reason == f"{NEW} is not in service yet: Pending:Wait"  # type: ignore[union-attr]


def test_a_disagreement_with_a_node_that_is_to_be_left_alone_is_one_signal() -> None:
    assert decided(at(replace(DISAGREES, watched=WATCHED), 60_001)).rule == "one-signal"
    assert decided(at(told_of(replace(DISAGREES, watched=WATCHED)), 600_001)).rule == "one-signal"
    assert decided(at(told_of(DISAGREES), 600_001)).rule == "disagreement"
    assert decided(at(told_of(BRIEFLY), 600_001)).rule == "disagrees"


def test_an_agent_that_is_silent_is_not_waited_for() -> None:
    silent = replace(AGENT, looks={OLD: looks("hhhfff", silent_s=31)})

    assert decided(AGENT).rule == "agent-at-it"
    assert decided(silent).rule == "two-signals"
    assert decided(replace(AGENT, fresh=FAILS)).rule == "two-signals"


def test_a_node_in_its_launch_hook_is_waited_for_and_one_without_the_permit_dropped() -> None:
    pending = {OLD: Member(instance=OLD, lifecycle="Pending:Wait", healthy=True)}
    view = frozen_view(incident=incident(), fresh=FAILS)

    assert decided(replace(view, members=pending)) == Decision("starting", Wait(f"{OLD} is in its start grace", 5.0), "alarm")
    assert decided(replace(view, permit=permitted(1))).rule == "two-signals"
    assert decided(replace(view, permit=permitted(2))).step == End(State.SUPPRESSED, f"the permit has moved on to {NEW}")


def test_shadow_mode_ends_what_is_not_paid_for() -> None:
    shadow = standing([asked(Kind.SHADOW, "counter", deployable="demo", reason="why", who="ann", now_ms=NOW, for_s=60)], "counter", NOW)
    paid = Entry(at_ms=NOW, deployable="demo", assembly="counter", incident=CONFIRMED.id, replaced=True)
    view = frozen_view(incident=CONFIRMED, intents=shadow)

    assert decided(view).step == End(State.SUPPRESSED, f"shadow mode: {OLD} would have been replaced: silent")
    assert decided(replace(view, budget=Budget(entries=(paid,)))).rule == "go-on"


def test_where_the_file_says_proceed_it_goes_on_after_its_time_and_its_force() -> None:
    chosen = replace(POLICY, fence_timeout_s=100.0)

    def rule(waited_ms: int, **changes: Any) -> str:
        view = at(healthy_view(incident=replace(DONE, told=("open", "page"), **changes)), waited_ms)
        return next_step(view, chosen, woken_by="alarm").rule

    assert rule(100_000) == "wait"
    assert rule(100_001) == "proceed"
    assert rule(100_001, fence=1) == "force"
    assert decided(at(healthy_view(incident=replace(DONE, told=("open", "page"))), 3_000_000)).rule == "wait"

"""A node that serves on until another one is ready: one condition at a time, and to the millisecond."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from core.policy import Policy
from core.records import Phase
from core.recovery.case import Case
from core.recovery.incident import Cause, State
from core.recovery.limping import serves_on
from core.recovery.machine import next_step
from core.recovery.rules import NONE
from core.recovery.snapshot import Member, View
from core.recovery.steps import End, KeepOne, LaunchFirst, Tell, Wait
from tests.core.one_rule import answer
from tests.core.recovery_story import NEW, NOW, OLD, POLICY, healthy_view, incident, looks, machine, report, spent, step
from tests.core.test_core_recovery_limping import beside, limping
from tests.core.test_core_recovery_order import PENDING, RETIRING
from tests.core.test_core_recovery_order_rungs import called
from tests.core.test_core_recovery_rungs import RUNG, TWICE, budget

THIRD = "i-0ccc"


def holds_back(view: View, policy: Policy = POLICY) -> bool:
    assert view.incident is not None
    return serves_on(Case(view, policy, view.incident, OLD, view.seen(OLD)))


def because(view: View, cause: Cause) -> View:
    assert view.incident is not None
    return replace(view, incident=replace(view.incident, cause=cause))


# --- whether it serves on ---------------------------------------------------------------------------


@pytest.mark.parametrize("cause", list(Cause))
def test_only_an_operators_word_and_a_disagreement_are_of_nodes_that_may_serve(cause: Cause) -> None:
    assert holds_back(because(limping(), cause)) is (cause in (Cause.OPERATOR, Cause.DISAGREEMENT))


def test_any_time_but_none_at_all_holds_it_back() -> None:
    assert holds_back(limping(), replace(POLICY, limping_s=0.5))
    assert not holds_back(limping(), replace(POLICY, limping_s=0))


@pytest.mark.parametrize(
    "away",
    [{"looks": {OLD: looks("hhhhhh", silent_s=31)}}, {"members": PENDING}, {"members": RETIRING}, {"members": {}}]
    + [{"machines": {OLD: machine(OLD, state)}} for state in ("stopping", "stopped", "terminated")],
)
def test_what_does_not_serve_is_not_held_back(away: dict[str, Any]) -> None:
    assert holds_back(limping())
    assert not holds_back(limping(**away))


def test_what_fails_once_too_often_goes_with_its_whole_deployable_and_what_an_operator_wants_does_not() -> None:
    often = limping(budget=spent(2))

    assert not holds_back(because(often, Cause.DISAGREEMENT))
    assert holds_back(because(often, Cause.OPERATOR))


def test_past_every_rung_it_is_held_back_all_the_same() -> None:
    again = [replace(entry, at_ms=RUNG.at_ms + 1 + n) for n, entry in enumerate(TWICE)]

    assert holds_back(limping(budget=budget(RUNG, *again))), "the whole was recreated within the hour: only its own node goes"


def test_ready_is_another_machine_that_lives_has_not_been_let_in_and_says_that_it_waits() -> None:
    ready = beside(limping())
    assert not holds_back(ready)

    assert holds_back(beside(limping(), phase=None)), "it has said nothing yet"
    assert holds_back(beside(limping(), phase=Phase.STARTING))
    assert holds_back(beside(limping(), lifecycle="Terminating:Wait")), "it is taken away"
    assert holds_back(replace(ready, machines={**ready.machines, NEW: machine(NEW, "terminated")}))


def test_one_that_died_in_its_boot_does_not_hide_another_that_is_ready() -> None:
    died = beside(limping())
    third = {THIRD: Member(instance=THIRD, lifecycle="Pending:Wait", healthy=True)}
    both = replace(
        died,
        members={**died.members, **third},
        machines={**died.machines, NEW: machine(NEW, "terminated"), THIRD: machine(THIRD)},
        reports={**died.reports, THIRD: report(THIRD, epoch=0, phase=Phase.WAITING)},
    )

    assert not holds_back(both)


# --- how long ---------------------------------------------------------------------------------------


def test_people_are_told_past_the_time_and_once() -> None:
    assert step(limping(waited_s=300, wanted=2)) == Wait(
        f"{OLD} serves on until another one is ready: its group has launched none yet", 2.0
    )

    late = limping(waited_s=300.25, wanted=2)
    words = f"no other node is to be had within 300 s (its group has launched none yet): {OLD} serves on"
    assert step(late) == Tell("limping", words)
    assert late.incident is not None
    assert isinstance(step(replace(late, incident=replace(late.incident, told=("limping",)))), Wait)


def test_it_is_a_persons_past_its_time_with_what_was_asked_for() -> None:
    told = limping(waited_s=1800, wanted=2)
    assert told.incident is not None
    assert isinstance(step(replace(told, incident=replace(told.incident, told=("limping",)))), Wait)

    words = f"no other node is to be had within 1801 s (its group has launched none yet): {OLD} serves on; an operator wants it replaced"
    assert step(limping(waited_s=1801, wanted=2)) == End(State.ESCALATED, words, "person")


def test_another_one_is_asked_for_while_its_group_keeps_one() -> None:
    assert step(limping()) == LaunchFirst(OLD, f"{OLD} serves: another one is launched before it is ended")
    assert isinstance(step(limping(wanted=2)), Wait)


def test_people_hear_of_a_long_wait_before_another_one_is_asked_for_again() -> None:
    assert isinstance(step(limping(waited_s=301)), Tell)


def test_what_is_on_its_way_is_named_and_so_is_what_may_not_come() -> None:
    coming = beside(limping(), lifecycle="Pending", phase=None)
    assert step(coming).reason.endswith(f"until another one is ready: {NEW} is Pending")

    third = {THIRD: Member(instance=THIRD, lifecycle="Pending:Wait", healthy=True)}
    assert step(replace(coming, members={**coming.members, **third})).reason.endswith(f": {NEW} is Pending, {THIRD} is Pending:Wait")
    assert step(replace(coming, suspended=("AZRebalance",))).reason.endswith(f"{NEW} is Pending")
    assert step(replace(coming, suspended=("AZRebalance", "Launch"))).reason.endswith(": its group may not launch any")


# --- when nobody waits any more ---------------------------------------------------------------------

CLOSED = incident(State.ESCALATED, told=("open", "end"), ended_ms=NOW - 1000, cause=Cause.OPERATOR)


def rule(view: View) -> str:
    return next_step(view, POLICY, woken_by="tick").rule


def test_room_for_two_or_two_that_are_wanted_is_one_too_many() -> None:
    assert rule(healthy_view(incident=CLOSED)) == "given-up"
    assert rule(healthy_view(incident=CLOSED, room=2)) == "one-too-many"
    assert rule(healthy_view(incident=CLOSED, wanted=2)) == "one-too-many"


def test_a_rung_takes_along_whoever_keeps_two() -> None:
    assert rule(called(room=2)) == "called"


def test_the_one_that_goes_is_the_first_that_is_not_let_in_and_only_while_two_are_wanted() -> None:
    two = beside(healthy_view(incident=CLOSED))
    third = {THIRD: Member(instance=THIRD, lifecycle="Pending:Wait", healthy=True)}
    why = f"its group has room for 2, {OLD} has the permit and nobody waits for another one"

    assert step(two) == KeepOne(NEW, why)
    assert step(replace(two, members={**third, **two.members})) == KeepOne(NEW, why)
    assert step(replace(two, wanted=1)) == KeepOne("", why), "its group takes one away by itself"
    served = {**two.members, NEW: Member(instance=NEW, lifecycle="InService", healthy=True)}
    assert step(replace(two, members=served)) == KeepOne("", why), "who is in service is not taken for the one beside it"


@pytest.mark.parametrize(
    "away",
    [{"members": RETIRING}, {"members": PENDING}, {"machines": {OLD: machine(OLD, "stopped")}}],
    ids=["it leaves", "it is not let in", "it is stopped"],
)
def test_nothing_is_taken_away_while_the_holder_does_not_serve(away: dict[str, Any]) -> None:
    view = healthy_view(wanted=2, room=2, **away)

    assert answer(NONE, "one-too-many", Case(view, POLICY, CLOSED, OLD, view.seen(OLD))) is None
    two = healthy_view(wanted=2, room=2)
    assert answer(NONE, "one-too-many", Case(two, POLICY, CLOSED, OLD, two.seen(OLD))) is not None

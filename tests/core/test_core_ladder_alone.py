"""Each rule of the deployable's rung asked by itself, whatever the table asks before it: being called, and stopping in order."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from core.recovery import ladder
from core.recovery.budget import Budget, with_entry
from core.recovery.case import NEVER_FAILED, Case
from core.recovery.incident import Cause, Incident, State
from core.recovery.intents import Kind
from core.recovery.rung import RungSeen
from core.recovery.snapshot import View
from core.recovery.steps import CallSisters, Confirm, Join, Open, Retire, Tell, Wait
from tests.core.recovery_story import NOW, OLD, POLICY, WATCHED, healthy_view, incident, recorded
from tests.core.test_core_ladder import CALL, ID, SAID
from tests.core.test_core_recovery_order import GONE, OTHER, REQUEST, wanted

OTHERS = RungSeen(along=("gateway", "report"), order=("counter", "gateway", "report"), deaf=("report",), later=("report",))
OPEN_LEADER = incident(State.ISOLATING, ladder=ID, leader="counter", told=("open",), confirmed_ms=NOW)
OVER = replace(OPEN_LEADER, state=State.RECOVERED)
OF_ANOTHER_RUNG = replace(OPEN_LEADER, id="0000-another", ladder="0000-another")


def asked(view: View) -> Case:
    """What the rule is asked about: the open incident, or none that ever was."""
    known = NEVER_FAILED if view.incident is None else view.incident
    return Case(view, POLICY, known, OLD, view.seen(OLD))


def leads(state: State = State.ISOLATING, *, seen: dict[str, Any] | None = None, **changes: Any) -> Case:
    """counter leads the rung; its sister report took no note of it yet, starts later and still runs."""
    known = {"ladder": ID, "leader": "counter", "told": ("open",), "called_ms": NOW, "confirmed_ms": NOW}
    return asked(healthy_view(incident=incident(state, **{**known, **changes}), **{"rung": OTHERS, **(seen or {})}))


def follows(
    state: State = State.ISOLATING, *, leader: Incident | None = OPEN_LEADER, seen: dict[str, Any] | None = None, **changes: Any
) -> Case:
    """gateway is taken along by counter's, and nothing was done to it yet; report starts after it and still runs."""
    known = {"assembly": "gateway", "id": "own", "ladder": ID, "leader": "counter", "cause": Cause.ESCALATION}
    view = healthy_view(
        watched=replace(WATCHED, name="gateway", after=("counter",)), incident=incident(state, **{**known, **changes}),
        leader=leader, budget=with_entry(Budget(), CALL), rung=OTHERS,
    )  # fmt: skip
    return asked(replace(view, **(seen or {})))


def with_none_open(**changes: Any) -> Case:
    known = follows().view
    return asked(replace(known, **{"incident": None, **changes}))


# --- being called -----------------------------------------------------------------------------------


def test_a_sister_that_has_no_incident_opens_one_under_its_own_epoch_as_of_now() -> None:
    why = f"the whole deployable is recreated for counter (incident {ID}): silent"

    assert ladder.called(with_none_open()) == Open(OLD, 1, why, NOW)


def test_who_is_not_called_opens_nothing() -> None:
    other_one = replace(CALL, incident="0000-another")

    assert ladder.called(with_none_open(budget=Budget())) is None
    assert ladder.called(with_none_open(budget=Budget(entries=(other_one,)))) is None, "the last call is another rung's"
    assert ladder.called(with_none_open(budget=Budget(entries=(replace(CALL, along=("report",)),)))) is None


def test_a_call_counts_however_long_ago_it_was_made() -> None:
    first = Budget(entries=(replace(CALL, at_ms=0),))

    assert isinstance(ladder.called(with_none_open(budget=first)), Open)


def test_an_incident_of_its_own_is_tied_to_the_leading_one() -> None:
    own = follows(ladder="")

    assert ladder.join(own) == Join(ID, "counter", f"the whole deployable is recreated for counter (incident {ID}): silent")
    assert isinstance(ladder.join(asked(replace(own.view, permit=None))), Join), "nobody was let in at all"
    assert ladder.join(asked(replace(own.view, permit=OTHER))) is None, "its new node is let in already"
    assert ladder.join(asked(replace(own.view, budget=Budget()))) is None, "it is not called"


def test_its_nodes_word_against_the_database_goes_along() -> None:
    own = follows(ladder="", seen={"requests": {OLD: replace(REQUEST, reason=SAID)}})

    assert recorded(own.view).database == SAID


@pytest.mark.parametrize("leader", [None, OVER, OF_ANOTHER_RUNG], ids=["unknown", "over", "of another rung"])
def test_a_rung_takes_along_and_pays_only_while_its_own_leading_incident_is_open(leader: Incident | None) -> None:
    assert isinstance(ladder.taken_along(follows(State.SUSPECTED)), Confirm)
    assert ladder.taken_along(follows(State.SUSPECTED, leader=leader)) is None

    paid = ladder.paid_along(follows(State.CONFIRMED))
    assert paid is not None
    assert paid.reason == f"paid for by incident {ID} of counter: isolating"  # type: ignore[union-attr]  # a Move, which has one
    assert ladder.paid_along(follows(State.CONFIRMED, leader=leader)) is None


def test_the_leading_one_is_neither_taken_along_nor_paid_for_by_itself() -> None:
    itself = {"leader": OPEN_LEADER}

    assert ladder.taken_along(leads(State.SUSPECTED, seen=itself)) is None
    assert ladder.paid_along(leads(State.CONFIRMED, seen=itself)) is None


def test_in_shadow_mode_nothing_is_paid_for_by_another_either() -> None:
    assert ladder.paid_along(follows(State.CONFIRMED, seen={"intents": wanted(Kind.SHADOW)})) is None


@pytest.mark.parametrize("leader", [None, OVER, OF_ANOTHER_RUNG], ids=["unknown", "over", "of another rung"])
def test_what_was_only_taken_along_is_left_alone_when_the_rung_is_over(leader: Incident | None) -> None:
    off = ladder.called_off(follows(leader=leader))

    assert off is not None
    assert off.reason == f"incident {ID} of counter, which took it along, is over"  # type: ignore[union-attr]  # an End, which has one


WEIGHED = replace(OPEN_LEADER, state=State.SUSPECTED)


def test_nobody_is_taken_along_for_a_leading_one_that_is_weighed_again() -> None:
    waits = ladder.weighed_again(follows(leader=WEIGHED))

    assert waits == Wait(f"incident {ID} of counter, which takes it along, is weighed again", 2.0)
    assert ladder.called_off(follows(leader=WEIGHED)) is None, "it may still be confirmed"
    assert ladder.taken_along(follows(State.SUSPECTED, leader=WEIGHED)) is None
    assert ladder.paid_along(follows(State.CONFIRMED, leader=WEIGHED)) is None


@pytest.mark.parametrize(
    "other",
    [
        {"cause": Cause.SIGNALS}, {"fence": 1}, {"retiring_ms": NOW - 1}, {"leader": OPEN_LEADER}, {"leader": OVER}, {"leader": None},
        {"leader": replace(WEIGHED, id="another")},
    ],
    ids=["it failed itself", "it is being ended", "it goes offline", "the rung goes on", "it is over", "unknown", "another rung's"],
)  # fmt: skip
def test_whoever_else_waits_for_nobody(other: dict[str, Any]) -> None:
    assert ladder.weighed_again(follows(**{"leader": WEIGHED, **other})) is None


@pytest.mark.parametrize(
    "begun",
    [{"cause": Cause.SIGNALS}, {"fence": 1}, {"retiring_ms": NOW - 1}, {"leader": OPEN_LEADER}],
    ids=["it failed itself", "it is being ended", "it goes offline", "the rung goes on"],
)
def test_what_failed_or_was_begun_comes_to_its_end(begun: dict[str, Any]) -> None:
    assert ladder.called_off(follows(**{"leader": OVER, **begun})) is None


# --- stopping ---------------------------------------------------------------------------------------


def test_people_hear_of_a_rung_once_and_from_the_leading_one_alone() -> None:
    assert ladder.tell_rung(leads(told=())) == Tell("open", "silent; recreating the whole deployable, in order: counter, gateway, report")
    assert ladder.tell_rung(leads()) is None
    assert ladder.tell_rung(follows()) is None
    assert ladder.tell_rung(follows(told=("open",))) is None


def test_the_deaf_are_called_every_so_often_by_the_leading_one_alone() -> None:
    again_ms = round(POLICY.call_again_s * 1000)

    assert ladder.call_sisters(leads(called_ms=0)) == CallSisters(("report",))
    assert ladder.call_sisters(leads(called_ms=NOW - again_ms)) == CallSisters(("report",))
    assert ladder.call_sisters(leads(called_ms=NOW - again_ms + 1)) is None
    assert ladder.call_sisters(leads(called_ms=0, seen={"rung": replace(OTHERS, deaf=())})) is None, "all took note"
    assert ladder.call_sisters(follows()) is None


STOPS_FIRST = Wait("those that start later stop first: report")


def test_it_waits_for_those_that_start_later_while_they_run() -> None:
    assert ladder.later_first(follows()) == STOPS_FIRST
    assert ladder.later_first(leads()) == STOPS_FIRST
    assert ladder.later_first(follows(seen={"rung": replace(OTHERS, later=())})) is None


@pytest.mark.parametrize(
    "begun", [{"fence": 1}, {"retiring_ms": NOW}, {"seen": {"machines": GONE}}], ids=["being ended", "going offline", "ended"]
)
def test_what_is_on_its_way_out_waits_for_nobody(begun: dict[str, Any]) -> None:
    assert ladder.later_first(follows(**begun)) is None


def test_nobody_is_waited_for_after_the_rungs_time_by_the_leading_ones_clock() -> None:
    limit_ms = round(POLICY.rung_stop_s * 1000)
    just: dict[str, Any] = {"confirmed_ms": NOW - limit_ms}
    past: dict[str, Any] = {"confirmed_ms": NOW - limit_ms - 1}

    assert ladder.later_first(leads(**just)) == STOPS_FIRST
    assert ladder.later_first(leads(**past)) is None
    assert ladder.later_first(follows(leader=replace(OPEN_LEADER, **just), **past)) == STOPS_FIRST
    assert ladder.later_first(follows(leader=replace(OPEN_LEADER, **past), **just)) is None
    assert ladder.later_first(follows(leader=None, **past)) == STOPS_FIRST, "of an unknown leading one no time has passed"


def test_only_what_nothing_is_wrong_with_is_told_to_go_and_once() -> None:
    assert ladder.retire(follows()) == Retire(OLD)
    assert ladder.retire(follows(cause=Cause.SIGNALS)) is None, "what failed is ended at once"
    assert ladder.retire(follows(fence=1)) is None
    assert ladder.retire(follows(retiring_ms=NOW)) is None


def test_what_was_told_to_go_has_its_time_and_no_more() -> None:
    limit_ms = round(POLICY.retire_s * 1000)
    waits = Wait(f"{OLD} goes offline: it is running")

    assert ladder.retiring(follows(retiring_ms=NOW)) == waits
    assert ladder.retiring(follows(retiring_ms=NOW - limit_ms)) == waits
    assert ladder.retiring(follows(retiring_ms=NOW - limit_ms - 1)) is None
    assert ladder.retiring(follows(retiring_ms=NOW, fence=1)) is None, "it is being ended already"


def test_what_was_never_told_to_go_is_not_waited_for_whatever_the_clock_says() -> None:
    assert ladder.retiring(follows(seen={"now_ms": 5000})) is None

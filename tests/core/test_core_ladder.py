"""The deployable's rung: who is called, who waits for whom, when the database is failed over, and what the whole is said to be."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from core.model import Verdict
from core.records import Permit, Request
from core.recovery.budget import Budget, Entry, budget_item, parse_budget, with_entry
from core.recovery.changes import apply, charged, with_called, with_reboot, with_retired
from core.recovery.incident import Cause, Incident, State, incident_item, parse_incident
from core.recovery.machine import next_step
from core.recovery.rung import DatabaseState, RungSeen, Sister, being_replaced, call_for, later_than, seen_of, start_order, taken_down_first
from core.recovery.snapshot import View
from core.recovery.steps import CallSisters, End, KeepEvidence, RebootDatabase, Retire, Spend, Tell, Wait
from tests.core.recovery_story import (
    NEW,
    NOW,
    OLD,
    POLICY,
    VERIFYING,
    WATCHED,
    fresh,
    frozen_view,
    healthy_view,
    incident,
    machine,
    recorded,
    replaced_view,
    spent,
    step,
)  # fmt: skip

ID = "0001-i-0aaa"  # of tests.core.recovery_story.incident
AFTER = {"counter": (), "gateway": ("counter",), "report": ("gateway",)}
CALL = Entry(at_ms=NOW - 9000, deployable="demo", assembly="counter", incident=ID, replaced=True, rung=True, along=("gateway", "report"))
AVAILABLE = DatabaseState(identifier="understudy-demo", status="available", multi_az=True)
SAID = "database: it has not answered for 600 s, which is its budget (timed out); HTTP 503"


def permit(name: str) -> Permit:
    return Permit(deployable="demo", assembly=name, instance=f"i-{name}", epoch=1, at_ms=1)


def sister(name: str, known: Incident | None = None) -> Sister:
    return Sister(after=AFTER[name], permit=permit(name), incident=known)


def part(name: str, state: State, **changes: Any) -> Incident:
    return incident(state, **{"assembly": name, "id": f"id-{name}", "instance": f"i-{name}", "ladder": ID, "leader": "counter", **changes})


def leading(state: State = State.ISOLATING, *, gateway: Incident | None = None, report: Incident | None = None, **changes: Any) -> View:
    """counter leads; the other two are as far as the story says."""
    known = {"told": ("open",), "evidence_done": True, "called_ms": NOW, "ladder": ID, "leader": "counter", "escalated_to": "deployable"}
    return knowing(
        frozen_view(incident=incident(state, **{**known, **changes}), budget=with_entry(Budget(), CALL)), gateway=gateway, report=report
    )


def knowing(view: View, **known: Incident | None) -> View:
    """The same, with that of its sisters."""
    assert view.incident is not None
    return replace(
        view, rung=seen_of(view.incident, view.watched.after, {name: sister(name, one) for name, one in known.items()}, view.budget)
    )


def unpaid(count: int, **changes: Any) -> View:
    """So many replacements of it before this one, and two sisters that have nodes."""
    return replace(
        frozen_view(incident=incident(State.CONFIRMED, **changes), budget=spent(count)), rung=RungSeen(along=("gateway", "report"))
    )


def along(state: State, **changes: Any) -> View:
    """gateway is taken along; report starts after it."""
    leader = incident(State.ISOLATING, ladder=ID, leader="counter", told=("open",))
    view = healthy_view(
        watched=replace(WATCHED, name="gateway", after=("counter",)),
        incident=part("gateway", state, instance=OLD, cause=Cause.ESCALATION, evidence_done=True, **changes),
        budget=with_entry(Budget(), CALL),
        leader=leader,
    )
    return knowing(view, counter=leader, report=part("report", State.RECREATING, isolated_ms=NOW))


# --- order ---------------------------------------------------------------------------------------------------------------


def test_each_starts_after_those_it_names_and_whoever_names_it_is_later() -> None:
    assert start_order({"report": ("gateway",), "gateway": ("counter",), "counter": (), "alone": ()}) == (
        "alone", "counter", "gateway", "report",
    )  # fmt: skip
    assert start_order({"a": ("elsewhere",), "b": ("c",), "c": ("b",)}) == ("a", "b", "c")
    assert later_than("counter", AFTER) == {"gateway", "report"}
    assert later_than("report", AFTER) == frozenset()


# --- one leads, once, and pays for all --------------------------------------------------------------------------------------


def test_the_rung_is_paid_for_at_once_and_calls_the_others_by_that() -> None:
    view = unpaid(2)
    assert step(view) == Spend()

    budget = charged(view)
    assert budget.of(ID) == Entry(
        at_ms=NOW, deployable="demo", assembly="counter", incident=ID, replaced=True, rung=True, along=("gateway", "report")
    )
    assert budget.replaced(NOW) == 1 + 3  # one of the two before was this very moment
    assert budget.down(("demo", "counter"), NOW - 1) == 1, "who is only taken along did not go down: no meltdown of our own making"
    assert call_for(budget, "demo", "report", since_ms=NOW - 1) == budget.of(ID)
    assert call_for(budget, "demo", "counter", since_ms=0) is None
    assert parse_budget(budget_item(budget)) == budget


def test_a_rung_that_does_not_fit_into_the_budget_is_not_begun_and_a_person_is_called() -> None:
    view = unpaid(8)

    ended = recorded(view)
    assert (ended.state, ended.escalated_to) == (State.EXHAUSTED, "person")
    assert "would be 3 replacements more, after 8" in ended.reason


def test_what_is_gone_is_replaced_alone_when_the_whole_does_not_fit() -> None:
    view = unpaid(9, cause=Cause.GONE)

    paid = charged(view)
    assert paid.of(ID) == Entry(at_ms=NOW, deployable="demo", assembly="counter", incident=ID, replaced=True)
    assert recorded(replace(view, budget=paid)).escalated_to == "person"


def test_people_hear_of_it_once_before_anything_is_stopped_with_the_order() -> None:
    told = step(leading(told=()))

    assert isinstance(told, Tell)
    assert "in order: counter, gateway, report" in told.reason


def test_those_that_took_no_note_are_called_and_again_after_a_while() -> None:
    assert step(leading(called_ms=0, gateway=part("gateway", State.CONFIRMED))) == CallSisters(("report",))
    assert isinstance(step(leading()), Wait)


# --- being taken along ------------------------------------------------------------------------------------------------------


def test_a_healthy_sister_is_suspected_joined_confirmed_and_isolated_without_a_signal() -> None:
    called = replace(along(State.SUSPECTED), incident=None)
    opened = recorded(called)
    assert opened.state is State.SUSPECTED

    joined = recorded(replace(called, incident=opened))
    assert (joined.ladder, joined.leader, joined.told) == (ID, "counter", ("open", "end"))
    confirmed = recorded(replace(called, incident=joined))
    assert (confirmed.state, confirmed.cause) == (State.CONFIRMED, Cause.ESCALATION)
    isolating = recorded(replace(called, incident=confirmed))
    assert isolating.state is State.ISOLATING
    assert step(replace(called, incident=isolating)) == KeepEvidence(OLD)


def test_an_incident_of_its_own_joins_unless_its_new_node_is_let_in_already() -> None:
    own = replace(along(State.ISOLATING), incident=part("gateway", State.ISOLATING, ladder="", leader="", instance=OLD, told=("open",)))
    joined = recorded(own)
    assert (joined.ladder, joined.told) == (ID, ("open",)), "who heard of its beginning hears of its end"

    assert own.incident is not None
    recreating = replace(own.incident, state=State.RECREATING)
    ahead = replace(own, incident=recreating, permit=replace(permit("gateway"), instance=NEW, epoch=2))
    assert next_step(ahead, POLICY, woken_by="tick").rule != "join"


def test_it_is_not_taken_along_twice_by_one_rung_nor_by_one_that_is_over() -> None:
    served = replace(along(State.RECOVERED), incident=part("gateway", State.RECOVERED, ended_ms=NOW, told=("open", "end")))
    assert next_step(served, POLICY, woken_by="tick").rule == "well"

    over = replace(served, incident=None, leader=incident(State.RECOVERED, ladder=ID))
    assert next_step(over, POLICY, woken_by="tick").rule == "well"


def test_what_befalls_the_new_node_of_one_that_was_taken_along_is_its_own_affair() -> None:
    """Found by history 13666: a node that the rung had made fell silent, and was ended as one that is only taken along."""
    served = replace(along(State.RECOVERED), incident=part("gateway", State.RECOVERED, ended_ms=NOW, told=("open", "end")))
    gone = replace(served, leader=None, machines={OLD: machine(OLD, "terminated"), NEW: machine(NEW, "terminated")})

    opened = recorded(gone)
    assert (opened.state, opened.ladder, opened.part_over) == (State.SUSPECTED, "", ID)
    assert parse_incident(incident_item(opened)) == opened
    ended = replace(opened, state=State.RECOVERED, ended_ms=NOW, told=("open", "end"))
    again = recorded(replace(gone, incident=ended, permit=replace(permit("gateway"), instance=NEW, epoch=2)))
    assert (again.instance, again.ladder, again.part_over) == (NEW, "", ID), "and that of the one after it"


def test_the_leading_one_counts_it_as_stopped_waits_for_its_end_and_judges_by_it() -> None:
    own = {"ladder": "", "leader": "", "part_over": ID}
    seen = leading(gateway=part("gateway", State.VERIFYING, **own), report=part("report", State.ISOLATING)).rung
    assert (seen.deaf, seen.running, seen.open, seen.bad[:9]) == ((), ("report",), ("gateway", "report"), "gateway: ")

    done = part("report", State.RECOVERED)
    assert isinstance(step(verifying(part("gateway", State.VERIFYING, **own), done)), Wait)
    assert recorded(verifying(part("gateway", State.RECOVERED, **own), done)).state is State.RECOVERED
    assert recorded(verifying(part("gateway", State.ESCALATED, reason="boot loop", **own), done)).state is State.ESCALATED


def test_those_that_start_later_stop_first_and_then_it_goes_offline_in_its_own_time() -> None:
    waiting = along(State.ISOLATING)
    assert step(knowing(waiting, counter=waiting.leader, report=part("report", State.ISOLATING))) == Wait(
        "those that start later stop first: report"
    )

    assert step(waiting) == Retire(OLD)
    assert waiting.incident is not None
    retiring = with_retired(waiting.incident, OLD, "its group terminates and replaces it", now_ms=NOW)
    assert isinstance(step(replace(waiting, incident=retiring)), Wait)
    gone = replace(waiting, incident=retiring, machines={OLD: machine(OLD, "terminated")})
    assert recorded(gone).state is State.RECREATING


def test_one_that_does_not_go_offline_in_time_is_fenced() -> None:
    slow = along(State.ISOLATING, retiring_ms=NOW - int(POLICY.retire_s * 1000) - 1)

    assert next_step(slow, POLICY, woken_by="tick").rule == "fence"


def test_a_rung_that_ends_early_leaves_those_alone_that_still_run() -> None:
    over = replace(along(State.ISOLATING), leader=incident(State.ESCALATED, ladder=ID))

    assert recorded(over).state is State.SUPPRESSED


# --- the barrier, and the database -------------------------------------------------------------------------------------------


def stopped(**changes: Any) -> View:
    """All of it has stopped."""
    view = leading(
        gateway=part("gateway", State.RECREATING, isolated_ms=NOW), report=part("report", State.RECREATING, isolated_ms=NOW),
        **{"fence": 1, "isolated_ms": NOW - 1000, **changes},
    )  # fmt: skip
    return replace(view, machines={OLD: machine(OLD, "terminated")})


def test_nobody_is_let_in_before_all_have_stopped() -> None:
    view = stopped()
    still = knowing(view, gateway=part("gateway", State.RECREATING, isolated_ms=NOW), report=part("report", State.ISOLATING))
    assert step(still) == Wait("waiting for the rest of the deployable to stop: report")
    assert taken_down_first(part("gateway", State.RECREATING), still.incident) is not None

    released = recorded(view)
    assert released.state is State.RECREATING
    assert taken_down_first(part("gateway", State.RECREATING), released) is None


def test_who_is_stuck_is_left_behind_after_a_while() -> None:
    view = stopped(confirmed_ms=NOW - int(POLICY.rung_stop_s * 1000) - 1)
    still = knowing(view, gateway=part("gateway", State.RECREATING, isolated_ms=NOW), report=part("report", State.ISOLATING))

    assert recorded(still).state is State.RECREATING


def test_the_database_is_failed_over_once_when_a_node_blamed_it_and_it_can_be() -> None:
    asked = step(replace(stopped(database=SAID), database=AVAILABLE))
    assert asked == RebootDatabase("understudy-demo", SAID)

    rebooted = with_reboot(incident(State.ISOLATING), "understudy-demo", SAID, now_ms=NOW)
    assert rebooted.rebooted_ms == NOW
    lagging = replace(stopped(database=SAID, rebooted_ms=NOW), database=AVAILABLE)
    assert isinstance(step(lagging), Wait), "RDS may say `available` for a moment after it took the reboot"
    again = replace(stopped(database=SAID, rebooted_ms=NOW - 30_000), database=AVAILABLE)
    assert recorded(again).state is State.RECREATING


def test_a_sisters_word_against_the_database_counts_as_well() -> None:
    view = replace(stopped(), database=AVAILABLE)
    blaming = part("gateway", State.RECREATING, isolated_ms=NOW, database=SAID)

    known = knowing(view, gateway=blaming, report=part("report", State.RECREATING, isolated_ms=NOW))
    assert step(known) == RebootDatabase("understudy-demo", SAID)


@pytest.mark.parametrize(
    ("said", "database", "rule"),
    [
        pytest.param("", AVAILABLE, "fenced", id="nobody blamed it"),
        pytest.param(SAID, None, "fenced", id="there is none"),
        pytest.param(SAID, replace(AVAILABLE, multi_az=False), "fenced", id="it has no standby"),
        pytest.param(SAID, replace(AVAILABLE, status="rebooting"), "database-away", id="RDS is at it"),
        pytest.param("", replace(AVAILABLE, status="modifying"), "database-away", id="RDS is at something else"),
    ],
)
def test_a_database_is_not_rebooted_for_nothing(said: str, database: DatabaseState | None, rule: str) -> None:
    assert next_step(replace(stopped(database=said), database=database), POLICY, woken_by="tick").rule == rule


def test_a_database_that_stays_away_does_not_hold_the_nodes_for_ever() -> None:
    away = replace(AVAILABLE, status="storage-full")
    view = replace(stopped(isolated_ms=NOW - int(POLICY.database_s * 1000) - 1, confirmed_ms=NOW - 20_000), database=away)

    assert recorded(view).state is State.RECREATING


def test_what_the_node_asked_for_is_kept_as_its_word_against_the_database() -> None:
    asked = Request(
        deployable="demo", assembly="counter", instance=OLD, epoch=1, at_ms=NOW, application="ledger",
        reason=f"4 failures in 300 s, 3 are tolerated; the last: {SAID}", expires_at=NOW,
    )  # fmt: skip
    asking = replace(unpaid(2), requests={OLD: asked})

    assert SAID in recorded(replace(asking, budget=charged(asking))).database


# --- the whole serves, or a person is called -----------------------------------------------------------------------------------


def verifying(gateway: Incident, report: Incident | None) -> View:
    seen = {NEW: fresh(Verdict.HEALTHY)}
    view = replaced_view(incident=replace(VERIFYING, front="tried from outside", ladder=ID, leader="counter"), fresh=seen)
    return knowing(replace(view, budget=with_entry(Budget(), CALL)), gateway=gateway, report=report)


def test_recovered_is_said_of_the_whole() -> None:
    done = part("gateway", State.RECOVERED)
    assert step(verifying(done, part("report", State.VERIFYING))) == Wait("it serves; waiting for the rest of the deployable: report", 2.0)

    assert recorded(verifying(done, part("report", State.RECOVERED))).state is State.RECOVERED
    assert recorded(verifying(done, part("report", State.SUPPRESSED, reason="paused"))).state is State.RECOVERED


@pytest.mark.parametrize("report", [part("report", State.ESCALATED, reason="boot loop"), None], ids=["it ended badly", "it took no part"])
def test_one_that_does_not_serve_is_a_persons(report: Incident | None) -> None:
    view = verifying(part("gateway", State.RECOVERED), report)
    decision = next_step(view, POLICY, woken_by="tick")

    assert isinstance(decision.step, End)
    ended = apply(view, decision)
    assert (ended.state, ended.escalated_to) == (State.ESCALATED, "person")
    assert "not all of the deployable serves: report: " in ended.reason


# --- who may start --------------------------------------------------------------------------------------------------------------


def test_an_assembly_on_its_way_out_does_not_count_as_serving_whatever_its_last_report_says() -> None:
    fencing = part("counter", State.ISOLATING)
    assert "is being replaced" in (being_replaced("counter", fencing, permit("counter")) or "")
    assert being_replaced("counter", fencing, replace(permit("counter"), epoch=2)) is None
    assert being_replaced("counter", part("counter", State.SUSPECTED), permit("counter")) is None
    assert being_replaced("counter", None, None) is None


def test_what_a_rung_adds_to_the_record_is_read_back_and_absent_from_all_others() -> None:
    tied = with_called(part("gateway", State.ISOLATING, retiring_ms=7, database=SAID), ["report"], now_ms=NOW)
    assert parse_incident(incident_item(tied)) == tied
    assert "ladder" not in incident_item(incident())

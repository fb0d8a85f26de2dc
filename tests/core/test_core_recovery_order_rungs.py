"""Which rule comes first where two neighbours would answer: beside test_core_recovery_order, above all in a deployable's rung."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from core.model import OnDisagreement, Verdict
from core.recovery.budget import Budget, with_entry
from core.recovery.incident import Cause, State
from core.recovery.intents import Kind
from core.recovery.machine import next_step
from core.recovery.rung import DatabaseState
from core.recovery.snapshot import Member, View
from tests.core.recovery_story import (
    NEW,
    NOW,
    OLD,
    POLICY,
    WATCHED,
    fresh,
    frozen_view,
    healthy_view,
    incident,
    looks,
    replaced_view,
    report,
)  # fmt: skip
from tests.core.test_core_ladder import AVAILABLE, CALL, ID, SAID, along, knowing, leading, part, unpaid, verifying
from tests.core.test_core_recovery_order import ASKS, DEAD, FAILS, GONE, OTHER, TRIED, decided, recreating, suspected, wanted

OVER = incident(State.RECOVERED, ladder=ID, leader="counter")
WEIGHED = incident(State.SUSPECTED, ladder=ID, leader="counter")
DOUBTED = incident(State.SUPPRESSED, ended_ms=NOW, told=("open", "end"), escalated_to="person")
FAILING_INSIDE: dict[str, Any] = {"reports": {OLD: report(verdict=Verdict.FAILING)}}
ANNOUNCED = "AWS_EC2_INSTANCE_RETIREMENT_SCHEDULED from Sat, 05 Dec 2026 15:10:09 GMT"
REPLACES = replace(WATCHED, on_disagreement=OnDisagreement.REPLACE)


def of(view: View, **changes: Any) -> View:
    """The same with another record of its incident."""
    assert view.incident is not None
    return replace(view, incident=replace(view.incident, **changes))


def called(**changes: Any) -> View:
    """A sister's rung takes the gateway along, which has no incident open."""
    leader = incident(State.ISOLATING, ladder=ID, leader="counter", told=("open",))
    watched = replace(WATCHED, name="gateway", after=("counter",))
    return healthy_view(**{"watched": watched, "budget": with_entry(Budget(), CALL), "leader": leader, **changes})


UNSOLVED = part("gateway", State.ESCALATED, ladder="", leader="", instance=OLD, ended_ms=NOW, told=("end",))


@pytest.mark.parametrize(
    ("view", "rule"),
    [
        pytest.param(called(incident=UNSOLVED), "called", id="a rung takes along what was given up"),
        pytest.param(called(incident=UNSOLVED, group=None), "taken-down", id="what is taken down is not called"),
        pytest.param(
            replaced_view(permit=OTHER, intents=replace(wanted(Kind.REPLACE), replace={NEW: wanted(Kind.REPLACE).replace[OLD]})),
            "operator",
            id="an operator's word comes before what was missed",
        ),
        pytest.param(healthy_view(incident=DOUBTED, **ASKS), "asks", id="a request is news though one signal was told of"),
        pytest.param(healthy_view(incident=DOUBTED, **FAILING_INSIDE), "doubt-known", id="a known doubt needs no look"),
        pytest.param(healthy_view(**FAILING_INSIDE), "look-first", id="a signal is looked into first"),
        pytest.param(frozen_view(fresh=FAILS), "fails-inside", id="both signals are one incident, of the inner one"),
        pytest.param(
            healthy_view(looks={OLD: looks("hhhfff")}, fresh=FAILS, announced=ANNOUNCED),
            "fails-outside", id="a failure is no news",
        ),
        pytest.param(
            called(incident=incident(opened_ms=NOW - 3_600_001, assembly="gateway")),
            "too-old", id="what is too old joins no rung",
        ),
    ],
)  # fmt: skip
def test_with_no_incident_open_or_an_old_one(view: View, rule: str) -> None:
    assert decided(view) == rule


DISAGREED: dict[str, Any] = {
    "watched": REPLACES, "reports": {OLD: report()}, "looks": {OLD: looks("ffffff")},
    "incident": incident(opened_ms=NOW - 601_000, told=("doubt",)),
}  # fmt: skip
ANSWERED = {OLD: replace(fresh(Verdict.FAILING), answered=True)}


@pytest.mark.parametrize(
    ("view", "rule"),
    [
        pytest.param(replace(along(State.SUSPECTED), intents=wanted(Kind.REPLACE)), "operator", id="an operator's word names the cause"),
        pytest.param(replace(along(State.SUSPECTED), **ASKS), "taken-along", id="the rung's cause comes before its own request"),
        pytest.param(suspected(fresh={OLD: fresh(Verdict.FAILING, age_ms=5001)}), "third-look", id="nothing is weighed by an old look"),
        pytest.param(suspected(**FAILING_INSIDE, looks={OLD: looks("hhhfff")}, fresh=ANSWERED), "agent-at-it", id="the agent has its turn"),
        pytest.param(
            healthy_view(incident=incident(), announced=ANNOUNCED, fresh={OLD: fresh(Verdict.HEALTHY)}),
            "announced", id="news is told",
        ),
        pytest.param(suspected(**DISAGREED, intents=wanted(Kind.PAUSE)), "paused", id="who pauses it is at work there"),
        pytest.param(suspected(**DISAGREED), "disagreement", id="told and lasting, the file says so"),
        pytest.param(
            suspected(**{**DISAGREED, "incident": incident(opened_ms=NOW - 61_000)}), "tell-doubt", id="people are told before it is done"
        ),
        pytest.param(
            suspected(**{**DISAGREED, "incident": incident(opened_ms=NOW - 61_000, told=("doubt",))}), "disagrees", id="then it has time"
        ),
        pytest.param(
            suspected(reports={OLD: report(verdict=Verdict.BUSY)}, looks={OLD: looks("ffffff")}, incident=incident(opened_ms=NOW - 61_000)),
            "busy",
            id="busy is longer than a doubt",
        ),
    ],
)  # fmt: skip
def test_while_it_is_only_suspected(view: View, rule: str) -> None:
    assert decided(view) == rule


@pytest.mark.parametrize(
    ("view", "rule"),
    [
        pytest.param(replace(along(State.CONFIRMED), leader=OVER, intents=wanted(Kind.PAUSE)), "paused", id="a pause is first"),
        pytest.param(replace(along(State.CONFIRMED), leader=OVER), "called-off", id="a healthy node is left alone"),
        pytest.param(replace(along(State.CONFIRMED), leader=WEIGHED), "weighed-again", id="who leads is weighed again"),
        pytest.param(replace(along(State.CONFIRMED), leader=WEIGHED, intents=wanted(Kind.PAUSE)), "paused", id="a pause is first then too"),
        pytest.param(of(along(State.CONFIRMED), tried=TRIED), "paid-along", id="the leading one passed the guards for all"),
        pytest.param(replace(unpaid(9), intents=wanted(Kind.SHADOW)), "shadow", id="shadow mode pays nothing"),
        pytest.param(unpaid(9), "rung-unpaid", id="all or nothing"),
    ],
)
def test_what_holds_a_confirmed_one_back(view: View, rule: str) -> None:
    assert decided(view) == rule


def isolating(**changes: Any) -> View:
    """gateway is taken along, and report, which starts later, still runs."""
    return knowing(of(along(State.ISOLATING), **changes), counter=None, report=part("report", State.ISOLATING))


LEADS_ON: dict[str, Any] = {"isolated_ms": NOW - 1000, "fence": 1, "fenced_ms": NOW - 1000}


def stopping(**changes: Any) -> View:
    """counter leads and is terminated; gateway still runs."""
    state = part("gateway", State.ISOLATING)
    return replace(
        leading(gateway=state, report=part("report", State.ISOLATING, isolated_ms=NOW), **LEADS_ON, database=SAID), machines=GONE, **changes
    )


def stopped(**changes: Any) -> View:
    gateway, report = (part(name, State.ISOLATING, isolated_ms=NOW) for name in ("gateway", "report"))
    return replace(leading(gateway=gateway, report=report, **LEADS_ON, database=SAID), machines=GONE, **changes)


@pytest.mark.parametrize(
    ("view", "rule"),
    [
        pytest.param(leading(told=(), called_ms=0), "tell-rung", id="people hear of it before anybody is called"),
        pytest.param(leading(evidence_done=False, called_ms=0), "call-sisters", id="sisters are on their way while evidence is kept"),
        pytest.param(isolating(evidence_done=False), "evidence", id="evidence is kept while others stop"),
        pytest.param(isolating(), "later-first", id="it does not stop before those that need it"),
        pytest.param(replace(isolating(), leader=OVER), "called-off", id="what still runs is left alone when the rung is over"),
        pytest.param(replace(isolating(), leader=WEIGHED), "weighed-again", id="nobody is ended while who leads is weighed again"),
        pytest.param(of(stopping(), isolated_ms=0), "down", id="its end is recorded before it waits for others"),
        pytest.param(
            stopping(database=AVAILABLE),
            "all-down", id="nobody is connected when the database is failed over",
        ),
        pytest.param(stopped(database=AVAILABLE), "reboot-database", id="then it is failed over"),
        pytest.param(
            stopped(database=DatabaseState(identifier="d", status="rebooting", multi_az=True)),
            "database-away", id="and waited for",
        ),
        pytest.param(
            replace(along(State.ISOLATING, retiring_ms=NOW - 5000), machines=GONE),
            "fenced", id="what is offline is waited for no more",
        ),
        pytest.param(
            of(along(State.ISOLATING, retiring_ms=NOW - 5000), cause=Cause.SIGNALS), "retiring", id="what goes offline is not looked at"
        ),
        pytest.param(
            healthy_view(incident=incident(State.ISOLATING, evidence_done=True)),
            "own-look", id="nothing is weighed by others' looks",
        ),
        pytest.param(
            frozen_view(fresh=FAILS, incident=incident(State.ISOLATING, evidence_done=True)),
            "fence", id="the kill before the message",
        ),
    ],
)  # fmt: skip
def test_while_a_rung_is_taken_down(view: View, rule: str) -> None:
    assert decided(view) == rule


def test_people_are_paged_before_it_goes_on_without_ec2s_word() -> None:
    view = healthy_view(incident=replace(DEAD, evidence_done=True, told=("open",), fence=2))

    assert next_step(view, replace(POLICY, fence_timeout_s=360.0), woken_by="alarm").rule == "unconfirmed"


def above(**changes: Any) -> View:
    return of(recreating(**changes), escalated_to="person")


COMING = {"members": {NEW: Member(instance=NEW, lifecycle="Pending", healthy=True)}}


@pytest.mark.parametrize(
    ("view", "rule"),
    [
        pytest.param(above(), "nudge", id="its group launches before people read"),
        pytest.param(above(**COMING, tried=TRIED), "tell-often", id="people hear of each thing that they must know"),
        pytest.param(
            replace(verifying(part("gateway", State.VERIFYING), None), fresh={NEW: fresh(Verdict.FAILING)}),
            "unanswered",
            id="its own first",
        ),
        pytest.param(verifying(part("gateway", State.VERIFYING), None), "not-all-over", id="the rest has its time"),
        pytest.param(
            verifying(part("gateway", State.ESCALATED), part("report", State.RECOVERED)), "not-all-serve", id="what did not recover is said"
        ),
    ],
)
def test_while_new_nodes_come(view: View, rule: str) -> None:
    assert decided(view) == rule

"""Which rule comes first where two would answer, and that a rule leads where the table says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from core.model import Verdict
from core.records import Permit, Phase, Request
from core.recovery import rules
from core.recovery.budget import Budget, Entry
from core.recovery.changes import apply
from core.recovery.incident import ENDED, Cause, State
from core.recovery.intents import Kind, Standing, asked, standing
from core.recovery.machine import next_step
from core.recovery.snapshot import Front as FrontSeen
from core.recovery.snapshot import Member, View
from core.recovery.steps import Change
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
    machine,
    replaced_view,
    report,
)  # fmt: skip

GONE = {OLD: machine(OLD, "terminated")}
PENDING = {OLD: Member(instance=OLD, lifecycle="Pending:Wait", healthy=True)}
RETIRING = {OLD: Member(instance=OLD, lifecycle="Terminating:Wait", healthy=True)}
FAILS = {OLD: fresh(Verdict.FAILING)}
REQUEST = Request(
    deployable="demo", assembly="counter", instance=OLD, epoch=1, at_ms=NOW - 900, application="app", reason="failed", expires_at=NOW
)  # fmt: skip
ASKS: dict[str, Any] = {"requests": {OLD: REQUEST}, "reports": {OLD: report(verdict=Verdict.FAILING)}}
OTHER = Permit(deployable="demo", assembly="counter", instance=NEW, epoch=2, at_ms=NOW, predecessor=OLD)
SPENT = Budget(
    entries=tuple(Entry(at_ms=NOW, deployable="demo", assembly=f"a{n}", incident=f"x{n}", replaced=True) for n in range(12))
)  # fmt: skip
TRIED = ("i-1", "i-2", "i-3")


def wanted(*kinds: Kind) -> Standing:
    found = [
        asked(kind, OLD if kind is Kind.REPLACE else "counter", deployable="demo", reason="why", who="ann", now_ms=NOW, for_s=60)
        for kind in kinds
    ]
    return standing(found, "counter", NOW)


def decided(view: View) -> str:
    """The rule; and what it does to the incident is what its row says."""
    decision = next_step(view, POLICY, woken_by="alarm")
    before = view.incident
    state = rules.NONE if before is None or before.state in ENDED else before.state
    where = (state, rules.NONE if state == rules.NONE else rules.ANY)
    row = next(row for row in rules.RULES if row.name == decision.rule and row.state in where)
    if isinstance(decision.step, Change):
        assert apply(view, decision).state == (row.to or state), row
    else:
        assert row.to is None, row
    return decision.rule


UNTOLD = incident(State.RECOVERED, ended_ms=NOW, told=("open",))
UNSOLVED = incident(State.ESCALATED, ended_ms=NOW, told=("end",), escalated_to="person")


@pytest.mark.parametrize(
    ("view", "rule"),
    [
        (healthy_view(permit=None, incident=UNTOLD), "end-untold"),
        (healthy_view(permit=None, group=None), "never-permitted"),
        (healthy_view(group=None, incident=UNSOLVED), "taken-down"),
        (healthy_view(group=None, machines=GONE), "taken-down"),
        (healthy_view(machines=GONE, incident=UNSOLVED), "given-up"),
        (healthy_view(machines=GONE, intents=wanted(Kind.REPLACE)), "gone"),
        (healthy_view(machines=GONE, members=PENDING), "gone"),
        (healthy_view(members=PENDING, intents=wanted(Kind.REPLACE)), "operator"),
        (healthy_view(members=RETIRING, **ASKS), "retiring"),
        (healthy_view(members=PENDING, **ASKS), "starting"),
        (frozen_view(members=PENDING), "starting"),
        (frozen_view(**ASKS), "asks"),
        (
            replaced_view(
                permit=OTHER, reports={NEW: report(NEW, epoch=2)},
                members={NEW: Member(instance=NEW, lifecycle="Pending:Wait", healthy=True)},
            ),
            "missed",
        ),
    ],
)  # fmt: skip
def test_with_no_incident_open(view: View, rule: str) -> None:
    assert decided(view) == rule


def suspected(**changes: Any) -> View:
    return frozen_view(**{"incident": incident(), "fresh": FAILS, **changes})


@pytest.mark.parametrize(
    ("view", "rule"),
    [
        (suspected(incident=incident(opened_ms=NOW - 3_600_001), machines=GONE), "too-old"),
        (suspected(machines=GONE, intents=wanted(Kind.PAUSE)), "gone"),
        (suspected(machines=GONE, permit=OTHER), "gone"),
        (suspected(permit=OTHER, members=PENDING), "superseded"),
        (suspected(members=PENDING, intents=wanted(Kind.REPLACE)), "starting"),
        (suspected(members=PENDING, **ASKS), "starting"),
        (suspected(fresh={}, **ASKS), "asks"),
        (suspected(intents=wanted(Kind.REPLACE), **ASKS), "operator"),
        (suspected(intents=wanted(Kind.PAUSE)), "two-signals"),
        (suspected(intents=wanted(Kind.PAUSE), looks={OLD: looks("hhhhff", silent_s=0)}), "paused"),
        (suspected(intents=wanted(Kind.PAUSE), looks={OLD: looks("hhhhhh")}, fresh={OLD: fresh(Verdict.HEALTHY)}), "well-again"),
        (suspected(looks={OLD: looks("hhhhff")}, incident=incident(opened_ms=NOW - 61_000)), "one-signal"),
    ],
)
def test_while_it_is_only_suspected(view: View, rule: str) -> None:
    assert decided(view) == rule


def confirmed(**changes: Any) -> View:
    return suspected(**{"incident": incident(State.CONFIRMED, tried=changes.pop("tried", ())), "assemblies": 20, **changes})


@pytest.mark.parametrize(
    ("view", "rule"),
    [
        (confirmed(intents=wanted(Kind.PAUSE), tried=TRIED), "paused"),
        (confirmed(budget=SPENT, tried=TRIED), "boot-loop"),
        (confirmed(budget=SPENT), "meltdown"),
        (confirmed(budget=SPENT, assemblies=200), "budget-spent"),
        (confirmed(budget=SPENT, assemblies=200, intents=wanted(Kind.SHADOW)), "budget-spent"),
        (confirmed(intents=wanted(Kind.SHADOW)), "shadow"),
        (confirmed(), "pay"),
    ],
)
def test_what_holds_back_has_the_designs_order(view: View, rule: str) -> None:
    assert decided(view) == rule


DEAD = incident(State.ISOLATING, fence=1, fenced_ms=NOW - 400_000)


@pytest.mark.parametrize(
    ("view", "rule"),
    [
        (healthy_view(machines=GONE, incident=DEAD), "evidence"),
        (healthy_view(machines=GONE, incident=replace(DEAD, evidence_done=True)), "fenced"),
        (healthy_view(machines=GONE, incident=replace(DEAD, evidence_done=True, fence=0, cause=Cause.GONE)), "fenced"),
        (healthy_view(incident=replace(DEAD, evidence_done=True)), "tell-open"),
        (healthy_view(incident=replace(DEAD, evidence_done=True, told=("open",))), "force"),
        (healthy_view(incident=replace(DEAD, evidence_done=True, told=("open",), fence=2)), "unconfirmed"),
        (healthy_view(incident=replace(DEAD, evidence_done=True, told=("open", "page"), fence=2)), "wait"),
    ],
)
def test_while_it_is_isolated(view: View, rule: str) -> None:
    assert decided(view) == rule


def recreating(**changes: Any) -> View:
    members = {OLD: Member(instance=OLD, lifecycle="InService", healthy=True)}
    machines = {OLD: machine(OLD, "terminated"), NEW: machine(NEW, "terminated")}
    told = changes.pop("told", ("open",))
    tried = changes.pop("tried", ())
    record = replace(RECREATING, told=told, tried=tried, isolated_ms=NOW - 500_000)
    return healthy_view(**{"members": members, "machines": machines, "incident": record, **changes})


NOBODY: dict[str, Any] = {"members": {}}


@pytest.mark.parametrize(
    ("view", "rule"),
    [
        (recreating(told=()), "tell-open"),
        (recreating(tried=TRIED), "nudge"),
        (recreating(members={NEW: Member(instance=NEW, lifecycle="Pending", healthy=True)}, tried=TRIED), "boot-loop"),
        (recreating(members={NEW: Member(instance=NEW, lifecycle="Pending", healthy=True)}), "died"),
        (recreating(**NOBODY), "late"),
        (recreating(**NOBODY, told=("open", "late")), "unpermitted"),
        (
            recreating(
                members={NEW: Member(instance=NEW, lifecycle="InService", healthy=True)}, machines={NEW: machine(NEW)},
                permit=replace(OTHER, at_ms=NOW - 400_000), reports={NEW: report(NEW, epoch=2)}, told=("open", "late"),
            ),
            "runs",
        ),
        (
            recreating(
                members={NEW: Member(instance=NEW, lifecycle="InService", healthy=True)}, machines={NEW: machine(NEW)},
                permit=replace(OTHER, at_ms=NOW - 400_000), reports={}, told=("open", "late"),
            ),
            "idle",
        ),
    ],
)  # fmt: skip
def test_while_it_is_recreated(view: View, rule: str) -> None:
    assert decided(view) == rule


LATE = replace(VERIFYING, state_ms=NOW - 301_000)
UNWELL = {NEW: report(NEW, epoch=2, phase=Phase.STARTING)}


@pytest.mark.parametrize(
    ("view", "rule"),
    [
        (replaced_view(incident=LATE, machines={NEW: machine(NEW, "terminated")}), "lost"),
        (replaced_view(incident=LATE, reports=UNWELL), "too-late"),
        (replaced_view(incident=VERIFYING, reports=UNWELL, members={}), "not-well"),
        (replaced_view(incident=VERIFYING, members={}, front=FrontSeen(held_by=OLD, tried=None)), "not-in-service"),
        (replaced_view(incident=VERIFYING, front=FrontSeen(held_by=OLD, tried=False)), "front-away"),
        (replaced_view(incident=VERIFYING, front=FrontSeen(held_by=NEW, tried=False)), "front-silent"),
        (replaced_view(incident=VERIFYING, front=FrontSeen(held_by=NEW, tried=True)), "front-seen"),
        (replaced_view(incident=replace(VERIFYING, front="seen"), fresh={NEW: fresh(Verdict.FAILING, age_ms=6000)}), "look"),
        (replaced_view(incident=replace(VERIFYING, front="seen"), fresh={NEW: fresh(Verdict.FAILING)}), "unanswered"),
        (replaced_view(incident=replace(VERIFYING, front="seen"), fresh={NEW: fresh(Verdict.HEALTHY)}), "recovered"),
    ],
)
def test_while_it_is_verified(view: View, rule: str) -> None:
    assert decided(view) == rule

"""A node that serves on is not ended before another one is ready: "a limping node is not killed until one is to be had"."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from core.model import OnDisagreement, Verdict
from core.policy import Policy
from core.records import Phase
from core.recovery.changes import charged
from core.recovery.incident import Cause, State
from core.recovery.intents import Kind, asked, standing
from core.recovery.machine import next_step
from core.recovery.snapshot import Member, View
from core.recovery.steps import KeepOne, LaunchFirst, Leave, Spend, Tell, Wait
from core.report.notices import notice
from tests.core.recovery_story import NEW, NOW, OLD, POLICY, WATCHED, healthy_view, incident, looks, machine, recorded, report, spent, step

ASKED = incident(State.CONFIRMED, cause=Cause.OPERATOR, reason="an operator wants it replaced")


def limping(*, waited_s: float = 2, **changes: Any) -> View:
    """An operator wants a node replaced that serves."""
    return healthy_view(incident=replace(ASKED, confirmed_ms=NOW - int(waited_s * 1000)), **changes)


def beside(view: View, *, lifecycle: str = "Pending:Wait", phase: Phase | None = Phase.WAITING) -> View:
    """Another one was launched. phase: what it reports, None: nothing yet."""
    return replace(
        view,
        wanted=2,
        room=2,
        members={**view.members, NEW: Member(instance=NEW, lifecycle=lifecycle, healthy=True)},
        machines={**view.machines, NEW: machine(NEW)},
        reports=view.reports if phase is None else {**view.reports, NEW: report(NEW, epoch=0, phase=phase)},
    )


def test_another_one_is_launched_before_a_node_that_serves_is_ended() -> None:
    asked_for = step(limping())

    assert isinstance(asked_for, LaunchFirst)
    assert asked_for.instance == OLD


def test_it_serves_on_until_the_other_one_has_booted_and_waits_for_the_permit() -> None:
    assert step(limping(wanted=2)) == Wait(f"{OLD} serves on until another one is ready: its group has launched none yet", 2.0)
    assert isinstance(step(beside(limping(), lifecycle="Pending", phase=None)), Wait)
    assert isinstance(step(beside(limping(), phase=Phase.STARTING)), Wait)

    assert step(beside(limping())) == Spend(), "nothing is paid for a replacement that may never be"


def test_a_machine_that_died_in_its_boot_is_not_ready_whatever_it_said() -> None:
    view = beside(limping())

    assert isinstance(step(replace(view, machines={**view.machines, NEW: machine(NEW, "terminated")})), Wait)


def test_one_that_may_not_be_launched_is_said() -> None:
    waits = step(limping(wanted=2, suspended=("Launch",)))

    assert waits.reason.endswith("its group may not launch any")


@pytest.mark.parametrize(
    "view",
    [
        limping(reports={OLD: report(verdict=Verdict.FAILING)}),
        limping(looks={OLD: looks("hhhfff", silent_s=31)}),
        limping(members={OLD: Member(instance=OLD, lifecycle="Terminating:Wait", healthy=True)}),
        limping(machines={OLD: machine(OLD, "stopped")}),
    ],
)
def test_what_serves_nobody_is_ended_at_once(view: View) -> None:
    assert step(view) == Spend()


@pytest.mark.parametrize("cause", [Cause.SIGNALS, Cause.GONE, Cause.REQUEST, Cause.ESCALATION])
def test_what_was_confirmed_for_another_reason_does_not_serve(cause: Cause) -> None:
    view = limping()
    assert view.incident is not None

    assert step(replace(view, incident=replace(view.incident, cause=cause))) == Spend()


def test_a_node_that_says_it_is_well_and_is_not_reached_serves_on_too() -> None:
    disagrees = replace(limping(), watched=replace(WATCHED, on_disagreement=OnDisagreement.REPLACE), looks={OLD: looks("ffffff")})
    assert disagrees.incident is not None

    assert isinstance(step(replace(disagrees, incident=replace(disagrees.incident, cause=Cause.DISAGREEMENT))), LaunchFirst)


def test_once_it_is_paid_for_all_goes_on() -> None:
    ready = beside(limping())

    assert recorded(replace(limping(), budget=charged(ready))).state is State.ISOLATING


def test_a_whole_deployable_is_not_waited_for() -> None:
    waits = limping(budget=spent(2))
    assert waits.incident is not None
    often = replace(waits, incident=replace(waits.incident, cause=Cause.DISAGREEMENT))

    assert step(often) == Spend(), "its third replacement within the hour is the deployable's rung"


def test_people_are_told_after_a_while_and_it_goes_on_to_wait() -> None:
    late = limping(waited_s=301, wanted=2)
    told = step(late)
    assert told == Tell("limping", f"no other node is to be had within 301 s (its group has launched none yet): {OLD} serves on")

    assert late.incident is not None
    assert "serves on: no other machine is to be had" in notice(late.incident, told.what, told.reason)[0]
    assert isinstance(step(replace(late, incident=replace(late.incident, told=("limping",)))), Wait)


def test_after_its_time_it_is_a_persons_and_the_node_serves_on() -> None:
    ended = recorded(limping(waited_s=1801, wanted=2))

    assert (ended.state, ended.escalated_to) == (State.ESCALATED, "person")
    assert f"(its group has launched none yet): {OLD} serves on; an operator wants it replaced" in ended.reason


def test_a_pause_ends_the_wait() -> None:
    pause = asked(Kind.PAUSE, "counter", deployable="demo", reason="switch", who="ann", now_ms=NOW, for_s=60)

    assert recorded(limping(wanted=2, intents=standing([pause], "counter", NOW))).state is State.SUPPRESSED


def test_a_file_may_have_it_ended_at_once() -> None:
    assert next_step(limping(), replace(POLICY, limping_s=0), woken_by="tick").step == Spend()
    with pytest.raises(ValueError, match="limping_s"):
        Policy(limping_s=-1)


# --- when nobody waits any more ------------------------------------------------------------------------


def test_a_group_that_is_left_with_two_keeps_one_again_and_the_one_that_serves() -> None:
    ended = incident(State.ESCALATED, told=("open", "end"), ended_ms=NOW - 1000, cause=Cause.OPERATOR)

    why = f"its group has room for 2, {OLD} has the permit and nobody waits for another one"
    assert step(healthy_view(wanted=2, room=2, incident=ended)) == KeepOne("", why)
    assert step(beside(healthy_view(incident=ended))).extra == NEW
    assert isinstance(step(healthy_view(room=2, incident=ended)), KeepOne), "its room is given back too"
    assert isinstance(step(healthy_view(incident=ended)), Leave)


def test_whoever_works_there_may_have_two() -> None:
    pause = asked(Kind.PAUSE, "counter", deployable="demo", reason="switch", who="ann", now_ms=NOW, for_s=60)

    assert isinstance(step(beside(healthy_view(intents=standing([pause], "counter", NOW)))), Leave)


def test_a_second_one_is_not_taken_away_while_the_first_is_on_its_way_out() -> None:
    leaving = {OLD: Member(instance=OLD, lifecycle="Terminating:Wait", healthy=True)}

    assert not isinstance(step(beside(healthy_view(machines={OLD: machine(OLD, "terminated")}))), KeepOne)
    assert not isinstance(step(beside(healthy_view(members=leaving))), KeepOne)

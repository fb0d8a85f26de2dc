"""Whether there is an incident: what is seen of an assembly of which none is open."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from core.model import Verdict
from core.records import Permit, Phase
from core.recovery.incident import Cause, State
from core.recovery.snapshot import Member, View
from core.recovery.steps import Leave, Open, TakeLook
from tests.core.recovery_story import (
    NEW,
    NOW,
    OLD,
    fresh,
    frozen_view,
    healthy_view,
    incident,
    looks,
    machine,
    recorded,
    replaced_view,
    report,
    step,
)


def test_a_healthy_node_is_left_alone_whoever_wakes() -> None:
    assert isinstance(step(healthy_view()), Leave)


def test_before_anybody_was_permitted_there_is_nothing_to_recover() -> None:
    assert isinstance(step(healthy_view(permit=None)), Leave)


def test_a_silent_node_that_fails_from_outside_is_suspected_since_its_report_last_moved() -> None:
    assert step(frozen_view()) == TakeLook(OLD)
    opened = recorded(frozen_view(fresh={OLD: fresh(Verdict.FAILING)}))

    assert opened.state is State.SUSPECTED
    assert (opened.instance, opened.epoch) == (OLD, 1)
    assert opened.failed_ms == NOW - 31_000
    assert "silent for 31 s" in opened.reason


def test_a_trouble_that_is_over_when_looked_at_is_no_incident() -> None:
    assert isinstance(step(healthy_view(looks={OLD: looks("hhhhff")}, fresh={OLD: fresh(Verdict.HEALTHY)})), Leave)


def test_a_node_in_its_start_grace_is_left_to_its_admission() -> None:
    pending = {OLD: Member(instance=OLD, lifecycle="Pending:Wait", healthy=True)}

    assert isinstance(step(frozen_view(members=pending)), Leave)


def test_a_node_that_its_group_retires_is_left_to_its_retirement() -> None:
    ending = {OLD: Member(instance=OLD, lifecycle="Terminating:Wait", healthy=True)}

    assert isinstance(step(frozen_view(members=ending)), Leave)


@pytest.mark.parametrize("state", ["shutting-down", "terminated", "stopping", "stopped"])
def test_what_ec2_says_is_gone_needs_no_second_signal(state: str) -> None:
    view = healthy_view(machines={OLD: machine(OLD, state)})

    confirmed = recorded(replace(view, incident=recorded(view)))
    assert confirmed.state is State.CONFIRMED
    assert confirmed.cause is Cause.GONE


def test_a_new_incident_is_written_over_the_last_one_on_its_revision() -> None:
    ended = incident(State.RECOVERED, instance="i-0000", epoch=0, revision=9, ended_ms=NOW - 60_000)

    assert recorded(frozen_view(incident=ended, fresh={OLD: fresh(Verdict.FAILING)})).revision == 9


def test_the_same_unsolved_trouble_is_not_reported_every_minute() -> None:
    told = incident(State.ESCALATED, ended_ms=NOW - 60_000, told=("end",))

    assert isinstance(step(frozen_view(incident=told)), Leave)


def test_a_doubt_that_was_dropped_is_taken_up_again_with_a_second_signal() -> None:
    dropped = incident(State.SUPPRESSED, ended_ms=NOW - 60_000, told=("end",), escalated_to="person")
    one_signal = replace(healthy_view(looks={OLD: looks("hhhfff")}), incident=dropped)

    assert isinstance(step(one_signal), Leave)
    assert recorded(frozen_view(incident=dropped, fresh={OLD: fresh(Verdict.FAILING)})).state is State.SUSPECTED


def test_a_group_that_is_taken_down_is_no_failure() -> None:
    gone = healthy_view(machines={OLD: machine(OLD, "terminated")}, members={})

    assert isinstance(step(replace(gone, group=None)), Leave)
    assert isinstance(step(replace(gone, wanted=0)), Leave)


def test_a_doubt_that_nobody_heard_of_does_not_silence_the_next_one() -> None:
    before = incident(State.SUPPRESSED, ended_ms=NOW - 60_000)
    one_signal = healthy_view(looks={OLD: looks("hhhfff")}, fresh={OLD: fresh(Verdict.FAILING)})

    assert recorded(replace(one_signal, incident=before)).state is State.SUSPECTED
    assert isinstance(step(replace(one_signal, incident=replace(before, escalated_to="person", told=("end",)))), Leave)


# --- a predecessor that nobody suspected in time -------------------------------------------------------------------------


def succeeded(**changes: Any) -> View:
    """Terminated and succeeded before anybody looked: the new node holds the permit and is well."""
    return replace(replaced_view(looks={NEW: looks("hh", NEW)}), **changes)


def test_a_failure_whose_successor_was_quicker_than_any_suspicion_is_recorded_all_the_same() -> None:
    opened = recorded(succeeded())

    assert (opened.state, opened.instance, opened.epoch) == (State.SUSPECTED, OLD, 1)
    assert "had its permit before anybody asked" in opened.reason
    assert recorded(succeeded(incident=opened)).cause is Cause.GONE


def test_a_predecessor_that_released_its_permit_is_no_failure() -> None:
    released = {OLD: report(phase=Phase.RELEASED), NEW: report(NEW, epoch=2)}

    assert isinstance(step(succeeded(reports=released)), Leave)


def test_a_predecessor_is_recorded_once_and_only_while_it_is_news() -> None:
    told = incident(State.RECOVERED, ended_ms=NOW - 1000, new_instance=NEW, new_epoch=2, told=("open", "end"))
    counted = replace(told, instance="i-0000", tried=(OLD,))
    old_permit = Permit(deployable="demo", assembly="counter", instance=NEW, epoch=2, at_ms=NOW - 301_000, predecessor=OLD)

    assert isinstance(step(succeeded(incident=told)), Leave)
    assert isinstance(step(succeeded(incident=counted)), Leave)
    assert isinstance(step(succeeded(permit=old_permit)), Leave)
    assert isinstance(step(succeeded(machines={OLD: machine(OLD, "shutting-down"), NEW: machine(NEW)}, members={})), Open)


def test_after_a_boot_loop_the_next_machine_that_fails_is_no_new_incident() -> None:
    looped = incident(State.ESCALATED, ended_ms=NOW - 60_000, told=("open", "end"), tried=("i-1", "i-2", "i-3"), escalated_to="person")
    next_one = succeeded(incident=looped, machines={OLD: machine(OLD, "terminated"), NEW: machine(NEW, "terminated")})

    assert isinstance(step(next_one), Leave)
    assert recorded(replace(next_one, incident=replace(looped, ended_ms=NOW - 3_601_000))).instance == NEW
    assert recorded(replace(next_one, incident=replace(looped, tried=()))).instance == NEW

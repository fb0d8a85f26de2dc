"""What a rule is given to be asked: at its limits, and of nodes that nobody knows of."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from core.recovery.budget import Budget, Entry, with_entry
from core.recovery.incident import Cause, State
from core.recovery.rung import (
    Sister,
    being_replaced,
    call_for,
    follows,
    has_stopped,
    is_open,
    leads,
    seen_of,
    taken_down_first,
)  # fmt: skip
from core.recovery.snapshot import Member, View
from tests.core.recovery_story import NOW, OLD, POLICY, WATCHED, fresh, frozen_view, healthy_view, incident, looks, step
from tests.core.test_core_ladder import CALL, ID, part, permit
from tests.core.test_core_recovery_order import FAILS, decided, suspected

OPEN_STATES = [State.SUSPECTED, State.CONFIRMED, State.ISOLATING, State.RECREATING, State.VERIFYING]
JOINS = OPEN_STATES[:4]


@pytest.mark.parametrize("state", OPEN_STATES)
def test_an_incident_may_be_open_for_so_long_and_no_longer(state: State) -> None:
    limit_ms = round(POLICY.incident_s * 1000)

    assert decided(frozen_view(incident=incident(state, opened_ms=NOW - limit_ms))) != "too-old"
    assert decided(frozen_view(incident=incident(state, opened_ms=NOW - limit_ms - 1))) == "too-old"


def called(state: State, leader: State = State.ISOLATING, **changes: Any) -> View:
    """gateway has an incident of its own when counter's rung takes it along."""
    first = incident(leader, ladder=ID, leader="counter", told=("open",))
    return frozen_view(
        watched=replace(WATCHED, name="gateway", after=("counter",)), incident=incident(state, assembly="gateway", id="own", **changes),
        budget=with_entry(Budget(), CALL), leader=first,
    )  # fmt: skip


@pytest.mark.parametrize("state", JOINS)
def test_an_open_incident_joins_a_rung_that_goes_on_and_none_that_is_over_and_none_twice(state: State) -> None:
    assert decided(called(state)) == "join"
    assert decided(called(state, State.RECOVERED)) != "join"
    assert decided(called(state, ladder=ID)) != "join"
    assert decided(replace(called(state), leader=None)) != "join"


def test_what_is_verified_comes_to_its_own_end_first() -> None:
    assert decided(called(State.VERIFYING, new_instance=OLD)) != "join"


def test_a_rung_that_is_over_opens_nothing() -> None:
    view = replace(called(State.SUSPECTED, State.RECOVERED), incident=None, looks={OLD: looks("hhhhhh")})

    assert decided(view) == "well"


@pytest.mark.parametrize("record", [None, incident()], ids=["no incident", "suspected"])
def test_a_node_that_ec2_does_not_know_is_gone_when_it_is_silent_and_in_no_group(record: Any) -> None:
    unknown: dict[str, Any] = {"machines": {}, "members": {}, "incident": record, "fresh": FAILS}

    assert decided(healthy_view(**unknown, reports={})) == "gone"
    assert decided(healthy_view(**unknown)) != "gone"


@pytest.mark.parametrize("record", [None, incident()], ids=["no incident", "suspected"])
def test_a_node_on_standby_neither_starts_nor_leaves(record: Any) -> None:
    standby = {OLD: Member(instance=OLD, lifecycle="Standby", healthy=True)}

    assert decided(frozen_view(members=standby, incident=record, fresh=FAILS)) in ("fails-inside", "two-signals")


def test_a_doubt_becomes_one_after_so_long() -> None:
    one = {"looks": {OLD: looks("hhhhff")}, "fresh": {OLD: fresh(FAILS[OLD].look.verdict)}}

    assert decided(suspected(**one, incident=incident(opened_ms=NOW - 60_000))) == "look-again"
    assert decided(suspected(**one, incident=incident(opened_ms=NOW - 60_001))) == "one-signal"


def test_the_callers_own_look_counts_for_as_long_as_it_is_fresh_and_evidence_takes() -> None:
    def aged(age_ms: int, **changes: Any) -> str:
        seen = {OLD: replace(FAILS[OLD], taken_ms=NOW - age_ms)}
        return decided(frozen_view(fresh=seen, incident=incident(State.ISOLATING, evidence_done=True, **changes)))

    assert aged(15_000) == "fence"
    assert aged(15_001) == "own-look"
    assert aged(15_001, cause=Cause.OPERATOR) == "fence"


def test_a_failure_began_when_the_first_of_its_signs_did() -> None:
    seen = {OLD: FAILS[OLD]}

    assert step(healthy_view(looks={OLD: looks("hhhhhh", silent_s=31)}, fresh=seen)).failed_ms == NOW - 31_000
    assert step(healthy_view(looks={OLD: looks("hhhfff", silent_s=5)}, fresh=seen)).failed_ms == NOW - 20_000
    assert step(healthy_view(looks={OLD: looks("hhhhhh", silent_s=0)}, fresh=seen)).failed_ms == NOW


# --- what is seen of the others ------------------------------------------------------------------------------------------------


def test_who_leads_and_who_follows() -> None:
    alone, first, other = incident(), incident(ladder=ID), incident(ladder="another")

    assert [leads(one) for one in (alone, first, other)] == [False, True, False]
    assert [follows(one) for one in (alone, first, other)] == [False, False, True]
    assert not leads(incident(id="", ladder=""))


def test_the_last_rung_calls_those_that_it_takes_along_from_then_on() -> None:
    budget = with_entry(Budget(), CALL)

    assert call_for(budget, "demo", "gateway", since_ms=CALL.at_ms) == CALL
    assert call_for(budget, "demo", "gateway", since_ms=CALL.at_ms + 1) is None
    assert call_for(budget, "demo", "counter", since_ms=0) is None
    assert call_for(Budget(), "demo", "gateway", since_ms=0) is None


@pytest.mark.parametrize(
    ("known", "stopped"),
    [
        (None, False),
        (part("gateway", State.ISOLATING), False),
        (part("gateway", State.ISOLATING, isolated_ms=1), True),
        (part("gateway", State.ESCALATED), True),
        (part("gateway", State.ESCALATED, ladder="another"), False),
        (part("gateway", State.ISOLATING, ladder="another", isolated_ms=1), False),
    ],
)
def test_a_sister_has_stopped_when_nothing_of_it_runs_or_will_be_done(known: Any, stopped: bool) -> None:
    assert has_stopped(known, ID) is stopped


def test_before_it_is_paid_for_those_are_along_that_ever_had_a_node() -> None:
    sisters = {"gateway": Sister(permit=permit("gateway")), "store": Sister(), "cache": Sister(permit=permit("cache"))}

    assert seen_of(incident(), (), sisters, Budget()).along == ("cache", "gateway")


def test_of_a_rung_only_the_parts_that_belong_to_it_are_seen() -> None:
    sisters = {"gateway": Sister(permit=permit("gateway"), incident=part("gateway", State.RECOVERED, ladder="another"))}
    entry = Entry(at_ms=NOW, deployable="demo", assembly="counter", incident=ID, replaced=True, rung=True, along=("gateway",))
    seen = seen_of(incident(ladder=ID), (), sisters, with_entry(Budget(), entry))

    assert (seen.deaf, seen.running, seen.open, seen.bad) == (("gateway",), ("gateway",), (), "gateway: it took no part")


LEADER = incident(State.ISOLATING, ladder=ID)
OWN = part("gateway", State.RECREATING)


@pytest.mark.parametrize(
    ("own", "leader", "waits"),
    [
        (OWN, LEADER, True),
        (OWN, replace(LEADER, state=State.CONFIRMED), True),
        (OWN, replace(LEADER, state=State.RECREATING), False),
        (OWN, replace(LEADER, id="another"), False),
        (OWN, None, False),
        (None, LEADER, False),
        (replace(OWN, ladder=""), replace(LEADER, id=""), False),
        (replace(OWN, state=State.RECOVERED), LEADER, False),
        (LEADER, None, True),
    ],
)
def test_nobody_is_let_in_before_the_leading_one_has_taken_all_down(own: Any, leader: Any, waits: bool) -> None:
    assert (taken_down_first(own, leader) is not None) is waits


@pytest.mark.parametrize(
    ("state", "epoch", "replaced"),
    [
        (State.SUSPECTED, 1, False), (State.CONFIRMED, 1, True), (State.ISOLATING, 1, True), (State.RECREATING, 1, True),
        (State.RECREATING, 2, False), (State.RECREATING, None, True), (State.VERIFYING, 1, False),
    ],
)  # fmt: skip
def test_an_assembly_is_being_replaced_from_its_confirmation_to_its_next_permit(state: State, epoch: int | None, replaced: bool) -> None:
    held = None if epoch is None else replace(permit("gateway"), epoch=epoch)

    assert (being_replaced("gateway", incident(state, epoch=1), held) is not None) is replaced
    assert being_replaced("gateway", None, held) is None


def test_an_incident_is_open_until_it_ends() -> None:
    assert is_open(incident())
    assert not is_open(incident(State.RECOVERED))
    assert not is_open(None)

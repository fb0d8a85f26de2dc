"""A new node that is to come, that comes, and that is seen to serve; and that every incident ends."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.model import Front, FrontKind, Verdict
from core.records import Phase
from core.recovery.incident import State
from core.recovery.machine import next_step
from core.recovery.snapshot import Front as FrontSeen
from core.recovery.snapshot import Member
from core.recovery.steps import Leave, NudgeGroup, PlaceFront, TakeLook, Tell, Wait
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
    machine,
    recorded,
    replaced_view,
    report,
    step,
)


def test_a_group_that_has_not_noticed_is_told() -> None:
    gone = healthy_view(machines={OLD: machine(OLD, "terminated")}, incident=RECREATING)

    assert step(gone) == NudgeGroup(OLD)


def test_a_new_node_counts_once_it_runs_under_a_higher_epoch() -> None:
    assert isinstance(step(replaced_view(incident=RECREATING, permit=healthy_view().permit)), Wait)
    starting = {NEW: report(NEW, epoch=2, phase=Phase.STARTING)}
    assert isinstance(step(replaced_view(incident=RECREATING, reports=starting)), Wait)
    assert recorded(replaced_view(incident=RECREATING)).state is State.VERIFYING


def test_people_hear_that_no_new_node_comes() -> None:
    waiting = replace(RECREATING, isolated_ms=NOW - 421_000)
    view = replaced_view(incident=waiting, permit=healthy_view().permit)

    told = step(view)
    assert isinstance(told, Tell)
    assert told.what == "late"
    assert isinstance(step(replace(view, incident=replace(waiting, told=("open", "late")))), Wait)


def test_three_replacements_that_die_are_a_boot_loop() -> None:
    dead = replaced_view(machines={OLD: machine(OLD, "terminated"), NEW: machine(NEW, "terminated")}, incident=RECREATING)
    assert recorded(dead).tried == (NEW,)

    looping = recorded(replace(dead, incident=replace(RECREATING, tried=("i-1", "i-2", "i-3"))))
    assert looping.state is State.ESCALATED
    assert "boot loop" in looping.reason


def test_a_network_load_balancer_is_given_its_minutes_with_a_new_target_and_no_front_else() -> None:
    """https://docs.aws.amazon.com/elasticloadbalancing/latest/network/target-group-health-checks.html"""
    waiting = replaced_view(incident=replace(VERIFYING, state_ms=NOW - 310_000), front=FrontSeen(held_by=NEW, tried=False))
    behind = replace(waiting, watched=replace(waiting.watched, front=Front(kind=FrontKind.NLB, ports=(80,))))

    assert recorded(waiting).state is State.ESCALATED
    assert isinstance(step(behind), Wait)
    assert recorded(replace(behind, now_ms=NOW + 310_000)).state is State.ESCALATED


def test_recovered_is_said_only_of_a_node_in_service_with_the_front_answering() -> None:
    pending = {NEW: Member(instance=NEW, lifecycle="Pending:Wait", healthy=True)}
    assert isinstance(step(replaced_view(incident=VERIFYING, members=pending)), Wait)
    assert step(replaced_view(incident=VERIFYING)) == PlaceFront(NEW)
    assert step(replaced_view(incident=VERIFYING, front=FrontSeen(held_by=OLD, tried=None))) == PlaceFront(NEW)
    assert isinstance(step(replaced_view(incident=VERIFYING, front=FrontSeen(held_by=NEW, tried=False))), Wait)

    tried = recorded(replaced_view(incident=VERIFYING, front=FrontSeen(held_by=NEW, tried=True)))
    assert tried.front == "tried from outside"
    assert step(replaced_view(incident=tried)) == TakeLook(NEW)
    assert isinstance(step(replaced_view(incident=tried, fresh={NEW: fresh(Verdict.FAILING)})), Wait)

    done = recorded(replaced_view(incident=tried, fresh={NEW: fresh(Verdict.HEALTHY)}))
    assert done.state is State.RECOVERED
    assert done.durations() == {"detect_s": 35.0, "decide_s": 3.0, "act_s": 1.0, "verify_s": 1.0}
    assert step(replaced_view(incident=done)) == Tell("end", done.reason)
    assert isinstance(step(replaced_view(incident=replace(done, told=("open", "end")))), Leave)


def test_a_new_node_that_dies_before_it_is_verified_is_one_more_try() -> None:
    again = recorded(replaced_view(incident=VERIFYING, machines={OLD: machine(OLD, "terminated"), NEW: machine(NEW, "terminated")}))

    assert again.state is State.RECREATING
    assert again.tried == (NEW,)


def test_a_node_that_never_serves_goes_up_a_rung() -> None:
    stuck = replace(VERIFYING, state_ms=NOW - 301_000)

    assert recorded(replaced_view(incident=stuck, reports={NEW: report(NEW, epoch=2, verdict=Verdict.FAILING)})).state is State.ESCALATED


@pytest.mark.parametrize("state", [State.SUSPECTED, State.CONFIRMED, State.ISOLATING, State.RECREATING, State.VERIFYING])
def test_every_incident_ends(state: State) -> None:
    ended = recorded(frozen_view(incident=incident(state, opened_ms=NOW - 3_601_000)))

    assert ended.state is State.ESCALATED
    assert ended.escalated_to == "person"


# --- in a rung, forgotten, or too late --------------------------------------------------------------


def test_a_permit_whose_holder_nobody_knows_yet_is_no_replacement_that_died() -> None:
    unseen = replaced_view(incident=RECREATING, machines={OLD: machine(OLD, "terminated")}, members={}, reports={})

    assert next_step(unseen, POLICY, woken_by="tick").rule == "not-up-yet"


def test_the_last_word_of_a_replacement_that_is_gone_is_not_that_it_runs() -> None:
    counted = replace(RECREATING, tried=(NEW,))
    gone = replaced_view(incident=counted, machines={OLD: machine(OLD, "terminated"), NEW: machine(NEW, "terminated")}, members={})

    assert next_step(gone, POLICY, woken_by="tick").rule == "not-up-yet"
    alive = replace(gone, machines={**gone.machines, NEW: machine(NEW)})
    assert next_step(alive, POLICY, woken_by="tick").rule == "runs"


def test_in_a_rung_a_new_node_may_take_as_long_as_the_others_and_the_database_besides() -> None:
    limit_ms = round((POLICY.fence_page_s + WATCHED.start_grace_s + POLICY.rung_stop_s + POLICY.database_s) * 1000)

    def asked(waited_ms: int) -> str:
        waits = replace(RECREATING, ladder=RECREATING.id, isolated_ms=NOW - waited_ms, opened_ms=NOW - waited_ms)
        return next_step(healthy_view(incident=waits, machines={OLD: machine(OLD, "terminated")}, members={}), POLICY, woken_by="tick").rule

    assert (asked(limit_ms), asked(limit_ms + 1)) == ("unpermitted", "late")


@pytest.mark.parametrize("front", [WATCHED.front, Front(kind=FrontKind.NONE)], ids=["seen before", "there is none"])
def test_a_front_that_was_seen_or_that_there_is_none_of_is_not_missing_when_time_is_up(front: Front) -> None:
    said = "" if front.kind is FrontKind.NONE else "tried from outside"
    overdue = replace(VERIFYING, front=said, state_ms=NOW - 301_000, opened_ms=NOW - 302_000)
    ended = recorded(replaced_view(incident=overdue, watched=replace(WATCHED, front=front), front=None))

    assert ended.reason.endswith("not verified in time: TakeLook")

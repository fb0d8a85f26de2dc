"""The incident's state machine, as stories: what is seen, and what is done about it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from core.budget import Budget, Entry, with_entry
from core.fleet import Watched
from core.guards import Policy
from core.incident import Cause, Incident, State, incident_item, noted, parse_incident
from core.items import BadRecord
from core.model import Front, FrontKind, OnDisagreement, Tolerance, Verdict
from core.notices import notice
from core.records import Look, Looks, Permit, Phase, Report, Request
from core.recovery import next_step
from core.snapshot import FreshLook, Machine, Member, View
from core.snapshot import Front as FrontSeen
from core.steps import Fence, KeepEvidence, Leave, NudgeGroup, PlaceFront, Record, Spend, TakeLook, Tell, Wait

NOW = 1_800_000_000_000
OLD, NEW = "i-0aaa", "i-0bbb"
POLICY = Policy()
WATCHED = Watched(
    deployable="demo",
    name="counter",
    ha_port=7810,
    http_port=7880,
    front=Front(kind=FrontKind.ELASTIC_IP, ports=(8080,)),
    start_grace_s=120,
    tolerance=Tolerance(2, 3600),
    on_disagreement=OnDisagreement.REPORT,
)


def report(instance: str = OLD, *, epoch: int = 1, phase: Phase = Phase.RUNNING, verdict: Verdict = Verdict.HEALTHY) -> Report:
    return Report(
        deployable="demo", assembly="counter", instance=instance, boot="b", seq=7, epoch=epoch, at_ms=NOW, phase=phase,
        verdict=verdict, applications=(), address="10.20.0.5", ha_port=7810, http_port=7880, agent="1", expires_at=NOW // 1000 + 600,
    )  # fmt: skip


def looks(verdicts: str, instance: str = OLD, *, silent_s: float = 0) -> Looks:
    """One letter a look, ten seconds apart, the last one now: h(ealthy), f(ailing), u(nknown)."""
    kinds = {"h": Verdict.HEALTHY, "f": Verdict.FAILING, "u": Verdict.UNKNOWN}
    taken = tuple(
        Look(at_ms=NOW - 10_000 * (len(verdicts) - 1 - n), verdict=kinds[v], ha="ok" if v == "h" else "no answer", http="-")
        for n, v in enumerate(verdicts)
    )
    return Looks(
        deployable="demo", assembly="counter", instance=instance, looks=taken, report_boot="b", report_seq=7,
        report_moved_ms=NOW - int(silent_s * 1000), expires_at=NOW // 1000 + 600,
    )  # fmt: skip


def fresh(verdict: Verdict, *, age_ms: int = 0) -> FreshLook:
    said = "ok" if verdict is Verdict.HEALTHY else "no answer within 2 s"
    look = Look(at_ms=NOW - age_ms, verdict=verdict, ha=said, http=said)
    return FreshLook(look=look, answered=verdict is Verdict.HEALTHY, report_age_s=0, taken_ms=NOW - age_ms)


def machine(instance: str, state: str = "running") -> Machine:
    return Machine(instance=instance, state=state, address="10.20.0.5", launched_ms=NOW - 600_000)


def healthy_view(**changes: Any) -> View:
    view = View(
        watched=WATCHED,
        now_ms=NOW,
        group="g",
        permit=Permit(deployable="demo", assembly="counter", instance=OLD, epoch=1, at_ms=NOW - 500_000),
        reports={OLD: report()},
        looks={OLD: looks("hhhhhh")},
        machines={OLD: machine(OLD)},
        members={OLD: Member(instance=OLD, lifecycle="InService", healthy=True)},
    )
    return replace(view, **changes)


def frozen_view(**changes: Any) -> View:
    """Silent inside, failing outside: a hung machine."""
    return replace(healthy_view(looks={OLD: looks("hhhfff", silent_s=31)}), **changes)


def incident(state: State = State.SUSPECTED, **changes: Any) -> Incident:
    base = Incident(
        deployable="demo", assembly="counter", id="0001-i-0aaa", revision=3, instance=OLD, epoch=1, state=state, cause=Cause.SIGNALS,
        reason="silent", woken_by="alarm", failed_ms=NOW - 40_000, opened_ms=NOW - 5_000, state_ms=NOW - 2_000, confirmed_ms=NOW - 2_000,
    )  # fmt: skip
    return replace(base, **changes)


def step(view: View) -> Any:
    return next_step(view, POLICY, woken_by="alarm")


def recorded(view: View) -> Incident:
    result = step(view)
    assert isinstance(result, Record), result
    return result.incident


# --- opening -----------------------------------------------------------------------------------------


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


# --- confirming --------------------------------------------------------------------------------------


def test_a_third_look_is_taken_right_before_acting() -> None:
    assert step(frozen_view(incident=incident())) == TakeLook(OLD)
    stale = frozen_view(incident=incident(), fresh={OLD: fresh(Verdict.FAILING, age_ms=6_000)})
    assert step(stale) == TakeLook(OLD)


def test_two_signals_and_a_failing_fresh_look_confirm() -> None:
    confirmed = recorded(frozen_view(incident=incident(), fresh={OLD: fresh(Verdict.FAILING)}))

    assert confirmed.state is State.CONFIRMED
    assert confirmed.cause is Cause.SIGNALS


def test_one_failing_look_is_not_two_signals() -> None:
    view = frozen_view(incident=incident(), looks={OLD: looks("hhhhhf", silent_s=31)}, fresh={OLD: fresh(Verdict.FAILING)})

    assert isinstance(step(view), Wait)


@pytest.mark.parametrize(
    ("inside", "outside"),
    [
        pytest.param(looks("hhhfff"), Verdict.FAILING, id="well inside, failing outside"),
        pytest.param(looks("hhhhhh", silent_s=60), Verdict.HEALTHY, id="silent, but answering"),
        pytest.param(looks("hhhuuu", silent_s=60), Verdict.UNKNOWN, id="silent, and nobody could look"),
    ],
)
def test_with_one_signal_nobody_is_killed_and_people_are_told_after_a_while(inside: Looks, outside: Verdict) -> None:
    view = healthy_view(incident=incident(), looks={OLD: inside}, fresh={OLD: fresh(outside)})
    assert isinstance(step(view), Wait)

    later = replace(view, incident=incident(opened_ms=NOW - 61_000))
    ended = recorded(later)
    assert ended.state is State.SUPPRESSED
    assert isinstance(step(replace(view, incident=ended)), Tell)


def test_a_busy_node_is_never_killed_for_it() -> None:
    busy = healthy_view(
        incident=incident(),
        reports={OLD: report(verdict=Verdict.BUSY)},
        looks={OLD: looks("ffffff")},
        fresh={OLD: fresh(Verdict.FAILING)},
    )

    assert isinstance(step(busy), Wait)


def test_a_node_that_is_well_again_is_left_and_nobody_is_bothered() -> None:
    view = healthy_view(incident=incident(), fresh={OLD: fresh(Verdict.HEALTHY)})
    ended = recorded(view)

    assert ended.state is State.SUPPRESSED
    assert isinstance(step(replace(view, incident=ended)), Leave)


def test_a_request_under_the_current_epoch_confirms_at_once() -> None:
    def asks(epoch: int) -> dict[str, Request]:
        return {
            OLD: Request(
                deployable="demo",
                assembly="counter",
                instance=OLD,
                epoch=epoch,
                at_ms=NOW - 900,
                application="app",
                reason="4 failures in 300 s",
                expires_at=NOW,
            )
        }

    failing = {OLD: report(verdict=Verdict.FAILING)}
    assert recorded(healthy_view(incident=incident(), reports=failing, requests=asks(1))).cause is Cause.REQUEST
    assert step(healthy_view(incident=incident(), reports=failing, requests=asks(7))) == TakeLook(OLD)
    assert recorded(healthy_view(reports=failing, requests=asks(1))).failed_ms == NOW - 900
    assert recorded(healthy_view(incident=incident(), reports={}, requests=asks(1))).cause is Cause.REQUEST
    assert isinstance(step(healthy_view(requests=asks(1))), Leave), "well again: what it asked for once no longer stands"


def test_an_agent_that_restarts_what_failed_is_given_its_time_before_its_node_is_taken() -> None:
    answers = replace(fresh(Verdict.FAILING), answered=True)
    view = healthy_view(
        incident=incident(), reports={OLD: report(verdict=Verdict.FAILING)}, looks={OLD: looks("hhffff")}, fresh={OLD: answers}
    )

    assert isinstance(step(view), Wait)
    assert isinstance(step(replace(view, incident=incident(opened_ms=NOW - 119_000))), Wait)
    assert recorded(replace(view, incident=incident(opened_ms=NOW - 121_000))).state is State.CONFIRMED
    assert recorded(replace(view, fresh={OLD: fresh(Verdict.FAILING)})).state is State.CONFIRMED, "its agent does not answer"


def test_a_holder_that_runs_nothing_is_one_signal() -> None:
    """Its agent was restarted and cannot read the permit: it waits, answers, and serves nobody."""
    idle = healthy_view(reports={OLD: report(epoch=0, phase=Phase.WAITING)})

    opened = recorded(replace(idle, fresh={OLD: fresh(Verdict.HEALTHY)}))
    assert "runs nothing" in opened.reason
    later = recorded(replace(idle, fresh={OLD: fresh(Verdict.HEALTHY)}, incident=replace(opened, opened_ms=NOW - 61_000)))
    assert (later.state, later.escalated_to) == (State.SUPPRESSED, "person")


def test_a_group_that_is_taken_down_is_no_failure() -> None:
    gone = healthy_view(machines={OLD: machine(OLD, "terminated")}, members={})

    assert isinstance(step(replace(gone, group=None)), Leave)
    assert isinstance(step(replace(gone, wanted=0)), Leave)


def test_a_doubt_that_nobody_heard_of_does_not_silence_the_next_one() -> None:
    before = incident(State.SUPPRESSED, ended_ms=NOW - 60_000)
    one_signal = healthy_view(looks={OLD: looks("hhhfff")}, fresh={OLD: fresh(Verdict.FAILING)})

    assert recorded(replace(one_signal, incident=before)).state is State.SUSPECTED
    assert isinstance(step(replace(one_signal, incident=replace(before, escalated_to="person", told=("end",)))), Leave)


def test_pause_only_records() -> None:
    assert recorded(frozen_view(incident=incident(), paused="maintenance")).state is State.SUPPRESSED


# --- guards ------------------------------------------------------------------------------------------


def spent(count: int, *, assembly: str = "counter", apart: bool = False) -> Budget:
    budget = Budget()
    for n in range(count):
        name = f"{assembly}-{n}" if apart else assembly
        budget = with_entry(budget, Entry(at_ms=NOW - 1000 * n, deployable="demo", assembly=name, incident=f"x{n}", replaced=True))
    return budget


def test_a_replacement_is_paid_for_before_anything_is_touched() -> None:
    first = step(frozen_view(incident=incident(State.CONFIRMED)))
    assert isinstance(first, Spend)

    paid = with_entry(Budget(), first.entry)
    assert recorded(frozen_view(incident=incident(State.CONFIRMED), budget=paid)).state is State.ISOLATING


def test_a_spent_budget_stops_and_pages() -> None:
    ended = recorded(frozen_view(incident=incident(State.CONFIRMED), budget=spent(10)))

    assert ended.state is State.EXHAUSTED
    assert "budget spent: 10" in ended.reason
    assert step(frozen_view(incident=ended)) == Tell("end", ended.reason)


def test_many_assemblies_down_at_once_are_a_meltdown() -> None:
    view = frozen_view(incident=incident(State.CONFIRMED), budget=spent(4, apart=True), assemblies=20)

    assert "meltdown: 5 of 20" in recorded(view).reason
    assert isinstance(step(replace(view, assemblies=26)), Spend)


def test_what_ec2_took_is_replaced_whatever_the_budget_says() -> None:
    gone = frozen_view(incident=incident(State.CONFIRMED, cause=Cause.GONE), budget=spent(10))

    assert isinstance(step(gone), Spend)


def test_one_replacement_more_than_tolerated_is_escalated_to_the_deployable_and_goes_on() -> None:
    paid = with_entry(spent(2), Entry(at_ms=NOW, deployable="demo", assembly="counter", incident="0001-i-0aaa", replaced=True))
    isolating = recorded(frozen_view(incident=incident(State.CONFIRMED), budget=paid))

    assert isolating.state is State.ISOLATING
    assert isolating.escalated_to == "deployable"


def test_a_node_replaced_past_its_tolerance_is_told_to_people_once_and_replaced_all_the_same() -> None:
    past = incident(State.RECREATING, told=("open",), escalated_to="deployable", fence=1)
    seen = healthy_view(incident=past, machines={OLD: machine(OLD, "terminated")}, members={})

    told = step(seen)
    assert isinstance(told, Tell)
    assert told.what == "often"
    assert "a person is needed" in notice(past, "often", told.reason)[0]

    assert isinstance(step(replace(seen, incident=replace(past, told=("open", "often")))), Wait)


# --- isolating ---------------------------------------------------------------------------------------


def test_evidence_comes_before_the_kill_and_the_kill_before_the_news() -> None:
    assert step(frozen_view(incident=incident(State.ISOLATING))) == KeepEvidence(OLD)
    kept = incident(State.ISOLATING, evidence_done=True)
    assert step(frozen_view(incident=kept)) == Fence(OLD, force=False)
    fenced = replace(kept, fence=1, fenced_ms=NOW - 1000)
    assert isinstance(step(frozen_view(incident=fenced)), Tell)
    assert isinstance(step(frozen_view(incident=replace(fenced, told=("open",)))), Wait)


def test_force_comes_when_ec2_takes_long_and_people_when_it_takes_very_long() -> None:
    fenced = incident(State.ISOLATING, evidence_done=True, fence=1, told=("open",), fenced_ms=NOW - 21_000)
    assert step(frozen_view(incident=fenced)) == Fence(OLD, force=True)
    forced = replace(fenced, fence=2, fenced_ms=NOW - 301_000)
    assert isinstance(step(frozen_view(incident=forced)), Tell)
    assert isinstance(step(frozen_view(incident=replace(forced, told=("open", "page")))), Wait)


@pytest.mark.parametrize("state", ["running", "shutting-down", "stopping", "stopped"])
def test_only_terminated_ends_the_isolation(state: str) -> None:
    fenced = incident(State.ISOLATING, evidence_done=True, fence=1, told=("open",), fenced_ms=NOW)

    assert isinstance(step(frozen_view(incident=fenced, machines={OLD: machine(OLD, state)})), Wait)
    assert recorded(frozen_view(incident=fenced, machines={OLD: machine(OLD, "terminated")})).state is State.RECREATING


# --- recreating and verifying -------------------------------------------------------------------------


def replaced_view(**changes: Any) -> View:
    """The old node is terminated, the new one runs under the next epoch and is in service."""
    view = healthy_view(
        permit=Permit(deployable="demo", assembly="counter", instance=NEW, epoch=2, at_ms=NOW - 3000, predecessor=OLD),
        reports={OLD: report(), NEW: report(NEW, epoch=2)},
        looks={NEW: looks("h", NEW)},
        machines={OLD: machine(OLD, "terminated"), NEW: machine(NEW)},
        members={NEW: Member(instance=NEW, lifecycle="InService", healthy=True)},
    )
    return replace(view, **changes)


RECREATING = incident(State.RECREATING, told=("open",), evidence_done=True, fence=1)
VERIFYING = replace(RECREATING, state=State.VERIFYING, new_instance=NEW, new_epoch=2, verifying_ms=NOW - 1000, state_ms=NOW - 1000)


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


# --- the record --------------------------------------------------------------------------------------


def test_an_incident_reads_back_as_written() -> None:
    full = noted(replace(VERIFYING, evidence=("a", "b"), tried=("i-1",), driver="r1"), NOW, "me", "did")

    item = incident_item(full)
    assert parse_incident(item) == full
    assert item["detect_ms"] == 35_000
    assert item["verify_ms"] == 0


@pytest.mark.parametrize("change", [{"version": 2}, {"state": "odd"}, {"epoch": "1"}, {"notes": [{}]}, {"told": "open"}, {"pk": "X"}])
def test_a_bad_incident_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(BadRecord):
        parse_incident({**incident_item(incident()), **change})


def test_the_timeline_is_bounded_and_keeps_how_it_began() -> None:
    long = incident()
    for n in range(500):
        long = noted(long, NOW + n, "me", f"step {n} " + "x" * 1000)

    assert len(long.notes) == 60
    assert long.notes[0].what.startswith("step 0 ")
    assert long.notes[-1].what.startswith("step 499 ")
    assert max(len(n.what) for n in long.notes) == 300


def test_a_notice_is_plain_text_with_what_a_person_must_do() -> None:
    subject, message = notice(replace(VERIFYING, state=State.ESCALATED, escalated_to="person"), "end", "not verified in time")

    assert subject == "[understudy] demo/counter: a person is needed"
    assert "What to do: look at it" in message
    assert "Seconds: detect 35.0, decide 3.0" in message
    assert "no capacity" in notice(RECREATING, "late", "421 s after it was fenced no new node runs")[1]

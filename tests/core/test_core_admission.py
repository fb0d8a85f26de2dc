"""Who is let in, and when: never two, however events fall."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.lifecycle.admission import Abandon, Complete, Done, TakeLook, Wait, WritePermit, next_step
from core.model import Front, OnDisagreement, Tolerance, Verdict
from core.records import Look, Looks, Permit, Phase, Report
from core.recovery.incident import Cause, Incident, State
from core.recovery.outlook import not_serving
from core.recovery.snapshot import FreshLook, Machine, Member, View
from core.watching.fleet import Watched

NOW = 1_800_000_000_000
OLD, NEW = "i-0aaa", "i-0bbb"
WATCHED = Watched(
    deployable="demo",
    name="counter",
    ha_port=7810,
    http_port=7880,
    front=Front(),
    start_grace_s=120,
    tolerance=Tolerance(2, 3600),
    on_disagreement=OnDisagreement.REPORT,
)
HELD = Permit(deployable="demo", assembly="counter", instance=OLD, epoch=4, at_ms=NOW - 900_000)


def report(instance: str, phase: Phase, *, epoch: int = 0, verdict: Verdict = Verdict.UNKNOWN) -> Report:
    return Report(
        deployable="demo", assembly="counter", instance=instance, boot="b", seq=1, epoch=epoch, at_ms=NOW, phase=phase, verdict=verdict,
        applications=(), address="10.20.0.6", ha_port=7810, http_port=7880, agent="1", expires_at=NOW // 1000 + 600,
    )  # fmt: skip


def machine(instance: str, state: str, *, up_s: int = 20) -> Machine:
    return Machine(instance=instance, state=state, address="10.20.0.6", launched_ms=NOW - up_s * 1000)


def answered(yes: bool = True) -> FreshLook:
    look = Look(at_ms=NOW, verdict=Verdict.FAILING, ha="says FAILED waiting" if yes else "refused", http="status 503")
    return FreshLook(look=look, answered=yes, report_age_s=0, taken_ms=NOW)


def looks(instance: str, *, failing: int = 1, silent_s: float = 0) -> Looks:
    """Failing looks ten seconds apart, the last one now."""
    taken = tuple(Look(at_ms=NOW - 10_000 * n, verdict=Verdict.FAILING, ha="no answer", http="-") for n in reversed(range(failing)))
    return Looks(
        deployable="demo", assembly="counter", instance=instance, looks=taken, report_boot="b", report_seq=1,
        report_moved_ms=NOW - int(silent_s * 1000), expires_at=NOW,
    )  # fmt: skip


def view(**changes: Any) -> View:
    """A new node waits and answers; the old one, which held the permit, is terminated."""
    base = View(
        watched=WATCHED,
        now_ms=NOW,
        group="g",
        permit=HELD,
        reports={NEW: report(NEW, Phase.WAITING)},
        machines={NEW: machine(NEW, "running"), OLD: machine(OLD, "terminated")},
        members={NEW: Member(instance=NEW, lifecycle="Pending:Wait", healthy=True)},
        fresh={NEW: answered()},
    )
    return replace(base, **changes)


def test_the_first_node_gets_epoch_one() -> None:
    step = next_step(view(permit=None), NEW)

    assert isinstance(step, WritePermit)
    assert (step.permit.instance, step.permit.epoch, step.permit.predecessor, step.over) == (NEW, 1, None, None)


def test_the_successor_of_a_terminated_node_gets_the_next_epoch_on_condition_of_the_old_one() -> None:
    step = next_step(view(), NEW)

    assert isinstance(step, WritePermit)
    assert (step.permit.epoch, step.permit.predecessor, step.over) == (5, OLD, HELD)


@pytest.mark.parametrize("state", ["pending", "running", "shutting-down", "stopping", "stopped"])
def test_while_the_predecessor_may_run_nobody_else_is_permitted(state: str) -> None:
    assert isinstance(next_step(view(machines={NEW: machine(NEW, "running"), OLD: machine(OLD, state)}), NEW), Wait)


def test_a_predecessor_that_released_its_own_epoch_needs_not_be_dead() -> None:
    alive = {NEW: machine(NEW, "running"), OLD: machine(OLD, "running")}

    def with_old(epoch: int) -> View:
        return view(machines=alive, reports={NEW: report(NEW, Phase.WAITING), OLD: report(OLD, Phase.RELEASED, epoch=epoch)})

    assert isinstance(next_step(with_old(4), NEW), WritePermit)
    assert isinstance(next_step(with_old(3), NEW), Wait)


def test_a_predecessor_that_ec2_forgot_is_gone_unless_its_group_still_lists_it() -> None:
    only_new = {NEW: machine(NEW, "running")}
    listed = {**view().members, OLD: Member(instance=OLD, lifecycle="InService", healthy=True)}

    assert isinstance(next_step(view(machines=only_new), NEW), WritePermit)
    assert isinstance(next_step(view(machines=only_new, members=listed), NEW), Wait)


def test_a_predecessor_that_ec2_does_not_know_but_that_speaks_is_not_gone() -> None:
    """EC2's answers are eventually consistent: one that leaves an instance out proves nothing against its own voice."""
    speaks = {**view().reports, OLD: report(OLD, Phase.RUNNING, epoch=4)}
    unknown = view(machines={NEW: machine(NEW, "running")}, reports=speaks)

    assert isinstance(next_step(unknown, NEW), Wait)
    assert isinstance(next_step(replace(unknown, looks={OLD: looks(OLD, silent_s=30)}), NEW), Wait)
    assert isinstance(next_step(replace(unknown, looks={OLD: looks(OLD, silent_s=61)}), NEW), WritePermit)


def test_a_node_that_runs_under_an_epoch_the_table_lost_is_not_doubled() -> None:
    running = {**view().reports, OLD: report(OLD, Phase.RUNNING, epoch=9)}
    alive = {NEW: machine(NEW, "running"), OLD: machine(OLD, "running")}

    assert isinstance(next_step(view(permit=None, reports=running, machines=alive), NEW), Wait)
    assert isinstance(next_step(view(permit=replace(HELD, instance="i-0ccc"), reports=running, machines=alive), NEW), Wait)
    assert isinstance(next_step(view(permit=None, reports=running), NEW), WritePermit), "it is terminated"


def test_a_node_that_waited_long_for_its_predecessor_is_not_given_up_over_one_look() -> None:
    long = view(machines={NEW: machine(NEW, "running", up_s=900), OLD: machine(OLD, "terminated")}, fresh={NEW: answered(False)})
    deaf = replace(long, looks={NEW: looks(NEW, failing=4)})

    assert isinstance(next_step(long, NEW), Wait)
    assert isinstance(next_step(replace(long, looks={NEW: looks(NEW, failing=2)}), NEW), Wait)
    assert isinstance(next_step(deaf, NEW), Abandon)


def test_a_node_that_nobody_reached_from_outside_is_not_permitted() -> None:
    assert next_step(view(fresh={}), NEW) == TakeLook(NEW)
    assert isinstance(next_step(view(fresh={NEW: answered(False)}), NEW), Wait)
    assert isinstance(next_step(view(reports={}), NEW), Wait)


def test_a_node_that_is_not_running_any_more_is_abandoned_at_once() -> None:
    assert isinstance(next_step(view(machines={NEW: machine(NEW, "shutting-down")}), NEW), Abandon)


@pytest.mark.parametrize("lifecycle", ["InService", "Terminating:Wait", "Terminating"])
def test_a_hook_that_is_not_waiting_is_left(lifecycle: str) -> None:
    assert isinstance(next_step(view(members={NEW: Member(instance=NEW, lifecycle=lifecycle, healthy=True)}), NEW), Done)


def test_a_node_that_never_reports_is_abandoned_with_evidence() -> None:
    late = next_step(view(reports={}, machines={NEW: machine(NEW, "running", up_s=301)}), NEW)

    assert isinstance(late, Abandon)
    assert late.keep_evidence


def test_waiting_for_a_predecessor_is_not_held_against_the_new_node() -> None:
    long = {NEW: machine(NEW, "running", up_s=3000), OLD: machine(OLD, "shutting-down")}
    step = next_step(view(machines=long), NEW)

    assert isinstance(step, Wait)
    assert step.heartbeat


def permitted(seen: Report | None, *, ago_s: int = 5) -> View:
    mine = Permit(deployable="demo", assembly="counter", instance=NEW, epoch=5, at_ms=NOW - ago_s * 1000, predecessor=OLD)
    return view(permit=mine, reports={NEW: seen} if seen else {})


def test_the_hook_is_completed_once_it_runs_well_under_its_own_epoch() -> None:
    assert isinstance(next_step(permitted(report(NEW, Phase.RUNNING, epoch=5, verdict=Verdict.HEALTHY)), NEW), Complete)
    assert isinstance(next_step(permitted(report(NEW, Phase.RUNNING, epoch=5, verdict=Verdict.BUSY)), NEW), Complete)
    for other in (
        report(NEW, Phase.STARTING, epoch=5, verdict=Verdict.HEALTHY),
        report(NEW, Phase.RUNNING, epoch=4, verdict=Verdict.HEALTHY),
        report(NEW, Phase.RUNNING, epoch=5, verdict=Verdict.FAILING),
        None,
    ):
        assert isinstance(next_step(permitted(other), NEW), Wait)


def test_not_ready_within_its_start_grace_is_abandoned_with_evidence() -> None:
    late = next_step(permitted(report(NEW, Phase.STARTING, epoch=5), ago_s=121), NEW)

    assert isinstance(late, Abandon)
    assert late.keep_evidence


STATES = st.sampled_from(["pending", "running", "shutting-down", "terminated", "stopping", "stopped", None])
REPORTS = st.one_of(st.none(), st.tuples(st.sampled_from(Phase), st.integers(0, 6)))


@settings(max_examples=400, deadline=None)
@given(
    old=STATES,
    new=STATES,
    old_report=REPORTS,
    new_report=REPORTS,
    lifecycle=st.sampled_from(["Pending", "Pending:Wait", "InService"]),
    old_listed=st.booleans(),
    epoch=st.integers(1, 6),
)
def test_no_permit_is_ever_given_while_the_predecessor_may_run(
    old: str | None, new: str | None, old_report: Any, new_report: Any, lifecycle: str, old_listed: bool, epoch: int
) -> None:
    machines = {i: machine(i, s) for i, s in ((OLD, old), (NEW, new)) if s}
    reports = {i: report(i, r[0], epoch=r[1]) for i, r in ((OLD, old_report), (NEW, new_report)) if r}
    members = {NEW: Member(instance=NEW, lifecycle=lifecycle, healthy=True)}
    if old_listed:
        members[OLD] = Member(instance=OLD, lifecycle="InService", healthy=True)
    world = view(permit=replace(HELD, epoch=epoch), machines=machines, reports=reports, members=members)

    step = next_step(world, NEW)

    if isinstance(step, WritePermit):
        dead = old == "terminated" or (old is None and not old_listed)
        released = old_report == (Phase.RELEASED, epoch)
        assert dead or released
        assert new in ("pending", "running")
        # One above every epoch that was permitted or heard of, whatever became of the stored permit.
        assert step.permit.epoch == 1 + max(epoch, *(r[1] for r in (old_report, new_report) if r), 0)
        assert step.over == world.permit


def test_nobody_is_permitted_before_what_it_starts_after_serves_and_its_hook_is_kept_alive() -> None:
    step = next_step(view(unmet=("platform does not serve: no node of it was let in yet",)), NEW)

    assert step == Wait(f"{NEW} is to start after others: platform does not serve: no node of it was let in yet", heartbeat=True)


def test_once_it_is_permitted_it_goes_on_whatever_becomes_of_the_others() -> None:
    permit = replace(HELD, instance=NEW, epoch=5)
    running = report(NEW, Phase.RUNNING, epoch=5, verdict=Verdict.HEALTHY)

    step = next_step(view(permit=permit, reports={NEW: running}, unmet=("platform does not serve",)), NEW)

    assert isinstance(step, Complete)


@pytest.mark.parametrize(
    ("permit", "said", "why"),
    [
        (None, None, "no node of it was let in yet"),
        (HELD, None, "i-0aaa has not reported"),
        (HELD, (Phase.RUNNING, 4, Verdict.HEALTHY), None),
        (HELD, (Phase.RUNNING, 4, Verdict.BUSY), None),
        (HELD, (Phase.RUNNING, 4, Verdict.FAILING), "i-0aaa is running and failing under epoch 4"),
        (HELD, (Phase.RUNNING, 3, Verdict.HEALTHY), "i-0aaa is running and healthy under epoch 3"),
        (HELD, (Phase.STARTING, 4, Verdict.UNKNOWN), "i-0aaa is starting and unknown under epoch 4"),
    ],
)
def test_an_assembly_serves_when_the_holder_of_its_permit_says_so(
    permit: Permit | None, said: tuple[Phase, int, Verdict] | None, why: str | None
) -> None:
    reports = {} if said is None else {OLD: report(OLD, said[0], epoch=said[1], verdict=said[2])}

    assert not_serving(permit, reports) == why


def test_a_predecessor_whose_end_ec2_did_not_confirm_blocks_until_its_incident_went_on_as_the_file_says() -> None:
    waited = Incident(
        deployable="demo", assembly="counter", id="1", revision=1, instance=OLD, epoch=HELD.epoch, state=State.RECREATING,
        cause=Cause.SIGNALS, reason="", woken_by="alarm", failed_ms=1, opened_ms=1, state_ms=1, fence=2,
    )  # fmt: skip
    alive = view(machines={NEW: machine(NEW, "running"), OLD: machine(OLD, "running")})
    proceeded = replace(waited, proceeded_ms=1)

    assert isinstance(next_step(replace(alive, incident=waited), NEW), Wait)
    permitted = next_step(replace(alive, incident=proceeded), NEW)
    assert isinstance(permitted, WritePermit)
    assert "not seen to have ended (running), which the file lets pass" in permitted.reason
    assert isinstance(next_step(replace(alive, incident=replace(proceeded, epoch=HELD.epoch - 1)), NEW), Wait), "that was about another"
    assert isinstance(next_step(replace(alive, incident=replace(proceeded, ended_ms=1, state=State.ESCALATED)), NEW), Wait)

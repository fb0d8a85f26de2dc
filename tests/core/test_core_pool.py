"""A group's warm pool: what is prepared is stopped and never permitted, former versions go, and what comes out is as any other.

https://docs.aws.amazon.com/autoscaling/ec2/userguide/warm-pool-instance-lifecycle.html
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from core.lifecycle import admission, pool, retirement
from core.lifecycle.admission import BOOT_S, Abandon, Done, Wait, WritePermit
from core.lifecycle.rollout import word_for
from core.model import Front, OnDisagreement, Tolerance, Verdict
from core.policy import Policy
from core.records import Look, Permit, Phase, Report
from core.recovery.case import Case
from core.recovery.incident import Cause, Incident, State
from core.recovery.intents import Kind, asked, standing
from core.recovery.recreating import died
from core.recovery.snapshot import FreshLook, Machine, Member, StackPlace, View
from core.watching.fleet import Watched
from core.watching.sweep import Handler, wakings

NOW = 1_800_000_000_000
OLD, NEW = "i-0aaa", "i-0bbb"
HELD = Permit(deployable="demo", assembly="counter", instance=OLD, epoch=4, at_ms=NOW - 900_000)
WATCHED = Watched(
    deployable="demo", name="counter", ha_port=1, http_port=2, front=Front(), start_grace_s=120, tolerance=Tolerance(2, 3600),
    on_disagreement=OnDisagreement.REPORT,
)  # fmt: skip


def report(instance: str, phase: Phase, *, epoch: int = 0) -> Report:
    return Report(
        deployable="demo", assembly="counter", instance=instance, boot="b", seq=1, epoch=epoch, at_ms=NOW, phase=phase,
        verdict=Verdict.HEALTHY, applications=(), address="10.20.0.6", ha_port=1, http_port=2, agent="1", expires_at=NOW // 1000 + 60,
    )  # fmt: skip


def machine(instance: str, state: str = "running", *, up_s: float = 20) -> Machine:
    return Machine(instance=instance, state=state, address="10.20.0.6", launched_ms=NOW - int(up_s * 1000))


def member(instance: str, lifecycle: str, *, current: bool = True) -> Member:
    return Member(instance=instance, lifecycle=lifecycle, healthy=True, current=current)


def view(lifecycle: str = pool.PREPARING, phase: Phase | None = Phase.PREPARED, **changes: Any) -> View:
    """One that serves, and another one in the pool."""
    current, up_s = changes.pop("current", True), changes.pop("up_s", 20)
    base = View(
        watched=WATCHED,
        now_ms=NOW,
        group="g",
        permit=HELD,
        reports={OLD: report(OLD, Phase.RUNNING, epoch=4), **({NEW: report(NEW, phase)} if phase else {})},
        machines={OLD: machine(OLD, up_s=900), NEW: machine(NEW, changes.pop("state", "running"), up_s=up_s)},
        members={OLD: member(OLD, "InService")},
        pool={NEW: member(NEW, lifecycle, current=current)},
    )
    return replace(base, **changes)


def out_of_the_pool(phase: Phase | None = Phase.WAITING, lifecycle: str = "Pending:Wait", *, answers: bool = True, **changes: Any) -> View:
    """The old one is terminated; the one that was in the pool takes its place."""
    current = changes.pop("current", True)
    look = Look(at_ms=NOW, verdict=Verdict.FAILING, ha="says FAILED waiting" if answers else "refused", http="status 503")
    fresh = FreshLook(look=look, answered=answers, report_age_s=0, taken_ms=NOW)
    seen = view("", phase, **changes)
    machines = {**seen.machines, OLD: machine(OLD, "terminated", up_s=900)}
    return replace(seen, machines=machines, members={NEW: member(NEW, lifecycle, current=current)}, pool={}, fresh={NEW: fresh})


# --- into the pool ------------------------------------------------------------------------------------


def test_a_machine_is_stopped_once_its_agent_says_that_it_is_laid_out() -> None:
    """ "does not wait for user data to finish running": it would be cut off, and not run again."""
    assert isinstance(pool.entering(view(phase=None), NEW), Wait)
    assert isinstance(pool.entering(view(), NEW), pool.Prepared)


def test_one_that_is_not_laid_out_in_time_is_ended_for_it_would_be_of_no_use() -> None:
    step = pool.entering(view(phase=None, up_s=BOOT_S + 1), NEW)

    assert isinstance(step, Abandon)
    assert step.keep_evidence


def test_one_whose_metadata_is_silent_of_the_pool_is_kept_all_the_same() -> None:
    """Or each would be ended and another one prepared, for ever."""
    assert isinstance(pool.entering(view(phase=Phase.WAITING), NEW), Wait)
    assert isinstance(pool.entering(view(phase=Phase.WAITING, up_s=BOOT_S + 1), NEW), pool.Prepared)


def test_one_of_a_former_version_is_not_kept() -> None:
    assert isinstance(pool.entering(view(current=False), NEW), Abandon)


@pytest.mark.parametrize("state", ["shutting-down", "terminated"])
def test_one_that_is_gone_is_given_up(state: str) -> None:
    assert isinstance(pool.entering(view(state=state), NEW), Abandon)


def test_one_that_ec2_does_not_know_yet_is_waited_for() -> None:
    """https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html"""
    assert isinstance(pool.entering(view(machines={}), NEW), Wait)


@pytest.mark.parametrize("lifecycle", ["Warmed:Stopped", "Warmed:Pending:Proceed", "Warmed:Terminating"])
def test_a_hook_that_waits_no_more_is_left_alone(lifecycle: str) -> None:
    assert isinstance(pool.entering(view(lifecycle), NEW), Done)
    assert isinstance(pool.leaving(view(lifecycle), NEW), retirement.Done)


def test_one_that_ends_in_the_pool_is_let_go_at_once() -> None:
    assert isinstance(pool.leaving(view(pool.ENDING), NEW), retirement.Complete)


@pytest.mark.parametrize("phase", [None, *Phase])
def test_no_machine_in_the_pool_is_ever_permitted_whatever_it_says(phase: Phase | None) -> None:
    """Even where nobody holds the permit any more."""
    seen = view(phase=phase, permit=None, members={})

    assert isinstance(admission.next_step(seen, NEW), Done)
    assert not isinstance(pool.entering(seen, NEW), WritePermit)
    assert word_for(replace(seen, stack=StackPlace(stack="s", logical_id="g")), NEW, admission.Complete("")) is None, (
        "nor told of to a deploy"
    )


# --- out of the pool ----------------------------------------------------------------------------------


def test_one_that_comes_out_of_the_pool_is_permitted_as_any_other() -> None:
    step = admission.next_step(out_of_the_pool(), NEW)

    assert isinstance(step, WritePermit)
    assert (step.permit.instance, step.permit.epoch, step.permit.predecessor) == (NEW, 5, OLD)


def test_it_is_not_permitted_while_its_predecessor_lives() -> None:
    seen = out_of_the_pool()

    assert isinstance(admission.next_step(replace(seen, machines={**seen.machines, OLD: machine(OLD)}), NEW), Wait)


def test_what_it_said_before_it_was_stopped_does_not_stand_for_what_it_is_now() -> None:
    assert isinstance(admission.next_step(out_of_the_pool(Phase.PREPARED), NEW), Wait)
    late = admission.next_step(out_of_the_pool(Phase.PREPARED, up_s=BOOT_S + 1), NEW)
    assert isinstance(late, Abandon)
    assert late.keep_evidence


@pytest.mark.parametrize("state", ["stopped", "stopping"])
def test_one_that_ec2_says_is_stopped_still_is_waited_for(state: str) -> None:
    assert isinstance(admission.next_step(out_of_the_pool(state=state), NEW), Wait)


def test_without_a_pool_a_machine_that_is_stopped_in_the_hook_is_given_up_as_ever() -> None:
    assert isinstance(admission.next_step(replace(out_of_the_pool(state="stopped"), pool=None), NEW), Abandon)


def test_one_of_a_former_version_is_refused_and_tells_a_deploy_nothing() -> None:
    """A rolling update leaves the pool alone, and the machine that takes the old one's place may come from there."""
    seen = out_of_the_pool(current=False, stack=StackPlace(stack="s", logical_id="g"))
    step = admission.next_step(seen, NEW)

    assert isinstance(step, Abandon)
    assert not step.keep_evidence
    assert word_for(seen, NEW, step) is None


def test_one_of_a_former_version_that_has_its_permit_already_is_let_be() -> None:
    mine = replace(HELD, instance=NEW, epoch=5, predecessor=OLD, at_ms=NOW)

    assert isinstance(admission.next_step(out_of_the_pool(current=False, permit=mine), NEW), Wait)


def incident(state: State) -> Incident:
    return Incident(
        deployable="demo", assembly="counter", id="x", revision=1, instance=OLD, epoch=4, state=state, cause=Cause.GONE, reason="",
        woken_by="ec2", failed_ms=1, opened_ms=NOW, state_ms=NOW, driven_until_ms=NOW + 1,
    )  # fmt: skip


def case(seen: View) -> Case:
    assert seen.incident is not None
    return Case(seen, Policy(), seen.incident, OLD, seen.seen(OLD))


def test_a_machine_that_is_being_started_is_no_replacement_that_died() -> None:
    """Its group has it for a member, and EC2 says `stopped` still."""
    seen = out_of_the_pool(lifecycle="Pending", state="stopped", incident=incident(State.RECREATING))

    assert died(case(seen)) is None
    assert died(case(replace(seen, pool=None))) is not None


def test_a_machine_out_of_the_pool_that_ended_is_one_that_died() -> None:
    seen = out_of_the_pool(lifecycle="Pending", state="terminated", incident=incident(State.RECREATING))

    assert died(case(seen)) is not None


# --- tick ---------------------------------------------------------------------------------------------


def woken(seen: View) -> list[tuple[Handler, str]]:
    return [(w.handler, w.instance) for w in wakings(seen, Policy(), in_alarm=False, front_holder=None)]


def test_hooks_that_wait_in_the_pool_are_found_when_their_events_were_lost() -> None:
    assert woken(view()) == [(Handler.ADMIT, NEW)]
    assert woken(view(pool.ENDING)) == [(Handler.RETIRE, NEW)]


@pytest.mark.parametrize("state", ["pending", "running", "stopping", "stopped", "shutting-down", "terminated"])
def test_a_pool_at_rest_wakes_nobody_whatever_ec2_says_of_it(state: str) -> None:
    assert woken(view("Warmed:Stopped", state=state)) == []


def test_a_former_version_in_the_pool_is_ended_but_not_in_a_pause_and_not_in_an_incident() -> None:
    pause = asked(Kind.PAUSE, "counter", deployable="demo", reason="x", who="ann", now_ms=NOW, for_s=60)
    former = view("Warmed:Stopped", current=False)

    assert pool.outdated(former) == (NEW,)
    assert woken(former) == [(Handler.RECOVER, "")]
    assert pool.outdated(replace(former, intents=standing([pause], "counter", NOW))) == ()
    shadow = replace(pause, kind=Kind.SHADOW)
    assert pool.outdated(replace(former, intents=standing([shadow], "counter", NOW))) == (), "nothing is done in that mode"
    assert pool.outdated(replace(former, incident=incident(State.RECREATING))) == ()
    assert pool.outdated(view("Warmed:Stopped")) == pool.outdated(view(current=False)) == pool.outdated(view(pool=None)) == ()


def test_one_that_holds_its_permit_and_is_stopped_is_given_up_and_counted_whatever_the_group_says_of_it() -> None:
    """It was started before it was permitted."""
    mine = replace(HELD, instance=NEW, epoch=5, predecessor=OLD, at_ms=NOW)
    seen = out_of_the_pool(state="stopped", permit=mine, incident=incident(State.RECREATING))

    assert isinstance(admission.next_step(seen, NEW), Abandon)
    assert died(case(seen)) is not None


def test_one_that_was_refused_for_its_version_is_no_replacement_that_died_but_one_that_was_permitted_is() -> None:
    """Found by the drill of a bad release: two were refused and one died, which was taken for a boot loop of three, and held."""
    refused = out_of_the_pool(lifecycle="Terminating", state="shutting-down", current=False, incident=incident(State.RECREATING))
    mine = replace(HELD, instance=NEW, epoch=5, predecessor=OLD, at_ms=NOW)

    assert died(case(refused)) is None
    assert died(case(replace(refused, pool=None))) is not None
    assert died(case(replace(refused, permit=mine))) is not None

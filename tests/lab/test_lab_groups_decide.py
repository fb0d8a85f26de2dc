"""Auto Scaling's decisions, rule by rule; pages are under https://docs.aws.amazon.com/autoscaling/ec2/userguide/."""

from __future__ import annotations

from typing import Any

import pytest

from lab.groups import decide as d
from lab.groups.model import ABANDON, CONTINUE, LAUNCHING, TERMINATING, Group, Hook, Launch, Member, Wait

RULES = d.Rules(detection_s=8.0, impaired_patience_s=300.0)
ADMIT = Hook(name="admit", transition=LAUNCHING, heartbeat_s=600, default_result=ABANDON)
RETIRE = Hook(name="retire", transition=TERMINATING, heartbeat_s=180, default_result=CONTINUE)
NOW = 1000.0


def member(state: str = "InService", **more: Any) -> Member:
    values: dict[str, Any] = {"ec2_state": "running", "in_service_at": 0.0 if state == "InService" else None, **more}
    return Member(
        instance_id=values.pop("id", "i-1"),
        subnet_id="s",
        zone=values.pop("zone", "a"),
        instance_type="t",
        template={},
        state=state,
        **values,
    )


def group(*members: Member, desired: int = 1, suspended: tuple[str, ...] = (), **more: Any) -> Group:
    pairs = tuple((name, "why") for name in suspended)
    return Group(name="g", arn="arn", created_at=0, min_size=0, max_size=9, desired=desired, members=members, suspended=pairs, **more)


def steps(of: Group, now: float = NOW) -> tuple[d.Step, ...]:
    return d.decide(of, now=now, rules=RULES)


def wait(hook: Hook, deadline: float = NOW + 1, last: float = NOW + 100) -> Wait:
    return Wait(hook=hook, token="t", deadline=deadline, last_deadline=last)


def test_a_group_below_its_desired_capacity_launches():
    """as-maintain-instance-levels.html."""
    assert steps(group(desired=2)) == (d.Begin(2, d.GROW),)


def test_a_launch_in_progress_counts_and_runs_when_due():
    assert steps(group(launches=(Launch(activity="x", due_at=NOW + 1),))) == ()
    assert steps(group(launches=(Launch(activity="x", due_at=NOW),))) == (d.Run("x"),)


def test_a_group_at_its_desired_capacity_does_nothing():
    assert steps(group(member())) == ()


@pytest.mark.parametrize(
    ("ec2_state", "hooks", "expected"),
    [
        pytest.param("pending", (ADMIT,), (), id="not running yet"),
        pytest.param("running", (ADMIT,), (d.Hold("i-1", LAUNCHING),), id="the launch hook holds it"),
        pytest.param("running", (RETIRE,), (d.Serve("i-1"),), id="no launch hook: straight into service"),
        pytest.param("shutting-down", (ADMIT,), (d.LaunchFailed("i-1"),), id="ended before it ran"),
    ],
)
def test_a_launched_instance(ec2_state: str, hooks: tuple[Hook, ...], expected: tuple[d.Step, ...]):
    """ec2-auto-scaling-lifecycle.html, lifecycle-hooks-overview.html."""
    assert steps(group(member("Pending", ec2_state=ec2_state), hooks=hooks)) == expected


def test_a_wait_ends_by_completion_or_by_its_default_result():
    """lifecycle-hooks.html: the instance remains in a wait state until you complete or the timeout period ends."""
    assert steps(group(member("Pending:Wait", waits=(wait(ADMIT),)), hooks=(ADMIT,))) == ()
    assert steps(group(member("Pending:Wait", waits=(wait(ADMIT, NOW),)), hooks=(ADMIT,))) == (d.Expire("i-1", "admit", ABANDON),)
    assert steps(group(member("Pending:Wait"), hooks=(ADMIT,))) == (d.Proceed("i-1"),)
    assert steps(group(member("Pending:Proceed"), hooks=(ADMIT,))) == (d.Serve("i-1"),)


def test_heartbeats_cannot_stretch_a_wait_past_the_global_limit():
    """lifecycle-hooks.html: at most 48 hours or 100 times the heartbeat timeout, whichever is smaller."""
    assert (ADMIT.global_timeout_s, Hook(name="h", transition=LAUNCHING, heartbeat_s=7200).global_timeout_s) == (60_000, 172_800)
    held = group(member("Pending:Wait", waits=(wait(ADMIT, NOW + 500, last=NOW),)), hooks=(ADMIT,))
    assert steps(held) == (d.Expire("i-1", "admit", ABANDON),)


def test_an_instance_in_a_wait_state_is_not_health_checked():
    """lifecycle-hooks-overview.html: health is checked once the instance is InService."""
    assert steps(group(member("Pending:Wait", ec2_state="terminated", waits=(wait(ADMIT),)), hooks=(ADMIT,))) == ()


@pytest.mark.parametrize("ec2_state", ["stopping", "stopped", "shutting-down", "terminated"])
def test_an_instance_no_longer_running_is_replaced_once_noticed_even_in_grace(ec2_state: str):
    """ec2-auto-scaling-health-checks.html: an immediate failure, also during the health check grace period."""
    gone = member(ec2_state=ec2_state, ec2_since=NOW - 8, in_service_at=NOW - 9)

    assert steps(group(gone, grace_s=600)) == (d.MarkUnhealthy("i-1", d.GONE), d.Retire("i-1", d.GONE, True), d.Begin(1, d.REPLACE))
    assert steps(group(member(ec2_state=ec2_state, ec2_since=NOW - 7.9))) == ()


def test_an_impaired_instance_is_waited_for_a_few_minutes_and_through_its_grace():
    """ec2-auto-scaling-health-checks.html: status checks may fail occasionally without any action."""
    assert steps(group(member(impaired_since=NOW - 299))) == ()
    assert steps(group(member(impaired_since=NOW - 300, in_service_at=NOW - 400), grace_s=500)) == ()
    assert steps(group(member(impaired_since=NOW - 300)))[0] == d.MarkUnhealthy("i-1", d.IMPAIRED)


def test_replacement_and_termination_overlap():
    """ec2-auto-scaling-health-checks.html: while the instance is terminating, another activity launches a new one."""
    assert steps(group(member("Terminating:Wait", replaced=True, waits=(wait(RETIRE),)), hooks=(RETIRE,))) == (d.Begin(1, d.REPLACE),)


@pytest.mark.parametrize(
    ("suspended", "expected"),
    [
        pytest.param("HealthCheck", (), id="HealthCheck: nobody marks it"),
        pytest.param("ReplaceUnhealthy", (d.MarkUnhealthy("i-1", d.GONE),), id="ReplaceUnhealthy: marked, kept"),
        pytest.param("Terminate", (d.MarkUnhealthy("i-1", d.GONE),), id="Terminate: ReplaceUnhealthy is inactive, HealthCheck not"),
        pytest.param("Launch", (d.MarkUnhealthy("i-1", d.GONE), d.Retire("i-1", d.GONE, True)), id="Launch: terminated, not replaced"),
        pytest.param(
            "AZRebalance",
            (d.MarkUnhealthy("i-1", d.GONE), d.Retire("i-1", d.GONE, True), d.Begin(1, d.REPLACE)),
            id="AZRebalance: no matter",
        ),
    ],
)
def test_suspended_processes(suspended: str, expected: tuple[d.Step, ...]):
    """as-suspend-resume-processes.html, what each suspension stops."""
    assert steps(group(member(ec2_state="terminated", ec2_since=0), suspended=(suspended,))) == expected


def test_what_the_user_marked_counts_while_health_checks_are_suspended():
    """as-suspend-resume-processes.html: custom health checks continue to function."""
    marked = member(healthy=False, unhealthy_cause=d.CUSTOM)
    assert steps(group(marked, suspended=("HealthCheck",))) == (d.Retire("i-1", d.CUSTOM, True), d.Begin(1, d.REPLACE))


def test_resuming_replaces_at_once_what_was_marked_meanwhile():
    """as-suspend-resume-processes.html, ReplaceUnhealthy."""
    assert steps(group(member(healthy=False, unhealthy_cause=d.GONE)))[0] == d.Retire("i-1", d.GONE, True)


def test_termination_runs_its_hook_then_ends_the_instance_then_lets_it_go():
    """lifecycle-hooks-overview.html: Terminating, Terminating:Wait, Terminating:Proceed, Terminated."""
    full = {"desired": 0, "hooks": (RETIRE,)}
    assert steps(group(member("Terminating"), **full)) == (d.Hold("i-1", TERMINATING),)
    assert steps(group(member("Terminating:Wait"), **full)) == (d.Proceed("i-1"),)
    assert steps(group(member("Terminating:Proceed"), **full)) == (d.End("i-1"),)
    assert steps(group(member("Terminating:Proceed", ending=True, ec2_state="shutting-down"), **full)) == ()
    assert steps(group(member("Terminating:Proceed", ending=True, ec2_state="terminated"), **full)) == (d.Forget("i-1"),)


def test_the_hook_runs_for_an_instance_that_ec2_has_already_terminated():
    """lifecycle-hooks.html: hooks hold for all terminations; github.com/getsocial-rnd/ecs-drain-lambda/issues/6 quotes AWS."""
    assert steps(group(member("Terminating", ec2_state="terminated"), desired=0, hooks=(RETIRE,))) == (d.Hold("i-1", TERMINATING),)


def test_no_hook_or_a_forced_deletion_ends_the_instance_at_once():
    assert steps(group(member("Terminating"), desired=0)) == (d.End("i-1"),)
    assert steps(group(member("Terminating", skip_hooks=True), desired=0, hooks=(RETIRE,))) == (d.End("i-1"),)


@pytest.mark.parametrize(
    ("state", "result", "expected"),
    [
        pytest.param("Pending:Wait", ABANDON, ((), True), id="launch, ABANDON: terminated"),
        pytest.param("Pending:Wait", CONTINUE, (("other",), False), id="launch, CONTINUE: the other hook holds on"),
        pytest.param("Terminating:Wait", ABANDON, ((), False), id="termination, ABANDON: stops remaining hooks"),
        pytest.param("Terminating:Wait", CONTINUE, (("other",), False), id="termination, CONTINUE: others complete"),
    ],
)
def test_results_of_a_lifecycle_action(state: str, result: str, expected: tuple[tuple[str, ...], bool]):
    """lifecycle-hooks.html, "Default result"."""
    other = Hook(name="other", transition=LAUNCHING)
    assert d.after_result(member(state, waits=(wait(ADMIT), wait(other))), "admit", result) == expected


def test_too_many_shrink_from_the_fullest_zone_the_oldest_first():
    """ec2-auto-scaling-termination-policies.html, default policy; ec2-auto-scaling-instance-protection.html."""
    crowd = (
        member(id="i-new", zone="a", in_service_at=9.0),
        member(id="i-old", zone="a", in_service_at=5.0),
        member(id="i-held", zone="a", in_service_at=1.0, protected=True),
        member(id="i-alone", zone="b", in_service_at=0.0),
    )
    assert steps(group(*crowd, desired=3)) == (d.Retire("i-old", d.SHRINK, False),)
    assert steps(group(*crowd, desired=3, suspended=("Terminate",))) == ()


def test_failed_launches_are_tried_again_after_a_growing_pause():
    assert steps(group(next_launch_at=NOW + 1)) == ()
    assert [d.launch_pause_s(failures) for failures in (1, 2, 3, 9)] == [10, 20, 40, 300]


def test_the_emptiest_zone_is_tried_first():
    """auto-scaling-benefits.html, instance distribution."""
    spread = group(member(zone="a"), subnets=(("s-a", "a"), ("s-b", "b")))
    assert d.zone_order(spread) == (("s-b", "b"), ("s-a", "a"))


def test_a_deleted_group_retires_everybody_and_then_vanishes():
    assert steps(group(member(), deleting=True)) == (d.Retire("i-1", d.SHRINK, False),)
    assert steps(group(deleting=True)) == (d.Vanish(),)


def test_an_instance_that_has_served_its_lifetime_is_replaced_by_terminating_and_launching():
    """asg-max-instance-lifetime.html; https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_CreateAutoScalingGroup.html."""
    young = group(member(in_service_at=NOW - 86_399.0), lifetime_s=86_400.0)
    old = group(member(in_service_at=NOW - 86_400.0), lifetime_s=86_400.0)

    assert steps(young) == ()
    assert steps(old) == (d.Retire("i-1", d.LIFETIME, True), d.Begin(1, d.REPLACE))
    assert steps(group(member(in_service_at=0.0))) == (), "none was set"

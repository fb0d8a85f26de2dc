"""What Auto Scaling does next about one group: a snapshot and a time in, steps out; no effects.

Each rule names its page; all are under https://docs.aws.amazon.com/autoscaling/ec2/userguide/.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from lab.groups.model import ABANDON, LAUNCHING, LIVE_STATES, TERMINATING, Group, Member

# Cause texts as DescribeScalingActivities shows them (as-verify-scaling-activity.html, troubleshooting pages).
GONE = "an instance was taken out of service in response to an EC2 health check indicating it has been terminated or stopped"
IMPAIRED = "an instance was taken out of service in response to an EC2 instance status checks failure"
CUSTOM = "an instance was taken out of service in response to a user health-check"
ABANDONED = "an instance was taken out of service in response to a lifecycle action completed with ABANDON result"
LIFETIME = "an instance was taken out of service in response to a max instance lifetime action"
SHRINK = "an instance was taken out of service in response to a difference between desired and actual capacity"
REPLACE = "an instance was launched in response to an unhealthy instance needing to be replaced"
GROW = "an instance was started in response to a difference between desired and actual capacity"

OFF = ("shutting-down", "terminated", "stopping", "stopped")


@dataclass(frozen=True, slots=True)
class Rules:
    """AWS's windows in real seconds. scale: AWS's seconds in one real second."""

    detection_s: float
    impaired_patience_s: float
    scale: float = 1.0


@dataclass(frozen=True, slots=True)
class Begin:
    """Decide upon launching `count` instances, into the group or into its warm pool."""

    count: int
    cause: str
    into_pool: bool = False


@dataclass(frozen=True, slots=True)
class Run:
    """A decided launch is due: call RunInstances."""

    activity: str


@dataclass(frozen=True, slots=True)
class Hold:
    """Enter the wait state of the transition's hooks."""

    instance_id: str
    transition: str


@dataclass(frozen=True, slots=True)
class Expire:
    """A lifecycle action timed out: its default result holds."""

    instance_id: str
    hook: str
    result: str


@dataclass(frozen=True, slots=True)
class Proceed:
    """All actions done: Pending:Proceed or Terminating:Proceed."""

    instance_id: str


@dataclass(frozen=True, slots=True)
class Serve:
    """Put into service."""

    instance_id: str


@dataclass(frozen=True, slots=True)
class LaunchFailed:
    """The instance ended before it ran."""

    instance_id: str


@dataclass(frozen=True, slots=True)
class MarkUnhealthy:
    instance_id: str
    cause: str


@dataclass(frozen=True, slots=True)
class Retire:
    """Take out of service and begin to terminate."""

    instance_id: str
    cause: str
    replaced: bool


@dataclass(frozen=True, slots=True)
class End:
    """Ask EC2 to terminate it."""

    instance_id: str


@dataclass(frozen=True, slots=True)
class Forget:
    """EC2 says terminated: the member leaves the group."""

    instance_id: str


@dataclass(frozen=True, slots=True)
class Vanish:
    """A deleted group without members goes."""


Step = Begin | Run | Hold | Expire | Proceed | Serve | LaunchFailed | MarkUnhealthy | Retire | End | Forget | Vanish


def decide(group: Group, *, now: float, rules: Rules) -> tuple[Step, ...]:
    """The steps that are due, in order; those of the warm pool are lab.groups.warm's."""
    steps: list[Step] = []
    for member in group.members:
        steps += _member_steps(group, member, now, rules)
    steps += _capacity_steps(group, steps, now)
    if group.deleting and not group.members and not group.launches:
        steps.append(Vanish())
    return tuple(steps)


def _member_steps(group: Group, member: Member, now: float, rules: Rules) -> list[Step]:
    if group.deleting and member.state in LIVE_STATES:
        return [Retire(member.instance_id, SHRINK, False)]
    match member.state:
        case "Pending":
            return _pending(group, member)
        case "Pending:Wait":
            return waiting(member, now)
        case "Pending:Proceed":
            return [Serve(member.instance_id)]
        case "InService":
            return _health(group, member, now, rules)
        case "Terminating":
            return terminating(group, member)
        case "Terminating:Wait":
            return waiting(member, now)
        case "Terminating:Proceed":
            return ending(member)
    return []


def _pending(group: Group, member: Member) -> list[Step]:
    """ec2-auto-scaling-lifecycle.html: Pending until launched, then hooks, then InService."""
    if member.ec2_state in OFF:
        return [LaunchFailed(member.instance_id)]
    if member.ec2_state != "running":
        return []
    return [Hold(member.instance_id, LAUNCHING) if group.hooks_for(LAUNCHING) else Serve(member.instance_id)]


def waiting(member: Member, now: float) -> list[Step]:
    """lifecycle-hooks.html: until completed or timed out; a wait state looks at no health checks."""
    if not member.waits:
        return [Proceed(member.instance_id)]
    return [Expire(member.instance_id, wait.hook.name, wait.hook.default_result) for wait in member.waits if now >= wait.ends_at]


def _health(group: Group, member: Member, now: float, rules: Rules) -> list[Step]:
    """ec2-auto-scaling-health-checks.html and as-suspend-resume-processes.html.

    Not running is an immediate failure, during the grace period too; impaired is waited out for a few
    minutes. HealthCheck suspended: nobody marks, but what the user marked counts. ReplaceUnhealthy or
    Terminate suspended: marked, not replaced.
    """
    steps: list[Step] = []
    cause = member.unhealthy_cause
    if member.healthy:
        cause = "" if group.is_suspended("HealthCheck") else failure(group, member, now, rules)
        if not cause:
            return _lifetime(group, member, now, rules)
        steps.append(MarkUnhealthy(member.instance_id, cause))
    if not (group.is_suspended("ReplaceUnhealthy") or group.is_suspended("Terminate")):
        steps.append(Retire(member.instance_id, cause, True))
    return steps


def _lifetime(group: Group, member: Member, now: float, rules: Rules) -> list[Step]:
    """asg-max-instance-lifetime.html: terminated and replaced, another one being launched meanwhile, by the group's hooks as ever."""
    if not group.lifetime_s or member.in_service_at is None or group.is_suspended("Terminate"):
        return []
    old = (now - member.in_service_at) * rules.scale >= group.lifetime_s
    return [Retire(member.instance_id, LIFETIME, True)] if old else []


def failure(group: Group, member: Member, now: float, rules: Rules) -> str:
    if member.ec2_state != "running":
        return GONE if now - member.ec2_since >= rules.detection_s else ""
    if member.impaired_since is None or now - member.impaired_since < rules.impaired_patience_s:
        return ""
    in_grace = member.in_service_at is not None and (now - member.in_service_at) * rules.scale < group.grace_s
    return "" if in_grace else IMPAIRED


def terminating(group: Group, member: Member) -> list[Step]:
    """lifecycle-hooks.html: hooks hold for all terminations, also of an instance that EC2 already ended.

    (AWS support, quoted in github.com/getsocial-rnd/ecs-drain-lambda/issues/6: EC2 terminates first, Auto Scaling
    finds out later and runs the hook.) Not for a group deleted by force.
    """
    if group.hooks_for(TERMINATING) and not member.skip_hooks and not member.ending:
        return [Hold(member.instance_id, TERMINATING)]
    return ending(member)


def ending(member: Member) -> list[Step]:
    if member.ec2_state == "terminated":
        return [Forget(member.instance_id)]
    return [] if member.ending else [End(member.instance_id)]


def _capacity_steps(group: Group, steps: list[Step], now: float) -> list[Step]:
    """as-maintain-instance-levels.html: keep to the desired capacity.

    Who terminates no longer counts, so a replacement is launched while the old one terminates
    (ec2-auto-scaling-health-checks.html, "Unhealthy instance replacement"; default of
    instance-maintenance-policy-overview-and-considerations.html).
    """
    due: list[Step] = [Run(launch.activity) for launch in group.launches if now >= launch.due_at]
    if group.deleting:
        return due
    leaving = {step.instance_id for step in steps if isinstance(step, Retire)}
    live = [member for member in group.members if member.state in LIVE_STATES and member.instance_id not in leaving]
    missing = group.desired - len(live) - sum(not launch.into_pool for launch in group.launches)
    if missing > 0 and not group.is_suspended("Launch") and now >= group.next_launch_at:
        replacing = any(isinstance(step, Retire) and step.replaced for step in steps) or any(
            member.replaced for member in group.members if member.state not in LIVE_STATES and not member.in_pool
        )
        return [*due, Begin(missing, REPLACE if replacing else GROW)]
    if missing < 0 and not group.is_suspended("Terminate"):
        return [*due, *(Retire(member.instance_id, SHRINK, False) for member in victims(live, -missing))]
    return due


def victims(live: list[Member], count: int) -> list[Member]:
    """ec2-auto-scaling-termination-policies.html, the default policy: from the fullest zone, the oldest first.

    Members protected from scale-in stay.
    """
    chosen: list[Member] = []
    left = [member for member in live if not member.protected]
    while left and len(chosen) < count:
        zones = Counter(member.zone for member in left)
        fullest = max(zones.values())
        oldest = min((member for member in left if zones[member.zone] == fullest), key=lambda member: member.in_service_at or 0.0)
        chosen.append(oldest)
        left.remove(oldest)
    return chosen


def after_result(member: Member, hook: str, result: str) -> tuple[tuple[str, ...], bool]:
    """Hooks still waited for after one completed, and whether the launch is abandoned.

    lifecycle-hooks.html: on launch ABANDON terminates the instance and the group tries again; on
    termination both results let it go on, ABANDON stops the remaining hooks.
    """
    left = tuple(wait.hook.name for wait in member.waits if wait.hook.name != hook)
    if result != ABANDON:
        return left, False
    return (), member.launching


def zone_order(group: Group) -> tuple[tuple[str, str], ...]:
    """(subnet, zone) to try for a launch: the emptiest zone first (auto-scaling-benefits.html)."""
    count = Counter(member.zone for member in group.members if member.state in LIVE_STATES)
    return tuple(sorted(group.subnets, key=lambda pair: count[pair[1]]))


def launch_pause_s(failures: int) -> float:
    """Pause before another try after so many failures in a row. AWS tries again without saying when: ours doubles."""
    return float(min(10.0 * 2.0 ** (failures - 1), 300.0))

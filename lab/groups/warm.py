"""What Auto Scaling does next about a group's warm pool: a snapshot and a time in, steps out; no effects.

Each rule names its page; all are under https://docs.aws.amazon.com/autoscaling/ec2/userguide/.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from lab.groups import decide as d
from lab.groups.model import LAUNCHING, LIVE_STATES, RESTING_STATES, Group, Member, Pool

# AWS prints no text of its own for a pool anywhere; these follow those of the group.
FILL = "an instance was launched into the warm pool in response to a difference between its desired and actual size"
DRAIN = "an instance was taken out of the warm pool in response to a difference between its desired and actual size"


@dataclass(frozen=True, slots=True)
class Park:
    """Ask EC2 to stop it."""

    instance_id: str


@dataclass(frozen=True, slots=True)
class Rest:
    """It is in the pool, prepared."""

    instance_id: str
    state: str


@dataclass(frozen=True, slots=True)
class Drop:
    """A deleted pool without instances goes."""


Step = d.Step | Park | Rest | Drop


def size(pool: Pool, *, largest: int, desired: int) -> int:
    """How many a pool is to hold: https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_PutWarmPool.html.

    What is prepared beyond what is desired, but never less than its least size.
    """
    prepared = largest if pool.prepared is None else pool.prepared
    return 0 if pool.deleting else max(pool.min_size, prepared - desired)


def decide(group: Group, *, now: float, rules: d.Rules) -> tuple[Step, ...]:
    """The steps that are due, in order; none for a group without a pool."""
    if group.pool is None:
        return ()
    steps: list[Step] = []
    for member in group.members:
        if member.in_pool:
            steps += _member_steps(group, group.pool, member, now, rules)
    steps += _size_steps(group, group.pool, steps, now)
    if group.pool.deleting and not any(member.in_pool for member in group.members):
        steps.append(Drop())
    return tuple(steps)


def _member_steps(group: Group, pool: Pool, member: Member, now: float, rules: d.Rules) -> list[Step]:
    """warm-pool-instance-lifecycle.html."""
    if (group.deleting or pool.deleting) and not member.leaving:
        return [d.Retire(member.instance_id, DRAIN, False)]
    match member.plain_state:
        case "Pending":
            return _pending(group, pool, member)
        case "Pending:Wait" | "Terminating:Wait":
            return list(d.waiting(member, now))
        case "Pending:Proceed":
            return _proceeding(pool, member)
        case "Terminating":
            return list(d.terminating(group, member))
        case "Terminating:Proceed":
            return list(d.ending(member))
    return _resting(group, member, now, rules)


def _pending(group: Group, pool: Pool, member: Member) -> list[Step]:
    """Launched, then hooks; without any it is stopped at once, "Auto Scaling does not wait for user data to finish running"."""
    if member.parking:
        return _proceeding(pool, member)
    if member.ec2_state in d.OFF:
        return [d.LaunchFailed(member.instance_id)]
    if member.ec2_state != "running":
        return []
    return [d.Hold(member.instance_id, LAUNCHING)] if group.hooks_for(LAUNCHING) else _proceeding(pool, member)


def _proceeding(pool: Pool, member: Member) -> list[Step]:
    """On its way to rest. warm-pools-health-checks-monitor-view-status.html: its health counts from here on."""
    if member.ec2_state in ("shutting-down", "terminated"):
        return [d.MarkUnhealthy(member.instance_id, d.GONE), d.Retire(member.instance_id, d.GONE, True)]
    if pool.state == "Running":
        return [Rest(member.instance_id, "Warmed:Running")]
    if member.ec2_state == "stopped":
        return [Rest(member.instance_id, "Warmed:Stopped")]
    return [] if member.parking or member.ec2_state != "running" else [Park(member.instance_id)]


def _resting(group: Group, member: Member, now: float, rules: d.Rules) -> list[Step]:
    """warm-pools-health-checks-monitor-view-status.html: a stopped one is judged by its volumes, a running one by EC2's checks.

    No volume fails here, so that a stopped one is unhealthy when it is terminated, or when the user says so; there is no grace period.
    """
    steps: list[Step] = []
    cause = member.unhealthy_cause
    if member.healthy:
        cause = "" if group.is_suspended("HealthCheck") else _failure(group, member, now, rules)
        if not cause:
            return []
        steps.append(d.MarkUnhealthy(member.instance_id, cause))
    if not (group.is_suspended("ReplaceUnhealthy") or group.is_suspended("Terminate")):
        steps.append(d.Retire(member.instance_id, cause, True))
    return steps


def _failure(group: Group, member: Member, now: float, rules: d.Rules) -> str:
    if member.state == "Warmed:Stopped" and member.ec2_state not in ("shutting-down", "terminated"):
        return ""
    return d.failure(group, member, now, rules)


def _size_steps(group: Group, pool: Pool, steps: list[Step], now: float) -> list[Step]:
    """Keep to the size: ec2-auto-scaling-warm-pools.html; as-suspend-resume-processes.html says that `Launch` fills pools too.

    Which one goes of too many AWS does not say: here one that is not prepared yet, then the oldest.
    """
    if group.deleting or pool.deleting:
        return []
    leaving = {step.instance_id for step in steps if isinstance(step, d.Retire)}
    held = [member for member in group.members if member.in_pool and not member.leaving and member.instance_id not in leaving]
    missing = size(pool, largest=group.max_size, desired=group.desired) - len(held) - sum(launch.into_pool for launch in group.launches)
    if missing > 0 and not group.is_suspended("Launch") and now >= pool.next_launch_at:
        return [d.Begin(missing, FILL, into_pool=True)]
    if missing < 0 and not group.is_suspended("Terminate"):
        unready_first = sorted(held, key=lambda member: member.state in RESTING_STATES)
        return [d.Retire(member.instance_id, DRAIN, False) for member in unready_first[:-missing]]
    return []


def ready(group: Group) -> tuple[Member, ...]:
    """Who may be taken from the pool, in order: the group's emptiest zone first, as for a launch (auto-scaling-benefits.html).

    One that is not prepared yet is left: ec2-auto-scaling-warm-pools.html has a cold start when the pool is depleted.
    """
    if group.pool is None or group.pool.deleting:
        return ()
    zones = Counter(member.zone for member in group.members if member.state in LIVE_STATES)
    resting = [member for member in group.members if member.state in RESTING_STATES and member.healthy]
    return tuple(sorted(resting, key=lambda member: zones[member.zone]))

"""PutWarmPool, DescribeWarmPool and DeleteWarmPool, in AWS's rules and error texts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from moto.autoscaling.exceptions import AutoscalingClientError

from lab.groups.engine import Groups
from lab.groups.model import Pool
from lab.groups.operations import Operations, refuse
from lab.groups.settings import NO_SPOT_POOL

STATES = ("Stopped", "Running", "Hibernated")
# The words of API_DeleteWarmPool.html and API_PutWarmPool.html for these errors; AWS prints no others.
_IN_PROGRESS = "The operation can't be performed because there are scaling activities in progress."
_IN_USE = "The operation can't be performed because the resource is in use."
_PENDING = "You already have a pending update to an Amazon EC2 Auto Scaling resource (for example, an Auto Scaling group)."


def put(engine: Groups, do: Operations, given: Mapping[str, Any]) -> None:
    """https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_PutWarmPool.html: what is not said stays as it was."""
    with engine.lock:
        group = do.group(given["AutoScalingGroupName"])
        if group.spot:
            raise refuse(NO_SPOT_POOL)
        if group.pool is not None and group.pool.deleting:
            raise AutoscalingClientError("ResourceContention", _PENDING)
        pool = _asked(given, group.pool or Pool())
        engine.put(replace(group, pool=pool))
        if group.pool is None:
            engine.world.journal.say("group", f"{group.name} has a warm pool", group=group.name)
    engine.wake.set()


def _asked(given: Mapping[str, Any], old: Pool) -> Pool:
    state = str(given.get("PoolState") or old.state)
    if state not in STATES:
        raise refuse(_constraint(state, "poolState", f"Member must satisfy enum value set: [{', '.join(STATES)}]"))
    least = int(given.get("MinSize", old.min_size))
    if least < 0:
        raise refuse(_constraint(least, "minSize", "Member must have value greater than or equal to 0"))
    prepared = old.prepared
    if given.get("MaxGroupPreparedCapacity") is not None:
        wanted = int(given["MaxGroupPreparedCapacity"])
        if wanted < -1:
            raise refuse(_constraint(wanted, "maxGroupPreparedCapacity", "Member must have value greater than or equal to -1"))
        prepared = None if wanted == -1 else wanted
    if state == "Hibernated":
        raise refuse("the lab's warm pools do not hibernate: use Stopped or Running")
    reuse = (given.get("InstanceReusePolicy") or {}).get("ReuseOnScaleIn")
    if str(reuse).lower() == "true":
        raise refuse("the lab's warm pools take nobody back: ReuseOnScaleIn must be false")
    return replace(old, state=state, min_size=least, prepared=prepared, reuse=old.reuse if reuse is None else False)


def _constraint(value: object, name: str, text: str) -> str:
    return f"1 validation error detected: Value '{value}' at '{name}' failed to satisfy constraint: {text}"


def delete(engine: Groups, do: Operations, name: str, *, force: bool) -> None:
    """https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_DeleteWarmPool.html: force ends instances and lifecycle actions.

    Without a pool: "No warm pool found", which github.com/hashicorp/terraform-provider-aws looks for.
    """
    with engine.lock:
        group = do.group(name)
        if group.pool is None:
            raise refuse(f"No warm pool found for Auto Scaling group {name}")
        held = [member for member in group.members if member.in_pool]
        if not force:
            if any(member.activity for member in held) or any(launch.into_pool for launch in group.launches):
                raise AutoscalingClientError("ScalingActivityInProgress", _IN_PROGRESS)
            if held:
                raise AutoscalingClientError("ResourceInUse", _IN_USE)
        members = tuple(replace(member, skip_hooks=True, waits=()) if member.in_pool else member for member in group.members)
        launches = tuple(launch for launch in group.launches if not launch.into_pool)
        engine.put(replace(group, pool=replace(group.pool, deleting=True), members=members, launches=launches))
        engine.world.journal.say("group", f"the warm pool of {name} is to go", group=name)
    engine.wake.set()

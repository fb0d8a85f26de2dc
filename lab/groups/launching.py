"""How a group gets another instance: decided upon, then from its warm pool or from EC2, zone after zone and type after type."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from lab.groups import decide as d
from lab.groups import warm_hands
from lab.groups.activities import Activity, cause_text
from lab.groups.ec2 import CannotLaunch, Launched
from lab.groups.model import GROUP, LIVE_STATES, POOL, Group, Launch, Member

if TYPE_CHECKING:
    from lab.groups.engine import Groups

NAME_TAG = "aws:autoscaling:groupName"


def begin(engine: Groups, name: str, step: d.Begin) -> None:
    """Decide upon launches, which come after AWS's delay."""
    group, clock, delay = engine.groups[name], engine.world.clock, engine.world.delays["group_launch"]
    now = clock.now()
    due = now + clock.real(delay.seconds)
    live = sum(member.state in LIVE_STATES for member in group.members)
    grows = step.cause == d.GROW
    text = cause_text(now, f"{step.cause}, increasing the capacity from {live} to {live + step.count}" if grows else step.cause)
    what, where = "Launching a new EC2 instance", GROUP
    if step.into_pool:
        what, where = f"{what} into warm pool", POOL
    elif group.cause:
        text = f"{group.cause}  {text}"
    launches = []
    for _ in range(step.count):
        activity = engine.history.add(Activity(name, group.arn, what, text, now, "Launch", destination=where))
        launches.append(Launch(activity=activity.id, due_at=due, into_pool=step.into_pool))
        if not step.into_pool:  # nobody waits for the pool: it is no part of any gap
            engine.world.journal.delay("group_launch", name, start=now, end=due, source=delay.source)
    engine.put(replace(group, launches=(*group.launches, *launches), cause=group.cause if step.into_pool else ""))
    engine.world.journal.say("group", f"decides to launch {step.count}: {step.cause}", group=name)


def launch(engine: Groups, name: str, activity_id: str) -> None:
    """A launch is due."""
    group, activity = engine.groups[name], engine.history.find(name, activity_id)
    assert activity is not None
    group = replace(group, launches=tuple(other for other in group.launches if other.activity != activity_id))
    if activity.destination != POOL and warm_hands.draw(engine, group, activity):
        return
    tags = {str(tag["Key"]): str(tag.get("Value", "")) for tag in group.tags if tag.get("PropagateAtLaunch")}
    message = "No subnet to launch in."
    for subnet, zone in d.zone_order(group):
        for instance_type in group.overrides or (None,):
            try:
                made = engine.ec2.launch(
                    group.template, subnet=subnet, instance_type=instance_type, spot=group.spot, tags={**tags, NAME_TAG: name}
                )
            except CannotLaunch as error:
                message = f"{error} Launching EC2 instance failed."
                engine.world.journal.say("group", f"cannot launch {instance_type or 'it'} in {zone}: {error}", group=name)
                continue
            _launched(engine, group, activity, made, subnet, zone)
            return
    failed(engine, group, activity, message)


def _launched(engine: Groups, group: Group, activity: Activity, made: Launched, subnet: str, zone: str) -> None:
    into_pool = activity.destination == POOL
    activity.description += f": {made.instance_id}"
    activity.instance_id, activity.subnet, activity.zone = made.instance_id, subnet, zone
    activity.status, activity.progress = "PreInService", 30
    member = Member(
        instance_id=made.instance_id,
        subnet_id=subnet,
        zone=zone,
        instance_type=made.instance_type,
        template=made.template,
        state="Warmed:Pending" if into_pool else "Pending",
        activity=activity.id,
        ec2_since=engine.world.clock.now(),
        protected=bool(group.settings.get("NewInstancesProtectedFromScaleIn", False)),
    )
    group = replace(group, members=(*group.members, member))
    if into_pool and group.pool is not None:
        group = replace(group, pool=replace(group.pool, failures=0))
    elif not into_pool:
        group = replace(group, failures=0)
    engine.put(group)
    where = f"into the warm pool in {zone}" if into_pool else f"in {zone}"
    engine.world.journal.say("group", f"launches {made.instance_id} {where}", group=group.name, instance=made.instance_id)


def failed(engine: Groups, group: Group, activity: Activity, message: str) -> None:
    """The activity ends, and the next try comes after a pause; the pool's failures do not hold up the group."""
    clock, pool = engine.world.clock, group.pool
    if activity.destination == POOL and pool is not None:
        pause = clock.real(d.launch_pause_s(pool.failures + 1))
        engine.put(replace(group, pool=replace(pool, failures=pool.failures + 1, next_launch_at=clock.now() + pause)))
    else:
        pause = clock.real(d.launch_pause_s(group.failures + 1))
        engine.put(replace(group, failures=group.failures + 1, next_launch_at=clock.now() + pause))
    engine.close(group.name, activity.id, "Failed", message)

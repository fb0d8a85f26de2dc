"""What the group controller does to the instances of a warm pool."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from lab.groups import warm
from lab.groups.activities import Activity
from lab.groups.ec2 import CannotLaunch
from lab.groups.model import LEAVING_STATES, POOL, RESTING_STATES, Group, Member

if TYPE_CHECKING:
    from lab.groups.engine import Groups


def draw(engine: Groups, group: Group, activity: Activity) -> bool:
    """Bring one from the pool into the group; False when none is ready or EC2 cannot start any, which then stay where they are.

    https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-warm-pools.html: "You could also experience cold starts if an
    Availability Zone is out of capacity."
    """
    for member in warm.ready(group):
        try:
            if member.state != "Warmed:Running":
                engine.ec2.start(member.instance_id)
        except CannotLaunch as error:
            engine.world.journal.say("group", f"cannot start {member.instance_id} in {member.zone}: {error}", group=group.name)
            continue
        activity.description = f"Launching a new EC2 instance from warm pool: {member.instance_id}"
        activity.instance_id, activity.subnet, activity.zone = member.instance_id, member.subnet_id, member.zone
        activity.status, activity.progress, activity.origin = "PreInService", 30, POOL
        engine.put(group)
        ec2_state = "running" if member.state == "Warmed:Running" else "pending"
        engine.change(group.name, member.instance_id, state="Pending", origin=POOL, activity=activity.id, ec2_state=ec2_state)
        engine.world.journal.say(
            "group", f"takes {member.instance_id} from its warm pool in {member.zone}", group=group.name, instance=member.instance_id
        )
        return True
    return False


def perform(engine: Groups, name: str, step: warm.Park | warm.Rest | warm.Drop) -> None:
    match step:
        case warm.Park(instance_id):
            engine.ec2.stop(instance_id)
            engine.change(name, instance_id, parking=True, ec2_state="stopping")
        case warm.Rest(instance_id, state):
            member = engine.change(name, instance_id, state=state, parking=False, waits=())
            engine.close(name, member.activity, "Successful")
            engine.change(name, instance_id, activity="")
            engine.world.journal.say("group", f"{instance_id} rests in the warm pool", group=name, instance=instance_id)
        case warm.Drop():
            engine.put(replace(engine.groups[name], pool=None))
            engine.world.journal.say("group", f"the warm pool of {name} is deleted", group=name)


def target_of(group: Group, member: Member) -> str:
    """The steady state that an instance is on its way to, or in, as its metadata service tells.

    https://docs.aws.amazon.com/autoscaling/ec2/userguide/retrieving-target-lifecycle-state-through-imds.html
    """
    if not member.in_pool:
        return "Terminated" if member.state in LEAVING_STATES else "InService"
    if member.leaving:
        return "Warmed:Terminated"
    return member.state if member.state in RESTING_STATES else f"Warmed:{group.pool.state if group.pool else 'Stopped'}"

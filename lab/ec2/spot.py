"""What EC2 does when it wants a spot machine back: a warning, two minutes, and the end.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html
"""

from __future__ import annotations

from typing import Any

from lab.ec2.lifecycle import Instances
from lab.world import World

NOTICE_S = 120.0


def reclaim(world: World, instances: Instances, instance_id: str) -> None:
    """Warn now and terminate when the time is up, if it is still there. Raises LookupError, and ValueError when it is not spot."""
    life = instances.find(instance_id)
    if life is None or life.state != "running":
        raise LookupError(f"no instance {instance_id} is running")
    if life.moto.lifecycle != "spot":
        raise ValueError(f"{instance_id} is on demand: EC2 takes back spot instances only")
    zone: Any = life.moto.availability_zone
    world.journal.say("ec2", f"{instance_id} has two minutes left: EC2 wants it back", instance=instance_id)
    if world.events is not None:
        world.events.emit(
            "aws.ec2",
            "EC2 Spot Instance Interruption Warning",
            {"instance-id": instance_id, "instance-action": "terminate"},
            [f"arn:aws:ec2:{zone}:instance/{instance_id}"],
        )

    def end() -> None:
        if life.state not in ("shutting-down", "terminated"):
            world.journal.say("ec2", f"{instance_id} is taken back", instance=instance_id)
            instances.terminate(life, skip_os_shutdown=False, force=False)

    world.clock.later(NOTICE_S, end)

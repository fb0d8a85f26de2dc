"""A zone that is lost: its machines have no power, and nothing is launched there.

https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/availability-zones.html: zones fail alone. That EC2 still
concludes the termination of what was there is assumed; when it does not, that is a drill of its own.
"""

from __future__ import annotations

from lab.ec2.lifecycle import Instances
from lab.world import World

_LOST = "lost_zones"  # in the world's faults


def lose(world: World, instances: Instances, zone: str) -> list[str]:
    """Cut the power of all that is in the zone: EC2 still calls it running, and its status checks fail. Gives the instances."""
    world.faults[_LOST] = sorted({*world.faults.get(_LOST, ()), zone})
    world.journal.say("drill", f"the zone {zone} is lost")
    struck = instances.in_zone(zone)
    for life in struck:
        if world.machines is not None:
            world.machines.power_off(life.id)
    return [life.id for life in struck]


def regain(world: World, zone: str) -> None:
    """Launches go there again; what lost its power stays off."""
    world.faults[_LOST] = [lost for lost in world.faults.get(_LOST, ()) if lost != zone]
    world.journal.say("drill", f"the zone {zone} is back")

"""Whether a world has come to rest."""

from __future__ import annotations

from core import names
from core.model import FrontKind
from core.watching.mending import KINDS
from simulation.world import World


def troubles(world: World) -> list[str]:
    """Why not; empty when every assembly serves and nothing is pending."""
    found = []
    for place, group in world.groups.all.items():
        agent = world.holder(place)
        lifecycles = [m.lifecycle for m in group.members.values()]
        if agent is None or not agent.serves or agent.runs != world.watch.of(agent.machine.id).permit_epoch:
            found.append(f"{place[1]} is not served")
        elif lifecycles != ["InService"]:
            found.append(f"{place[1]}'s group has {lifecycles}")
        elif world.front is not FrontKind.NONE and world.front_holder(place) != agent.machine.id:
            found.append(f"{place[1]}'s front is on {world.front_holder(place)}")
        if group.desired != 1:
            found.append(f"{place[1]}'s group is to keep {group.desired}")
        if group.suspended and not group.waits_for_signal:
            found.append(f"{place[1]}'s group is held still: {', '.join(sorted(group.suspended))}")
        for incident in (world.watch.incident(place), *(world.watch.incident(place, sk=names.BY_AWS + kind) for kind in KINDS)):
            if incident is not None and (not incident.ended or incident.untold_end):
                found.append(f"incident {incident.id} is {incident.state.value}")
    return found

"""What happens to what an assembly has beside its machines: its volume, its front, its database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.model import BALANCERS
from simulation.agent import Agent
from simulation.attachments import Held
from simulation.fault import Fault, Undo, not_here, nothing

if TYPE_CHECKING:
    from simulation.history import History


def volume_stuck(history: History, fault: Fault, agent: Agent) -> Undo:
    """EC2 does not get it off its machine, and the machine goes."""
    held = history.world.has.attachments.volumes.get(f"vol-{agent.machine.place[1]}")
    return _stuck(history, held, agent) if held is not None else not_here


def interface_stuck(history: History, fault: Fault, agent: Agent) -> Undo:
    held = history.world.has.attachments.interfaces.get(f"eni-{agent.machine.place[1]}")
    return _stuck(history, held, agent) if held is not None else not_here


def _stuck(history: History, held: Held, agent: Agent) -> Undo:
    held.stuck = True
    history.world.machines.terminate(agent.machine, skip_os=history.chance.random() < 0.5)
    return lambda: history.world.has.attachments.unstick(held)


def balancer_blind(history: History, fault: Fault, agent: Agent) -> Undo:
    """Its checks reach nobody; half of the time a new target is needed just then."""
    if history.world.front not in BALANCERS:
        return not_here
    balancers = history.world.has.balancers
    balancers.blind = True
    if history.chance.random() < 0.5:
        history.world.machines.fail(agent.machine)
    return lambda: setattr(balancers, "blind", False)


def database_fails_over(history: History, fault: Fault, agent: Agent) -> Undo:
    databases, deployable = history.world.has.databases, agent.machine.place[0]
    if deployable not in databases.all or databases.all[deployable].status != "available":
        return not_here
    databases.fails_over(deployable, fault.for_s)
    return nothing


def database_silent(history: History, fault: Fault, agent: Agent) -> Undo:
    """And RDS finds nothing wrong with it."""
    databases, deployable = history.world.has.databases, agent.machine.place[0]
    if deployable not in databases.all:
        return not_here
    databases.falls_silent(deployable)
    return lambda: databases.answers(deployable)

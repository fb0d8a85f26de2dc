"""What happens to a node's agent alone: its process, while the machine and the application go on."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from simulation.agent import Agent
from simulation.fault import Fault, Undo, not_here, nothing

if TYPE_CHECKING:
    from simulation.history import History

AGAIN_S = (2.0, 15.0)


def happens(what: Callable[[Agent], None]) -> Callable[[History, Fault, Agent], Undo]:
    """Once, to the agent of the permit's holder."""

    def begin(history: History, fault: Fault, agent: Agent) -> Undo:
        if not _is_there(agent):
            return not_here
        what(agent)
        return nothing

    return begin


def dies_again_and_again(history: History, fault: Fault, agent: Agent) -> Undo:
    """On whatever machines the assembly has meanwhile."""
    if not _is_there(agent):
        return not_here
    end_ms = history.world.schedule.now_ms + int(fault.for_s * 1000)

    def all_die() -> None:
        if history.world.schedule.now_ms < end_ms:
            for machine in history.world.machines.owned[history.world.place(fault.target)]:
                one = history.world.agent_of(machine)
                if _is_there(one):
                    one.killed()
            history.world.schedule.later(history.chance.uniform(*AGAIN_S), all_die)

    all_die()
    return nothing


def _is_there(agent: Agent) -> bool:
    return agent.up and agent.machine.thinks and not agent.wedged

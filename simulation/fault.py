"""What may happen in a history, as a value; and what those that begin one need of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulation.agent import Agent
from simulation.groups import Group
from simulation.machines import ALIVE

if TYPE_CHECKING:
    from simulation.history import History

Undo = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Fault:
    """at_s: after all served for the first time. for_s: how long, where it ends by itself. target: the number of an assembly."""

    kind: str
    at_s: float
    for_s: float
    target: int

    def __str__(self) -> str:
        return f"{self.at_s:.1f} s: {self.kind} (a{self.target}, {self.for_s:.1f} s)"


def nothing() -> None: ...


def not_here() -> None:
    """The history has nothing of that kind."""


def holder_of(history: History, fault: Fault) -> Agent | None:
    """The node that holds the permit, if its machine runs."""
    agent = history.world.holder(history.world.place(fault.target))
    return agent if agent is not None and agent.machine.state in ALIVE else None


def group_of(history: History, fault: Fault) -> Group:
    return history.world.groups.all[history.world.place(fault.target)]

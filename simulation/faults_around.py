"""What happens around the nodes: to the functions' calls and clocks, by people, by deploys."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from core.recovery.intents import Kind
from simulation.agent import Agent
from simulation.fault import Fault, Undo, group_of, nothing
from simulation.people import say

if TYPE_CHECKING:
    from simulation.history import History

# --- of the functions' calls ---------------------------------------------------------------------------------------------


def weather_of(kind: str) -> Callable[[History, Fault, Agent], Undo]:
    def begin(history: History, fault: Fault, agent: Agent) -> Undo:
        weather = history.world.weather
        setattr(weather, kind, history.chance.choice((0.03, 0.1, 0.3)) / (10 if kind == "dies" else 1))
        return lambda: setattr(weather, kind, 0.0)

    return begin


def out(*services: str) -> Callable[[History, Fault, Agent], Undo]:
    def begin(history: History, fault: Fault, agent: Agent) -> Undo:
        history.world.weather.out |= set(services)
        return lambda: history.world.weather.out.difference_update(services)

    return begin


def dies_at_call(history: History, fault: Fault, agent: Agent) -> Undo:
    """One function dies, at one of the calls to come, of whatever incident there is then."""
    history.world.weather.die_at.add(history.world.weather.calls + history.chance.randrange(1, 400))
    return nothing


def dies_in(*functions: str) -> Callable[[History, Fault, Agent], Undo]:
    """That function dies at one of its own next calls: most often in the middle of an incident, for else it is not called."""

    def begin(history: History, fault: Fault, agent: Agent) -> Undo:
        weather = history.world.weather
        for function in functions:
            weather.die_in[function] = history.chance.randrange(0, 90)
        return nothing

    return begin


def table_out(history: History, fault: Fault, agent: Agent) -> Undo:
    """For everybody: nodes and functions."""
    world = history.world
    world.table_down = True
    world.weather.out.add("dynamodb")

    def back() -> None:
        world.table_down = False
        world.weather.out.discard("dynamodb")

    return back


def functions_out(history: History, fault: Fault, agent: Agent) -> Undo:
    world = history.world
    world.functions.down = world.alarms.deaf = True

    def back() -> None:
        world.functions.down = world.alarms.deaf = False

    return back


def alarms_out(history: History, fault: Fault, agent: Agent) -> Undo:
    history.world.alarms.deaf = True
    return lambda: setattr(history.world.alarms, "deaf", False)


def clock_steps(history: History, fault: Fault, agent: Agent) -> Undo:
    world = history.world
    world.stepped_ms = history.chance.choice((-4000, -1500, 1500, 4000))
    return lambda: setattr(world, "stepped_ms", 0)


# --- of people and deploys ---------------------------------------------------------------------------------------------


def operator_says(kind: Kind) -> Callable[[History, Fault, Agent], Undo]:
    """Of an assembly; `replace` is of its node."""

    def begin(history: History, fault: Fault, agent: Agent) -> Undo:
        world, place = history.world, history.world.place(fault.target)
        if kind is Kind.REPLACE:
            world.watch.of(agent.machine.id).ordered = True
        else:
            world.watch.held[place] = (world.schedule.now_ms, world.schedule.now_ms + int(fault.for_s * 1000))
        target = agent.machine.id if kind is Kind.REPLACE else place[1]
        say(world.table, kind, target, place[0], now_ms=world.schedule.now_ms, for_s=fault.for_s)
        return nothing

    return begin


def deploy(history: History, fault: Fault, agent: Agent) -> Undo:
    history.deploy(group_of(history, fault), bad=False)
    return nothing


def bad_deploy(history: History, fault: Fault, agent: Agent) -> Undo:
    history.deploy(group_of(history, fault), bad=True)
    return nothing


def refresh(history: History, fault: Fault, agent: Agent) -> Undo:
    """Instance refresh, or the end of its lifetime: its group replaces it by its hooks."""
    group = group_of(history, fault)
    if agent.machine.id in group.members:
        history.world.watch.of(agent.machine.id).meant = True
        history.world.groups.retire(group, group.members[agent.machine.id])
    return nothing

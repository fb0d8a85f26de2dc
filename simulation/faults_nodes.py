"""What happens to a node: to its machine, its connections, its application; and to the machines that come after it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from simulation.agent import Agent
from simulation.application import Health
from simulation.fault import Fault, Undo, group_of, nothing
from simulation.machines import ALIVE
from simulation.world import ZONES

if TYPE_CHECKING:
    from simulation.history import History

# --- of a machine ----------------------------------------------------------------------------------------------------


def power_loss(history: History, fault: Fault, agent: Agent) -> Undo:
    history.world.machines.fail(agent.machine)
    return nothing


def terminated(history: History, fault: Fault, agent: Agent) -> Undo:
    history.world.machines.terminate(agent.machine, skip_os=history.chance.random() < 0.5)
    return nothing


def stopped(history: History, fault: Fault, agent: Agent) -> Undo:
    """Its host is retired; sometimes somebody starts it again."""
    history.world.machines.stop(agent.machine)
    return (lambda: history.world.machines.start(agent.machine)) if history.chance.random() < 0.5 else nothing


def hang(history: History, fault: Fault, agent: Agent) -> Undo:
    agent.machine.frozen = agent.machine.powered
    history.world.groups.frozen(agent.machine)
    return nothing


def pause(history: History, fault: Fault, agent: Agent) -> Undo:
    agent.machine.frozen = agent.machine.powered
    history.world.groups.frozen(agent.machine)
    return lambda: history.world.machines.thaw(agent.machine)


def unconfirmed(history: History, fault: Fault, agent: Agent) -> Undo:
    """It hangs, and EC2 does not get it terminated."""
    agent.machine.stuck = True
    hang(history, fault, agent)
    return lambda: history.world.machines.unstick(agent.machine)


def unconfirmed_cut(history: History, fault: Fault, agent: Agent) -> Undo:
    """Its host is out of everybody's reach, EC2's included, and its application goes on."""
    agent.machine.stuck = True
    agent.table_cuts += 1
    agent.probes_cuts += 1
    return lambda: history.world.machines.unstick(agent.machine)


def spot(history: History, fault: Fault, agent: Agent) -> Undo:
    world, machine = history.world, agent.machine
    world.watch.of(machine.id).warned = True
    world.events.emit("aws.ec2", "EC2 Spot Instance Interruption Warning", {"instance-id": machine.id, "instance-action": "terminate"})
    world.schedule.later(120.0, lambda: world.machines.terminate(machine, skip_os=False))
    return nothing


# --- of its connections --------------------------------------------------------------------------------------------------


def from_table(history: History, fault: Fault, agent: Agent) -> Undo:
    agent.table_cuts += 1
    return lambda: _mended(agent, table=True)


def from_probes(history: History, fault: Fault, agent: Agent) -> Undo:
    agent.probes_cuts += 1
    return lambda: _mended(agent, probes=True)


def from_all(history: History, fault: Fault, agent: Agent) -> Undo:
    agent.table_cuts += 1
    agent.probes_cuts += 1
    return lambda: _mended(agent, table=True, probes=True)


def _mended(agent: Agent, *, table: bool = False, probes: bool = False) -> None:
    agent.probes_cuts -= probes
    agent.table_cuts -= table


# --- of its application ------------------------------------------------------------------------------------------------


def application_ends(history: History, fault: Fault, agent: Agent) -> Undo:
    agent.application.ends("killed by signal 9")
    return nothing


def application_fails(history: History, fault: Fault, agent: Agent) -> Undo:
    agent.application.health.failing = True
    agent.application.health_changed()
    if history.chance.random() < 0.5:
        return nothing  # until its node is replaced
    return lambda: _well(agent)


def application_loops(history: History, fault: Fault, agent: Agent) -> Undo:
    agent.application.health.ends_at_once = True
    agent.application.ends("exited with status 1")
    return nothing


def application_stubborn(history: History, fault: Fault, agent: Agent) -> Undo:
    """It takes its whole grace, and is told to stop: by a deploy, half of the time."""
    agent.application.health.stubborn = True
    if history.chance.random() < 0.5:
        history.deploy(group_of(history, fault), bad=False)
    return nothing


def application_busy(history: History, fault: Fault, agent: Agent) -> Undo:
    agent.application.health.busy = True
    agent.application.health_changed()
    return lambda: _well(agent)


def _well(agent: Agent) -> None:
    agent.application.health = Health()
    agent.application.health_changed()


# --- of what comes next --------------------------------------------------------------------------------------------------


def next_machines(health: Health, dies_after_s: float = 0.0) -> Callable[[History, Fault, Agent], Undo]:
    """So many of the assembly's next machines are so; and one is needed, for this one goes."""

    def begin(history: History, fault: Fault, agent: Agent) -> Undo:
        place = history.world.place(fault.target)
        history.births[place] = [(replace(health), dies_after_s) for _ in range(history.chance.choice((1, 1, 2, 4)))]
        history.world.machines.fail(agent.machine)

        def over() -> None:
            history.births.pop(place, None)

        return over

    return begin


def no_capacity(history: History, fault: Fault, agent: Agent) -> Undo:
    history.world.machines.full_zones |= set(ZONES)
    history.world.machines.fail(agent.machine)
    return lambda: history.world.machines.full_zones.clear()


def zone_lost(history: History, fault: Fault, agent: Agent) -> Undo:
    world, zone = history.world, agent.machine.zone
    world.machines.full_zones.add(zone)
    for machine in list(world.machines.all.values()):
        if machine.zone == zone:
            world.machines.fail(machine)
    return lambda: world.machines.full_zones.clear()


def all_hang(history: History, fault: Fault, agent: Agent) -> Undo:
    for place in history.world.groups.all:
        one = history.world.holder(place)
        if one is not None and one.machine.state in ALIVE:
            hang(history, fault, one)
    return nothing


def all_cut(history: History, fault: Fault, agent: Agent) -> Undo:
    """The prober's own network: nobody is seen."""
    cut = [a for a in (history.world.holder(place) for place in history.world.groups.all) if a is not None]
    for one in cut:
        one.probes_cuts += 1

    def over() -> None:
        for one in cut:
            one.probes_cuts -= 1

    return over

"""What may happen in a history, by kind: how it begins, and how it ends by itself where it does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random
from typing import TYPE_CHECKING

from boto3.dynamodb.types import TypeSerializer

from core import names
from simulation.agent import Agent, Health
from simulation.groups import Group
from simulation.machines import ALIVE
from simulation.world import ZONES

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


def _nothing() -> None: ...


def _holder(history: History, fault: Fault) -> Agent | None:
    """The node that holds the permit, if its machine runs."""
    agent = history.world.holder(history.world.place(fault.target))
    return agent if agent is not None and agent.machine.state in ALIVE else None


def _group(history: History, fault: Fault) -> Group:
    return history.world.groups.all[history.world.place(fault.target)]


# --- of a machine ----------------------------------------------------------------------------------------------------


def power_loss(history: History, fault: Fault, agent: Agent) -> Undo:
    history.world.machines.fail(agent.machine)
    return _nothing


def terminated(history: History, fault: Fault, agent: Agent) -> Undo:
    history.world.machines.terminate(agent.machine, skip_os=history.chance.random() < 0.5)
    return _nothing


def stopped(history: History, fault: Fault, agent: Agent) -> Undo:
    """Its host is retired; sometimes somebody starts it again."""
    history.world.machines.stop(agent.machine)
    return (lambda: history.world.machines.start(agent.machine)) if history.chance.random() < 0.5 else _nothing


def hang(history: History, fault: Fault, agent: Agent) -> Undo:
    agent.machine.frozen = agent.machine.powered
    history.world.groups.frozen(agent.machine)
    return _nothing


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
    agent.table_cut = agent.probes_cut = True
    return lambda: history.world.machines.unstick(agent.machine)


def spot(history: History, fault: Fault, agent: Agent) -> Undo:
    world, machine = history.world, agent.machine
    world.watch.of(machine.id).warned = True
    world.emit("aws.ec2", "EC2 Spot Instance Interruption Warning", {"instance-id": machine.id, "instance-action": "terminate"})
    world.schedule.later(120.0, lambda: world.machines.terminate(machine, skip_os=False))
    return _nothing


# --- of its connections --------------------------------------------------------------------------------------------------


def from_table(history: History, fault: Fault, agent: Agent) -> Undo:
    agent.table_cut = True
    return lambda: _mended(agent, table=True)


def from_probes(history: History, fault: Fault, agent: Agent) -> Undo:
    agent.probes_cut = True
    return lambda: _mended(agent, probes=True)


def from_all(history: History, fault: Fault, agent: Agent) -> Undo:
    agent.table_cut = agent.probes_cut = True
    return lambda: _mended(agent, table=True, probes=True)


def _mended(agent: Agent, *, table: bool = False, probes: bool = False) -> None:
    if probes:
        agent.probes_cut = False
    if table and agent.table_cut:
        agent.table_cut = False
        agent.healed()


# --- of its application ------------------------------------------------------------------------------------------------


def application_ends(history: History, fault: Fault, agent: Agent) -> Undo:
    agent.application_ends("killed by signal 9")
    return _nothing


def application_fails(history: History, fault: Fault, agent: Agent) -> Undo:
    agent.health.failing = True
    agent.health_changed()
    if history.chance.random() < 0.5:
        return _nothing  # until its node is replaced
    return lambda: _well(agent)


def application_loops(history: History, fault: Fault, agent: Agent) -> Undo:
    agent.health.ends_at_once = True
    agent.application_ends("exited with status 1")
    return _nothing


def application_busy(history: History, fault: Fault, agent: Agent) -> Undo:
    agent.health.busy = True
    agent.health_changed()
    return lambda: _well(agent)


def _well(agent: Agent) -> None:
    agent.health = Health()
    agent.health_changed()


# --- of what comes next --------------------------------------------------------------------------------------------------


def _next_machines(health: Health, dies_after_s: float = 0.0) -> Callable[[History, Fault, Agent], Undo]:
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
    return _nothing


def all_cut(history: History, fault: Fault, agent: Agent) -> Undo:
    """The prober's own network: nobody is seen."""
    cut = [a for a in (history.world.holder(place) for place in history.world.groups.all) if a is not None]
    for one in cut:
        one.probes_cut = True

    def over() -> None:
        for one in cut:
            one.probes_cut = False

    return over


# --- of the functions' calls ---------------------------------------------------------------------------------------------


def _weather(kind: str) -> Callable[[History, Fault, Agent], Undo]:
    def begin(history: History, fault: Fault, agent: Agent) -> Undo:
        weather = history.world.weather
        setattr(weather, kind, history.chance.choice((0.03, 0.1, 0.3)) / (10 if kind == "dies" else 1))
        return lambda: setattr(weather, kind, 0.0)

    return begin


def _out(*services: str) -> Callable[[History, Fault, Agent], Undo]:
    def begin(history: History, fault: Fault, agent: Agent) -> Undo:
        history.world.weather.out |= set(services)
        return lambda: history.world.weather.out.difference_update(services)

    return begin


def dies_at_call(history: History, fault: Fault, agent: Agent) -> Undo:
    """One function dies, at one of the calls to come, of whatever incident there is then."""
    history.world.weather.die_at.add(history.world.weather.calls + history.chance.randrange(1, 400))
    return _nothing


def table_out(history: History, fault: Fault, agent: Agent) -> Undo:
    """For everybody: nodes and functions."""
    world = history.world
    world.table_down = True
    world.weather.out.add("dynamodb")

    def back() -> None:
        world.table_down = False
        world.weather.out.discard("dynamodb")
        for machine in world.machines.all.values():
            world.agent_of(machine).healed()

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


def operator_pauses(history: History, fault: Fault, agent: Agent) -> Undo:
    world, place = history.world, history.world.place(fault.target)
    until_s = world.schedule.now_ms // 1000 + int(fault.for_s)
    item = {names.PK: names.intent_pk(place[0]), names.SK: f"PAUSE#{place[1]}", "version": 1, "reason": "maintenance", names.TTL: until_s}
    encode = TypeSerializer().serialize
    world.table.put({name: encode(value) for name, value in item.items()})
    return _nothing


def deploy(history: History, fault: Fault, agent: Agent) -> Undo:
    history.deploy(_group(history, fault), bad=False)
    return _nothing


def bad_deploy(history: History, fault: Fault, agent: Agent) -> Undo:
    history.deploy(_group(history, fault), bad=True)
    return _nothing


def refresh(history: History, fault: Fault, agent: Agent) -> Undo:
    """Instance refresh, or the end of its lifetime: its group replaces it by its hooks."""
    group = _group(history, fault)
    if agent.machine.id in group.members:
        history.world.watch.of(agent.machine.id).meant = True
        history.world.groups.retire(group, group.members[agent.machine.id])
    return _nothing


KINDS: dict[str, Callable[[History, Fault, Agent], Undo]] = {
    "kill": power_loss,
    "terminate": terminated,
    "stop": stopped,
    "hang": hang,
    "pause": pause,
    "termination not confirmed": unconfirmed,
    "termination not confirmed, and it goes on": unconfirmed_cut,
    "spot interruption": spot,
    "partition node from table": from_table,
    "partition probes from node": from_probes,
    "partition node from all": from_all,
    "application ends": application_ends,
    "application fails": application_fails,
    "application ends at once, each time": application_loops,
    "application busy": application_busy,
    "boot failure": _next_machines(Health(never_boots=True)),
    "application never ready on the next": _next_machines(Health(never_ready=True)),
    "dies while it boots": _next_machines(Health(), dies_after_s=14.0),
    "no capacity": no_capacity,
    "zone loss": zone_lost,
    "all hang at once": all_hang,
    "prober blind": all_cut,
    "slow calls": _weather("slow"),
    "throttled calls": _weather("throttled"),
    "answers lost": _weather("lost"),
    "functions die": _weather("dies"),
    "function dies once": dies_at_call,
    "EC2's API out": _out("ec2"),
    "Auto Scaling's API out": _out("autoscaling"),
    "bucket and topic out": _out("s3", "sns"),
    "queues out": _out("sqs"),
    "table out": table_out,
    "table out for functions": _out("dynamodb"),
    "monitor outage": functions_out,
    "alarms deaf": alarms_out,
    "clock steps": clock_steps,
    "operator pauses": operator_pauses,
    "deploy": deploy,
    "deploy of a bad version": bad_deploy,
    "instance refresh": refresh,
}


def begin(history: History, fault: Fault) -> None:
    """Where there is no node to do it to, it does not happen, and does not count."""
    agent = _holder(history, fault)
    if agent is None:
        return
    history.world.counted[fault.kind] += 1
    history.world.say("fault", str(fault))
    undo = KINDS[fault.kind](history, fault, agent)
    history.world.watch.notice(agent)

    def over() -> None:
        if undo is not _nothing:
            history.world.say("fault", f"over: {fault.kind}")
            undo()

    history.world.schedule.later(fault.for_s, over)


def drawn(chance: Random, kind: str, assemblies: int, minutes: float) -> Fault:
    long = {"operator pauses": 2.0, "monitor outage": 1.5, "termination not confirmed": 2.0, "stop": 0.7}.get(kind, 1.0)
    return Fault(kind, chance.uniform(0, minutes * 60), chance.uniform(3, 120) * long, chance.randrange(assemblies))

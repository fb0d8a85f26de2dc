"""Every kind of fault by its name, and how one begins and ends in a history."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING

from core.recovery.intents import Kind
from simulation import faults_agent as agents
from simulation import faults_around as around
from simulation import faults_nodes as nodes
from simulation import faults_things as things
from simulation.agent import Agent
from simulation.application import Health
from simulation.fault import Fault, Undo, holder_of, not_here, nothing

if TYPE_CHECKING:
    from simulation.history import History

KINDS: dict[str, Callable[[History, Fault, Agent], Undo]] = {
    "kill": nodes.power_loss,
    "terminate": nodes.terminated,
    "stop": nodes.stopped,
    "hang": nodes.hang,
    "pause": nodes.pause,
    "termination not confirmed": nodes.unconfirmed,
    "termination not confirmed, and it goes on": nodes.unconfirmed_cut,
    "spot interruption": nodes.spot,
    "partition node from table": nodes.from_table,
    "partition probes from node": nodes.from_probes,
    "partition node from all": nodes.from_all,
    "application ends": nodes.application_ends,
    "application fails": nodes.application_fails,
    "application ends at once, each time": nodes.application_loops,
    "application busy": nodes.application_busy,
    "boot failure": nodes.next_machines(Health(never_boots=True)),
    "application never ready on the next": nodes.next_machines(Health(never_ready=True)),
    "dies while it boots": nodes.next_machines(Health(), dies_after_s=14.0),
    "no capacity": nodes.no_capacity,
    "zone loss": nodes.zone_lost,
    "all hang at once": nodes.all_hang,
    "prober blind": nodes.all_cut,
    "volume is not let go": things.volume_stuck,
    "interface is not let go": things.interface_stuck,
    "balancer finds nobody well": things.balancer_blind,
    "database fails over": things.database_fails_over,
    "database silent": things.database_silent,
    "application does not stop": nodes.application_stubborn,
    "agent dies": agents.happens(Agent.killed),
    "agent dies again and again": agents.dies_again_and_again,
    "agent is restarted": agents.happens(Agent.restarted),
    "agent hangs": agents.happens(Agent.hangs),
    "slow calls": around.weather_of("slow"),
    "throttled calls": around.weather_of("throttled"),
    "answers lost": around.weather_of("lost"),
    "functions die": around.weather_of("dies"),
    "function dies once": around.dies_at_call,
    "recover_assembly dies": around.dies_in("recover_assembly"),
    "admit_node dies": around.dies_in("admit_node"),
    "retire_node or move_front dies": around.dies_in("retire_node", "move_front"),
    "EC2's API out": around.out("ec2"),
    "Auto Scaling's API out": around.out("autoscaling"),
    "bucket and topic out": around.out("s3", "sns"),
    "queues out": around.out("sqs"),
    "table out": around.table_out,
    "table out for functions": around.out("dynamodb"),
    "monitor outage": around.functions_out,
    "alarms deaf": around.alarms_out,
    "clock steps": around.clock_steps,
    "operator pauses": around.operator_says(Kind.PAUSE),
    "operator says maintenance": around.operator_says(Kind.MAINTENANCE),
    "operator says shadow": around.operator_says(Kind.SHADOW),
    "operator says replace": around.operator_says(Kind.REPLACE),
    "deploy": around.deploy,
    "deploy of a bad version": around.bad_deploy,
    "instance refresh": around.refresh,
}

# What the first fault of a history is about is there.
NEEDS: dict[str, dict[str, float]] = {
    "volume is not let go": {"volume": 1.0},
    "interface is not let go": {"front": 4.0},
    "balancer finds nobody well": {"front": 2.0},
    "database fails over": {"database": 2.0},
    "database silent": {"database": 1.0},
}


def begin(history: History, fault: Fault) -> None:
    """Where there is no node to do it to, or nothing of that kind, it does not happen, and does not count."""
    agent = holder_of(history, fault)
    if agent is None:
        return
    undo = KINDS[fault.kind](history, fault, agent)
    if undo is not_here:
        return
    history.world.counted[fault.kind] += 1
    history.world.say("fault", str(fault))
    history.world.watch.notice(agent)

    def over() -> None:
        if undo is not nothing:
            history.world.say("fault", f"over: {fault.kind}")
            history.world.watch.notice(agent)  # what it was like until now: a node that is paused does not tell
            undo()

    history.world.schedule.later(fault.for_s, over)


def drawn(chance: Random, kind: str, assemblies: int, minutes: float) -> Fault:
    long = {
        "operator pauses": 2.0,
        "operator says shadow": 2.0,
        "operator says replace": 3.0,
        "partition probes from node": 2.0,
        "monitor outage": 1.5,
        "termination not confirmed": 2.0,
        "stop": 0.7,
        "database silent": 3.0,
    }.get(kind, 1.0)
    return Fault(kind, chance.uniform(0, minutes * 60), chance.uniform(3, 120) * long, chance.randrange(assemblies))

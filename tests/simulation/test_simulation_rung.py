"""The deployable's rung, played by the shipped functions: past its tolerance one assembly takes the others along, in order, once."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from core import names
from core.model import Assembly, Tolerance
from core.recovery.incident import Cause, Incident, State
from lambdas.adapters.table import plain_item
from simulation.history import FIRST_S, SERVES_WITHIN_S, History
from simulation.plan import Plan
from simulation.world import World

CALM = {"latency": 0.05, "lost": 0.0, "twice": 0.0, "late": 0.0, "skew": 0.0, "stale": 0.0, "hidden": 0.0, "front": 0.0}
NAMES = ("a0", "a1", "a2")


def in_a_chain(model: Assembly) -> Assembly:
    """It tolerates no failure, and starts after the one before it."""
    number = NAMES.index(model.name)
    return replace(model, tolerance=Tolerance(0, 3600.0), after=NAMES[number - 1 : number] if number else ())


class Rung(History):
    """Three assemblies, each of which starts after the one before it, and one that tolerates no failure."""

    def begin(self) -> World:
        old = self.world
        world = World(
            self.plan.seed, 3, old.front, pace=old.pace, post=old.post, file=in_a_chain
        )  # fmt: skip
        world.weather.latency_s, world.skews_s = self.plan.traits["latency"], self.plan.traits["skew"]
        world.stale_reads, world.hidden_s = self.plan.traits["stale"], self.plan.traits["hidden"]
        self.world = world
        world.build()
        self._until_well(FIRST_S, "for the first time")
        return world


def climbed(seed: int, target: str, *, deaths_s: tuple[float, ...] = (), **traits: float) -> Rung:
    """One node hangs; everything after it until all serve again. deaths_s: when a function is to die in the middle of its calls."""
    rung = Rung(Plan(seed, 3, 1.0, (), CALM | traits))
    world = rung.begin()
    try:
        agent = world.holder(world.place(NAMES.index(target)))
        assert agent is not None
        agent.machine.frozen = True
        world.groups.frozen(agent.machine)
        for at_s in deaths_s:
            world.schedule.later(at_s, lambda: world.weather.die_at.add(world.weather.calls + rung.chance.randrange(1, 40)))
        world.schedule.run(world.schedule.now_ms + 60_000, lambda: bool(world.watch.faults))
        rung._until_well(SERVES_WITHIN_S, "the node hung")
        end_ms = world.schedule.now_ms + 1_200_000
        world.schedule.run(end_ms, lambda: bool(world.watch.faults) or not any(_open(world, name) for name in NAMES))
    finally:
        rung._cut_short()
    assert world.watch.faults == []
    return rung


def _open(world: World, name: str) -> bool:
    incident = world.watch.incident(world.place(NAMES.index(name)))
    return incident is not None and not incident.ended


def latest(world: World, name: str) -> Incident:
    found = world.watch.incident(world.place(NAMES.index(name)))
    assert found is not None, name
    return found


def permitted_ms(world: World, name: str) -> int:
    place = world.place(NAMES.index(name))
    item = plain_item(world.table.items[names.permit_pk(*place)][names.CURRENT])
    assert item["epoch"] == 2, (name, item)
    return int(item["at_ms"])


@pytest.mark.parametrize("target", NAMES)
def test_all_stop_last_started_first_and_start_again_in_order_and_people_hear_of_it_once(target: str) -> None:
    world = climbed(7 + NAMES.index(target), target).world

    incidents = {name: latest(world, name) for name in NAMES}
    leader = incidents[target]
    assert {incident.state for incident in incidents.values()} == {State.RECOVERED}, incidents
    assert (leader.escalated_to, leader.ladder) == ("deployable", leader.id)
    assert {incident.ladder for incident in incidents.values()} == {leader.id}
    assert {name for name, one in incidents.items() if one.cause is Cause.ESCALATION} == set(NAMES) - {target}
    stopped = [(incidents[name].isolated_ms if name != target else 0, name) for name in NAMES if name != target]
    assert [name for _, name in sorted(stopped)] == sorted((name for name in NAMES if name != target), reverse=True)
    assert permitted_ms(world, "a0") < permitted_ms(world, "a1") < permitted_ms(world, "a2")
    assert max(at_ms for at_ms, _ in stopped) <= permitted_ms(world, "a0")
    subjects = [subject for _, subject, _ in world.watch.told]
    assert len(subjects) == 2, subjects
    assert "in order: a0, a1, a2" in world.watch.told[0][2]


def test_a_healthy_sister_goes_offline_in_its_own_time_and_is_not_cut_off() -> None:
    world = climbed(3, "a0").world

    for name in ("a1", "a2"):
        incident = latest(world, name)
        assert incident.retiring_ms
        assert incident.fence == 0, incident.notes


@pytest.mark.heavy
@pytest.mark.parametrize("seed", range(120))
def test_however_functions_die_and_events_travel_all_come_back_and_nobody_is_taken_along_twice(seed: int) -> None:
    chance = Random(f"rung {seed}")  # noqa: S311 - a made-up world, not a secret
    traits = {
        "latency": chance.choice((0.0, 0.05, 0.3)), "lost": chance.choice((0.0, 0.3, 1.0)), "twice": chance.choice((0.0, 0.5)),
        "late": chance.choice((0.0, 0.4)), "skew": chance.choice((0.0, 0.5)), "stale": chance.choice((0.0, 0.5)),
    }  # fmt: skip
    deaths_s = tuple(chance.uniform(0, 240) for _ in range(chance.choice((0, 3, 12, 40))))
    world = climbed(1000 + seed, chance.choice(NAMES), deaths_s=deaths_s, **traits).world

    for name in NAMES:
        kept = [item for sk, item in world.table.items[names.incident_pk(*world.place(NAMES.index(name)))].items() if sk != names.OPEN]
        assert len([item for item in kept if plain_item(item)["state"] == State.RECOVERED.value]) <= 2, name

"""The node's agent in a history: the shipped cycle, watchers and reporter, which rest where the real ones rest."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.records import Phase
from simulation.fault import Fault
from simulation.history import History
from simulation.plan import Plan, plan_of
from tests.simulation.calm import CALM, served

# Two of the first twenty thousand broke a promise: their agent, made up then, ordered the same stop again and again within one moment.
KEPT = {
    "a machine is frozen while it leaves, and thaws past its application's grace": Plan(
        18082, 1, 2.25, (Fault("instance refresh", 78.209, 5.968, 0), Fault("pause", 81.417, 106.323, 0)), CALM | {"front": 1.0}
    ),
    "a bad version is taken back while its node is frozen": Plan(
        19094, 3, 2.98,
        (
            Fault("deploy of a bad version", 79.802, 70.8, 0), Fault("zone loss", 122.112, 116.122, 1), Fault("pause", 159.664, 51.042, 0),
            Fault("table out for functions", 163.052, 40.206, 0),
        ),
        CALM | {"twice": 0.5, "skew": 3.0, "hidden": 6.0},
    ),
}  # fmt: skip


def test_what_wakes_from_a_pause_as_it_is_killed_was_not_well_until_then() -> None:
    """A node that is paused tells nothing of itself, so that the watch took it for well since before."""
    assert History(plan_of(2226)).live().broken == ""


@pytest.mark.parametrize("plan", KEPT.values(), ids=KEPT)
def test_a_history_that_broke_a_promise_once_keeps_it(plan: Plan) -> None:
    assert History(plan).live().broken == ""


def test_a_replacement_that_dies_while_it_is_verified_is_counted_once() -> None:
    """Its last report goes on saying that it runs; it was taken up again for that, and given up, as a boot loop of three."""
    history = History(plan_of(31098))
    history.live()

    lost = [note.what for one in history.world.watch.ended.values() for note in one.notes if "did not live" in note.what]
    assert lost == []


def test_the_cycle_rests_between_two_orders_to_one_that_does_not_end() -> None:
    world, agent = served()
    world.functions.down = True  # nobody sees to it
    agent.application._stopped = lambda run: None  # type: ignore[method-assign]
    agent.target_terminated()
    world.schedule.run(world.schedule.now_ms + 20_000)
    assert agent.cycle is not None
    before = agent.cycle.tally.cycles

    world.schedule.run(world.schedule.now_ms + 120_000)

    assert agent.application.alive
    assert agent.cycle.tally.cycles - before <= 120 / 5 + 3


def test_a_release_is_told_only_once_the_disk_has_it() -> None:
    world, agent = served()
    told: list[tuple[str, int]] = []
    put = world.table.put

    def seen(item: dict[str, dict[str, str]]) -> None:
        if item.get("phase") == {"S": Phase.RELEASED.value}:
            told.append((item["phase"]["S"], agent.given_up))
        put(item)

    world.table.put = seen  # type: ignore[method-assign]
    agent.target_terminated()
    world.schedule.run(world.schedule.now_ms + 30_000)

    assert told
    assert {given_up for _, given_up in told} == {1}


def test_a_frozen_machines_agent_does_nothing_and_goes_on_afterwards() -> None:
    world, agent = served()
    assert agent.cycle is not None
    agent.machine.frozen = True
    world.schedule.run(world.schedule.now_ms + 1000)
    reported_ms, cycles = agent.reported_ms, agent.cycle.tally.cycles
    world.schedule.run(world.schedule.now_ms + 20_000)
    assert (agent.reported_ms, agent.cycle.tally.cycles) == (reported_ms, cycles)

    world.machines.thaw(agent.machine)
    world.schedule.run(world.schedule.now_ms + 1000)

    assert agent.reported_ms > reported_ms
    assert agent.serves


def test_a_table_that_does_not_answer_keeps_the_reporter_waiting_and_stops_nothing() -> None:
    world, agent = served()
    agent.table_cuts += 1
    world.schedule.run(world.schedule.now_ms + 60_000)
    silent_ms = world.schedule.now_ms - agent.reported_ms

    agent.table_cuts -= 1
    world.schedule.run(world.schedule.now_ms + 10_000)

    assert silent_ms > 55_000
    assert agent.application.alive
    assert world.schedule.now_ms - agent.reported_ms < 7_000


def test_an_application_that_does_not_stop_has_its_whole_grace_and_is_then_killed() -> None:
    world, agent = served()
    agent.application.health = replace(agent.application.health, stubborn=True)
    grace_s = agent.assembly.applications[0].stop_timeout_s
    agent.target_terminated()
    world.schedule.run(world.schedule.now_ms + int(grace_s * 1000) - 1000)
    assert agent.application.alive

    world.schedule.run(world.schedule.now_ms + 20_000)

    assert not agent.application.alive

"""The node's agent in a history: the shipped cycle, watchers and reporter, which rest where the real ones rest."""

from __future__ import annotations

from dataclasses import replace

from core.records import Phase
from simulation.agent import WATCHDOG_S
from tests.simulation.calm import served


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


# --- its process alone -----------------------------------------------------------------------------------


def test_an_application_outlives_its_agent_and_is_adopted_by_the_next_one() -> None:
    world, agent = served()
    agent.killed()
    world.schedule.run(world.schedule.now_ms + 1000)
    assert (agent.up, agent.answers(), agent.serves, agent.runs) == (False, None, False, 1)

    world.schedule.run(world.schedule.now_ms + 10_000)

    assert agent.serves
    assert (agent.lives, agent.application.run, agent.application.seen().adopted) == (2, 1, True)
    assert world.watch.outcomes == []


def test_an_agent_that_is_restarted_leaves_its_application_running() -> None:
    world, agent = served()
    agent.restarted()

    world.schedule.run(world.schedule.now_ms + 10_000)

    assert agent.serves
    assert (agent.lives, agent.application.run, agent.given_up) == (2, 1, 0)


def test_what_ended_while_no_agent_was_there_is_a_failure_and_is_started_again() -> None:
    world, agent = served()
    agent.killed()
    agent.application.ends("killed by signal 9")

    world.schedule.run(world.schedule.now_ms + 20_000)

    assert agent.serves
    assert agent.cycle is not None
    assert (agent.application.run, len(agent.cycle.memory.histories["app"].failed_at_s)) == (2, 1)


def test_an_agent_that_hangs_answers_nobody_until_the_watchdog_ends_it() -> None:
    world, agent = served()
    agent.hangs()
    reported_ms = agent.reported_ms
    world.schedule.run(world.schedule.now_ms + int(WATCHDOG_S * 1000) - 500)
    assert (agent.lives, agent.reported_ms, agent.answers(), agent.application.alive) == (1, reported_ms, None, True)

    world.schedule.run(world.schedule.now_ms + 10_000)

    assert (agent.lives, agent.serves, agent.application.run) == (2, True, 1)


def test_an_agent_that_dies_while_its_machine_goes_down_is_not_started_again_and_holds_nothing_up() -> None:
    world, agent = served()
    world.functions.down = True
    agent.application.health = replace(agent.application.health, stubborn=True)
    world.machines.terminate(agent.machine, skip_os=False)
    assert agent.up

    agent.killed()
    world.schedule.run(world.schedule.now_ms + 10_000)

    assert (agent.lives, agent.machine.state, agent.application.alive) == (1, "terminated", False)

"""Each promise can be seen broken: whatever the watch and the record's judge may say, they say when it is so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from core import names
from core.attributes import typed_item
from core.database import Database, Engine
from core.items import permit_item
from core.model import Verdict
from core.records import Look, Permit
from core.recovery.incident import Cause, Incident, State, incident_item
from simulation.agent import Agent
from simulation.history import History
from simulation.plan import Plan
from simulation.world import World
from tests.simulation.calm import A0, CALM, served

Act = Callable[[World, Agent], None]


def about(world: World, agent: Agent, **changes: Any) -> Incident:
    now_ms = world.schedule.now_ms
    first = Incident(
        deployable=A0[0], assembly=A0[1], id="1-i", revision=1, instance=agent.machine.id, epoch=1, state=State.ISOLATING,
        cause=Cause.SIGNALS, reason="why", woken_by="tick", failed_ms=now_ms, opened_ms=now_ms, state_ms=now_ms, evidence_done=True,
        confirmed_ms=now_ms,
    )  # fmt: skip
    return replace(first, **changes)


def put(world: World, incident: Incident) -> None:
    world.table.put(typed_item(incident_item(incident)))


def told(world: World, agent: Agent, **changes: Any) -> None:
    put(world, about(world, agent, **changes))


def mended(world: World, agent: Agent, **changes: Any) -> None:
    """The record of one that AWS mends by itself."""
    world.table.put(typed_item(incident_item(about(world, agent, **({"cause": Cause.AWS} | changes)), sk=f"{names.BY_AWS}rds")))


def mended_over_another(world: World, agent: Agent) -> None:
    mended(world, agent, id="0-i")
    mended(world, agent)


def mended_unheard(world: World, agent: Agent) -> None:
    mended(world, agent, id="0-i", state=State.ESCALATED, ended_ms=1, told=("open",))
    mended(world, agent)


def mended_again(world: World, agent: Agent) -> None:
    mended(world, agent, state=State.ESCALATED)
    mended(world, agent, state=State.RECOVERED)


def mended_dead(world: World, agent: Agent) -> None:
    agent.machine.frozen = True
    world.watch.well.clear()
    mended(world, agent, state=State.RECOVERED)


def kill(world: World, agent: Agent, *, who: str = "recover_assembly", **changes: Any) -> None:
    """A function terminates a node that serves."""
    if changes.pop("opened", True):
        put(world, about(world, agent, **changes))
    world.watch._kill(agent.machine.id, who)


def one_failing_look(world: World, agent: Agent) -> None:
    now_ms = world.schedule.now_ms
    seen = world.watch.of(agent.machine.id)
    seen.looks.clear()
    seen.looks.append(Look(at_ms=now_ms, verdict=Verdict.FAILING, ha="no", http="no"))
    kill(world, agent)


def held(world: World, agent: Agent) -> None:
    world.watch.held[A0] = (world.schedule.now_ms - 60_000, world.schedule.now_ms + 60_000)
    kill(world, agent)


def eleventh(world: World, agent: Agent) -> None:
    world.watch.kills |= {f"{n}-i": (world.schedule.now_ms - 1000, "i") for n in range(100, 110)}
    kill(world, agent)


def second_node(world: World, agent: Agent) -> None:
    other = world.machines.launch(A0, "a", lambda machine: Agent(world, machine, world.models[0]))
    world.watch.started(world.agent_of(other), 2)


def permit_back(world: World, agent: Agent) -> None:
    permit = Permit(deployable=A0[0], assembly=A0[1], instance=agent.machine.id, epoch=1, at_ms=1)
    world.table.put(typed_item(permit_item(permit)))


def another(world: World, agent: Agent) -> None:
    told(world, agent)
    told(world, agent, id="2-i")


def ended_again(world: World, agent: Agent) -> None:
    told(world, agent, state=State.SUPPRESSED)
    told(world, agent, state=State.ISOLATING)


def recovered(world: World, agent: Agent, **changes: Any) -> None:
    given = {"state": State.RECOVERED, "new_instance": agent.machine.id, "new_epoch": 2, **changes}
    told(world, agent, **given)


def unserved(world: World, agent: Agent) -> None:
    world.watch.served[agent.machine.id] = 0
    agent.machine.frozen = True
    recovered(world, agent)


def front_elsewhere(world: World, agent: Agent) -> None:
    world.machines.associations.clear()
    world.watch.fronts.clear()
    recovered(world, agent)


def unmounted(world: World, agent: Agent) -> None:
    agent.mounted = False
    world.watch.started(agent, 1)


def failed_over(world: World, agent: Agent) -> None:
    told(world, agent, ladder="1-i", leader="a0")
    world.watch._reboot("db-made-up")


KILLS: dict[str, Act] = {
    "admit_node terminates": lambda w, a: kill(w, a, who="admit_node"),
    "no open incident is about it": lambda w, a: kill(w, a, opened=False),
    "before its evidence was kept": lambda w, a: kill(w, a, evidence_done=False),
    "no open incident leads that": lambda w, a: kill(w, a, cause=Cause.ESCALATION, ladder="0-i", leader="a0"),
    "an operator holds its assembly": held,
    "nobody has said so": lambda w, a: kill(w, a, cause=Cause.OPERATOR),
    "a request that it never made": lambda w, a: kill(w, a, cause=Cause.REQUEST),
    "as gone, and EC2 says running": lambda w, a: kill(w, a, cause=Cause.GONE, opened_ms=w.schedule.now_ms + 200_000),
    "its word of itself was not bad lately": kill,
    "without a look that failed lately": kill,
    "has been well for": kill,
    "after one failing look": one_failing_look,
    "11 replacements within": eleventh,
}
STEPS: dict[str, Act] = {
    "run applications": second_node,
    "is not let in, and has served": lambda w, a: w.watch._abandon(a.machine.id),
    "starts without its state": unmounted,
    "was never silent": lambda w, a: w.watch._reboot("db-made-up"),
    "no rung of its deployable asks for it": lambda w, a: w.watch._reboot("db-made-up"),
    "is failed over while": failed_over,
}
RECORDS: dict[str, Act] = {
    "the permit's epoch goes from 1 to 1": permit_back,
    "is written over 1-i": another,
    "was suppressed and is isolating": ended_again,
    "went on without EC2's word": lambda w, a: told(w, a, state=State.RECREATING, proceeded_ms=1),
    "is fenced, and EC2 says running": lambda w, a: told(w, a, state=State.RECREATING, isolated_ms=1),
    "names evidence that is not there": lambda w, a: told(w, a, state=State.SUPPRESSED, evidence=("nowhere",)),
    "and nobody heard": lambda w, a: told(w, a, state=State.SUPPRESSED, told=("open",)),
    "without a cause": lambda w, a: told(w, a, state=State.SUPPRESSED, fence=1, cause=Cause.NONE),
    "is recovered, and EC2 says that": recovered,
    "never had": recovered,
    "does not serve": unserved,
    "is recovered, and the front is on": front_elsewhere,
    "the budget does not know it": recovered,
    "is written over 0-i": mended_over_another,
    "of whose end nobody heard": mended_unheard,
    "was escalated and is recovered": mended_again,
    "and somebody of ours acted in it": lambda w, a: mended(w, a, acted_ms=1),
    "is AWS's, and somebody": lambda w, a: mended(w, a, cause=Cause.SIGNALS),
    "1-i is recovered, and i-": mended_dead,
}


@pytest.mark.parametrize(("said", "act"), [*KILLS.items(), *RECORDS.items()], ids=[*KILLS, *RECORDS])
def test_what_breaks_a_promise_is_said(said: str, act: Act) -> None:
    world, agent = served()

    act(world, agent)

    assert any(said in str(fault) for fault in world.watch.faults), [str(fault) for fault in world.watch.faults]


@pytest.mark.parametrize(("said", "act"), STEPS.items(), ids=STEPS)
def test_what_breaks_a_promise_about_what_a_node_runs_on_is_said(said: str, act: Act) -> None:
    database = Database(engine=Engine.POSTGRES, version="16.4", instance="db.t4g.micro", multi_az=True)
    world, agent = served(volumes=True, database=database)

    act(world, agent)

    assert any(said in str(fault) for fault in world.watch.faults), [str(fault) for fault in world.watch.faults]


def test_a_word_that_is_true_breaks_nothing() -> None:
    world, agent = served()
    agent.machine.frozen = True
    world.schedule.run(world.schedule.now_ms + 400_000, lambda: "recovered" in world.watch.outcomes)

    assert world.watch.kills
    assert world.watch.faults == []


def test_a_spare_machine_beside_the_one_that_serves_may_be_ended() -> None:
    world, _ = served()
    spare = world.machines.launch(A0, "a", lambda machine: Agent(world, machine, world.models[0]))

    world.watch._kill(spare.id, "recover_assembly")

    assert world.watch.faults == []


# --- at a history's end -----------------------------------------------------------------------------------------------


def quiet() -> History:
    history = History(Plan(5, 1, 1.0, (), CALM))
    history.world.build()
    return history


def test_an_incident_where_nothing_failed_is_said() -> None:
    history = quiet()
    history.world.watch.outcomes.append("suppressed")

    history._afterwards(0)

    assert "nothing failed, and there are incidents" in str(history.world.watch.faults[0])


def test_an_incident_that_history_does_not_know_is_said() -> None:
    history = quiet()
    world = history.world
    world.schedule.run(world.schedule.now_ms + 60_000)
    agent = world.holder(A0)
    assert agent is not None
    ended = about(world, agent, state=State.SUPPRESSED)
    put(world, about(world, agent, id="2-i", state=State.SUPPRESSED))
    world.watch.ended[ended.id] = ended

    history._afterwards(len(world.watch.outcomes))

    assert "history does not know it" in str(world.watch.faults[0])


def test_an_assembly_that_never_serves_and_an_incident_that_never_ends_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    world, agent = served()
    history = quiet()
    history.world = world
    told(world, agent)
    world.table.items[names.incident_pk(*A0)][names.OPEN]["driven_until_ms"] = {"N": str(10**15)}
    world.functions.down = True

    with pytest.raises(AssertionError, match="incident 1-i is isolating"):
        history._until_well(30.0, "the last fault")
    world.machines.fail(agent.machine)
    with pytest.raises(AssertionError, match="a0 is not served"):
        history._until_well(30.0, "the last fault")

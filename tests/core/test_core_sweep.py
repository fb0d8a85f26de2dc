"""Whom tick wakes, and whom retire_node lets go."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from core.lifecycle import retirement
from core.model import Front, FrontKind, OnDisagreement, Tolerance, Verdict
from core.policy import Policy
from core.records import Look, Looks, Permit, Phase, Report
from core.recovery.incident import Cause, Incident, State
from core.recovery.intents import Kind, asked, standing
from core.recovery.snapshot import Machine, Member, View
from core.watching.fleet import Watched
from core.watching.sweep import Handler, in_turn, wakings

NOW = 1_800_000_000_000
NODE = "i-0aaa"
POLICY = Policy()


def report(phase: Phase = Phase.RUNNING, *, epoch: int = 1) -> Report:
    return Report(
        deployable="demo", assembly="counter", instance=NODE, boot="b", seq=1, epoch=epoch, at_ms=NOW, phase=phase,
        verdict=Verdict.HEALTHY, applications=(), address="10.0.0.1", ha_port=1, http_port=2, agent="1", expires_at=NOW // 1000 + 60,
    )  # fmt: skip


def looks(verdict: Verdict, *, silent_s: int = 0) -> dict[str, Looks]:
    taken = tuple(Look(at_ms=NOW - 10_000 * n, verdict=verdict, ha="-", http="-") for n in (2, 1, 0))
    return {
        NODE: Looks(
            deployable="demo",
            assembly="counter",
            instance=NODE,
            looks=taken,
            report_boot="b",
            report_seq=1,
            report_moved_ms=NOW - silent_s * 1000,
            expires_at=NOW,
        )
    }


def view(**changes: Any) -> View:
    base = View(
        watched=Watched(
            deployable="demo",
            name="counter",
            ha_port=1,
            http_port=2,
            front=Front(kind=FrontKind.ELASTIC_IP, ports=(80,)),
            start_grace_s=60,
            tolerance=Tolerance(2, 3600),
            on_disagreement=OnDisagreement.REPORT,
        ),
        now_ms=NOW,
        permit=Permit(deployable="demo", assembly="counter", instance=NODE, epoch=1, at_ms=NOW),
        reports={NODE: report()},
        looks=looks(Verdict.HEALTHY),
        machines={NODE: Machine(instance=NODE, state="running", address="10.0.0.1", launched_ms=NOW)},
        members={NODE: Member(instance=NODE, lifecycle="InService", healthy=True)},
    )
    return replace(base, **changes)


def test_a_group_that_keeps_two_for_nobody_is_seen_to() -> None:
    pause = asked(Kind.PAUSE, "counter", deployable="demo", reason="switch", who="ann", now_ms=NOW, for_s=60)

    assert woken(view(wanted=2, room=2)) == [Handler.RECOVER]
    assert woken(view(wanted=2, room=2, intents=standing([pause], "counter", NOW))) == []


def woken(seen: View, *, in_alarm: bool = False, front: str | None = NODE) -> list[Handler]:
    return [w.handler for w in wakings(seen, POLICY, in_alarm=in_alarm, front_holder=front)]


def incident(state: State, driven_until_ms: int) -> Incident:
    return Incident(
        deployable="demo", assembly="counter", id="x", revision=1, instance=NODE, epoch=1, state=state, cause=Cause.SIGNALS, reason="",
        woken_by="alarm", failed_ms=1, opened_ms=NOW, state_ms=NOW, driven_until_ms=driven_until_ms,
    )  # fmt: skip


def test_a_world_in_order_wakes_nobody() -> None:
    assert woken(view()) == []


def test_a_volume_elsewhere_wakes_its_mover_from_the_permit_on() -> None:
    """Nothing runs on the permit's holder before it has it, so that its report says nothing yet."""
    with_volume = replace(view().watched, has_volume=True)
    starting = view(watched=with_volume, reports={NODE: report(Phase.WAITING, epoch=0)})
    gone = view(watched=with_volume, machines={NODE: Machine(instance=NODE, state="terminated", address="", launched_ms=1)})

    def moved(seen: View, holder: str | None) -> list[bool]:
        found = wakings(seen, POLICY, in_alarm=False, front_holder=NODE, volume_holder=holder)
        return [w.state for w in found if w.handler is Handler.MOVE_FRONT]

    assert moved(starting, None) == moved(starting, "i-other") == [True]
    assert moved(starting, NODE) == moved(gone, None) == moved(view(), None) == []


def test_each_waiting_hook_wakes_its_handler() -> None:
    both = {
        "i-1": Member(instance="i-1", lifecycle="Pending:Wait", healthy=True),
        "i-2": Member(instance="i-2", lifecycle="Terminating:Wait", healthy=True),
        **view().members,
    }

    assert woken(view(members=both)) == [Handler.ADMIT, Handler.RETIRE]


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"machines": {NODE: Machine(instance=NODE, state="terminated", address="", launched_ms=1)}}, id="gone"),
        pytest.param({"looks": looks(Verdict.FAILING, silent_s=40)}, id="silent and failing"),
        pytest.param({"incident": incident(State.ISOLATING, NOW - 1)}, id="an incident nobody works on"),
        pytest.param({"incident": replace(incident(State.ESCALATED, 0), escalated_to="person")}, id="an end that nobody heard of"),
        pytest.param({"reports": {NODE: report(Phase.WAITING, epoch=0)}}, id="a holder that runs nothing"),
    ],
)
def test_what_needs_recovery_wakes_it_though_every_event_was_lost(changes: dict[str, Any]) -> None:
    assert Handler.RECOVER in woken(view(**changes))


def test_an_alarm_that_rings_wakes_recovery_unless_it_is_at_it() -> None:
    assert woken(view(), in_alarm=True) == [Handler.RECOVER]
    assert woken(view(incident=incident(State.ISOLATING, NOW + 9000)), in_alarm=True) == []


def test_one_failing_sweep_wakes_nobody() -> None:
    once = looks(Verdict.FAILING, silent_s=40)[NODE]

    assert woken(view(looks={NODE: replace(once, looks=once.looks[-1:])})) == []


def test_a_node_that_is_being_fenced_is_not_given_back_the_front_that_it_was_taken_from() -> None:
    fenced = replace(incident(State.ISOLATING, NOW + 60_000), fence=1)

    assert woken(view(incident=fenced), front=None) == []
    assert woken(view(incident=replace(fenced, instance="i-other")), front=None) == [Handler.MOVE_FRONT]


def test_a_front_elsewhere_is_moved_once_the_holder_runs() -> None:
    assert woken(view(), front="i-other") == [Handler.MOVE_FRONT]
    assert woken(view(), front=None) == [Handler.MOVE_FRONT]
    assert woken(view(reports={NODE: report(Phase.STARTING)}), front=None) == []


# --- whose turn it is ---------------------------------------------------------------------------------


def test_a_minute_is_everybody_once() -> None:
    assert [sorted(in_turn(range(7), NOW + 60_000 * minute)) for minute in range(9)] == [list(range(7))] * 9
    assert in_turn([], NOW) == []


@pytest.mark.parametrize(("many", "reached"), [(200, 190), (200, 140), (200, 67), (50, 7), (7, 2), (2, 1)])
def test_nobody_starves_where_a_call_reaches_only_some(many: int, reached: int) -> None:
    """In twice as many minutes as it takes at best. Found by history 4333: of two hundred the same two came last each minute."""
    last, longest = dict.fromkeys(range(many), 0), 0
    for minute in range(1, 301):
        for one in in_turn(range(many), NOW + 60_000 * minute)[:reached]:
            longest, last[one] = max(longest, minute - last[one]), minute

    assert max(longest, 300 - min(last.values())) <= 2 * -(-many // reached)


# --- retirement --------------------------------------------------------------------------------------

LEAVING = {NODE: Member(instance=NODE, lifecycle="Terminating:Wait", healthy=True)}


def test_a_node_going_offline_is_waited_for_and_one_that_is_stopping_kept_alive() -> None:
    running = retirement.next_step(view(members=LEAVING), NODE)
    stopping = retirement.next_step(view(members=LEAVING, reports={NODE: report(Phase.STOPPING)}), NODE)

    assert running == retirement.Wait(f"{NODE} is going offline (running)")
    assert isinstance(stopping, retirement.Wait)
    assert stopping.heartbeat


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"reports": {NODE: report(Phase.RELEASED)}}, id="released"),
        pytest.param({"machines": {}, "members": {}}, id="forgotten"),
        pytest.param({"machines": {NODE: Machine(instance=NODE, state="shutting-down", address="", launched_ms=1)}}, id="dead"),
        pytest.param({"incident": incident(State.ISOLATING, 0)}, id="being fenced"),
        pytest.param({"permit": None, "reports": {NODE: report(Phase.WAITING, epoch=0)}}, id="never ran anything"),
        pytest.param({"permit": None, "reports": {}}, id="never even reported"),
    ],
)
def test_a_node_that_runs_nothing_any_more_is_let_go(changes: dict[str, Any]) -> None:
    step = retirement.next_step(view(**{"members": LEAVING, **changes}), NODE)

    assert isinstance(step, retirement.Complete | retirement.Done)


def test_a_hook_that_is_not_waiting_is_left() -> None:
    assert isinstance(retirement.next_step(view(), NODE), retirement.Done)

"""A suspected node: what confirms it, and all that does not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.model import Verdict
from core.records import Looks, Phase, Request
from core.recovery.incident import Cause, State
from core.recovery.intents import Kind, Standing, asked, standing
from core.recovery.steps import Leave, TakeLook, Tell, Wait
from tests.core.recovery_story import NOW, OLD, fresh, frozen_view, healthy_view, incident, looks, machine, recorded, report, step


def test_a_third_look_is_taken_right_before_acting() -> None:
    assert step(frozen_view(incident=incident())) == TakeLook(OLD)
    stale = frozen_view(incident=incident(), fresh={OLD: fresh(Verdict.FAILING, age_ms=6_000)})
    assert step(stale) == TakeLook(OLD)


def test_two_signals_and_a_failing_fresh_look_confirm() -> None:
    confirmed = recorded(frozen_view(incident=incident(), fresh={OLD: fresh(Verdict.FAILING)}))

    assert confirmed.state is State.CONFIRMED
    assert confirmed.cause is Cause.SIGNALS


def test_one_failing_look_is_not_two_signals() -> None:
    view = frozen_view(incident=incident(), looks={OLD: looks("hhhhhf", silent_s=31)}, fresh={OLD: fresh(Verdict.FAILING)})

    assert isinstance(step(view), Wait)


@pytest.mark.parametrize(
    ("inside", "outside"),
    [
        pytest.param(looks("hhhfff"), Verdict.FAILING, id="well inside, failing outside"),
        pytest.param(looks("hhhhhh", silent_s=60), Verdict.HEALTHY, id="silent, but answering"),
        pytest.param(looks("hhhuuu", silent_s=60), Verdict.UNKNOWN, id="silent, and nobody could look"),
    ],
)
def test_with_one_signal_nobody_is_killed_and_people_are_told_after_a_while(inside: Looks, outside: Verdict) -> None:
    view = healthy_view(incident=incident(), looks={OLD: inside}, fresh={OLD: fresh(outside)})
    assert isinstance(step(view), Wait)

    later = replace(view, incident=incident(opened_ms=NOW - 61_000))
    ended = recorded(later)
    assert ended.state is State.SUPPRESSED
    assert isinstance(step(replace(view, incident=ended)), Tell)


def test_a_busy_node_is_never_killed_for_it() -> None:
    busy = healthy_view(
        incident=incident(),
        reports={OLD: report(verdict=Verdict.BUSY)},
        looks={OLD: looks("ffffff")},
        fresh={OLD: fresh(Verdict.FAILING)},
    )

    assert isinstance(step(busy), Wait)


def test_a_node_that_is_well_again_is_left_and_nobody_is_bothered() -> None:
    view = healthy_view(incident=incident(), fresh={OLD: fresh(Verdict.HEALTHY)})
    ended = recorded(view)

    assert ended.state is State.SUPPRESSED
    assert isinstance(step(replace(view, incident=ended)), Leave)


def test_a_request_under_the_current_epoch_confirms_at_once() -> None:
    def asks(epoch: int) -> dict[str, Request]:
        return {
            OLD: Request(
                deployable="demo",
                assembly="counter",
                instance=OLD,
                epoch=epoch,
                at_ms=NOW - 900,
                application="app",
                reason="4 failures in 300 s",
                expires_at=NOW,
            )
        }

    failing = {OLD: report(verdict=Verdict.FAILING)}
    assert recorded(healthy_view(incident=incident(), reports=failing, requests=asks(1))).cause is Cause.REQUEST
    assert step(healthy_view(incident=incident(), reports=failing, requests=asks(7))) == TakeLook(OLD)
    assert recorded(healthy_view(reports=failing, requests=asks(1))).failed_ms == NOW - 900
    assert recorded(healthy_view(incident=incident(), reports={}, requests=asks(1))).cause is Cause.REQUEST
    assert isinstance(step(healthy_view(requests=asks(1))), Leave), "well again: what it asked for once no longer stands"


def test_an_agent_that_restarts_what_failed_is_given_its_time_before_its_node_is_taken() -> None:
    answers = replace(fresh(Verdict.FAILING), answered=True)
    view = healthy_view(
        incident=incident(), reports={OLD: report(verdict=Verdict.FAILING)}, looks={OLD: looks("hhffff")}, fresh={OLD: answers}
    )

    assert isinstance(step(view), Wait)
    assert isinstance(step(replace(view, incident=incident(opened_ms=NOW - 119_000))), Wait)
    assert recorded(replace(view, incident=incident(opened_ms=NOW - 121_000))).state is State.CONFIRMED
    assert recorded(replace(view, fresh={OLD: fresh(Verdict.FAILING)})).state is State.CONFIRMED, "its agent does not answer"


def test_a_holder_that_runs_nothing_is_one_signal() -> None:
    """Its agent was restarted and cannot read the permit: it waits, answers, and serves nobody."""
    idle = healthy_view(reports={OLD: report(epoch=0, phase=Phase.WAITING)})

    opened = recorded(replace(idle, fresh={OLD: fresh(Verdict.HEALTHY)}))
    assert "runs nothing" in opened.reason
    later = recorded(replace(idle, fresh={OLD: fresh(Verdict.HEALTHY)}, incident=replace(opened, opened_ms=NOW - 61_000)))
    assert (later.state, later.escalated_to) == (State.SUPPRESSED, "person")


def test_what_is_not_certain_while_an_operator_has_paused_recovery_is_recorded_and_calls_nobody() -> None:
    doubt = healthy_view(
        incident=incident(), looks={OLD: looks("hhhfff")}, fresh={OLD: fresh(Verdict.FAILING)}, intents=asked_for(Kind.PAUSE)
    )
    ended = recorded(doubt)

    assert (ended.state, ended.escalated_to) == (State.SUPPRESSED, "")
    assert ended.reason.startswith("pause: new switch (by ann); not certain: ")
    assert isinstance(step(replace(doubt, incident=ended)), Leave), "one record of it is enough"


@pytest.mark.parametrize("kind", [Kind.PAUSE, Kind.MAINTENANCE])
def test_what_is_certain_in_a_pause_stays_down_and_somebody_is_told(kind: Kind) -> None:
    gone = healthy_view(machines={OLD: machine(OLD, "terminated")}, intents=asked_for(kind), incident=incident())
    confirmed = recorded(gone)
    ended = recorded(replace(gone, incident=confirmed))

    assert (ended.state, ended.escalated_to, ended.fence) == (State.SUPPRESSED, "person", 0)
    assert ended.reason == f"{kind.value}: new switch (by ann); EC2 says {OLD} is terminated"
    told = replace(gone, incident=replace(ended, told=("end",)))
    assert isinstance(step(told), Leave)
    assert recorded(replace(told, intents=Standing())).state is State.SUSPECTED, "after the pause it is replaced"


def test_a_doubt_in_a_pause_that_becomes_certain_is_opened_again() -> None:
    doubted = incident(State.SUPPRESSED, cause=Cause.NONE, ended_ms=NOW - 5_000)
    view = frozen_view(incident=doubted, intents=asked_for(Kind.PAUSE), fresh={OLD: fresh(Verdict.FAILING)})

    assert recorded(view).state is State.SUSPECTED


def test_in_shadow_mode_all_is_decided_and_nothing_done() -> None:
    view = healthy_view(incident=incident(State.CONFIRMED, reason="silent"), intents=asked_for(Kind.SHADOW))
    ended = recorded(view)

    assert (ended.state, ended.escalated_to) == (State.SUPPRESSED, "")
    assert ended.reason == f"shadow mode: {OLD} would have been replaced: silent"
    assert isinstance(step(frozen_view(incident=ended, intents=asked_for(Kind.SHADOW))), Leave)


def test_an_operators_word_about_the_holder_needs_no_second_signal() -> None:
    wanted = healthy_view(intents=asked_for(Kind.REPLACE, OLD))
    opened = recorded(wanted)
    confirmed = recorded(replace(wanted, incident=opened))

    assert opened.reason == f"an operator wants {OLD} replaced: new switch (by ann)"
    assert (confirmed.state, confirmed.cause) == (State.CONFIRMED, Cause.OPERATOR)
    assert isinstance(step(healthy_view(intents=asked_for(Kind.REPLACE, "i-0zzz"))), Leave)


@pytest.mark.parametrize("state", [State.ESCALATED, State.EXHAUSTED])
def test_an_operators_word_lets_go_on_what_was_given_up(state: State) -> None:
    given_up = frozen_view(incident=incident(state, ended_ms=NOW - 5_000, told=("end",)), fresh={OLD: fresh(Verdict.FAILING)})

    assert isinstance(step(given_up), Leave)
    assert recorded(replace(given_up, intents=asked_for(Kind.RESUME, "0001-i-0aaa"))).state is State.SUSPECTED


def asked_for(kind: Kind, target: str = "counter") -> Standing:
    said = asked(kind, target, deployable="demo", reason="new switch", who="ann", now_ms=NOW, for_s=3600)
    return standing([said], "counter", NOW)

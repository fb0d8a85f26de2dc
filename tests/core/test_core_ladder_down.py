"""Each rule of the deployable's rung asked by itself: all are down, the database, and whether the whole serves."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from core.model import Verdict
from core.records import ApplicationReport, Permit
from core.recovery import ladder
from core.recovery.case import Case
from core.recovery.incident import Cause, State
from core.recovery.rung import RungSeen
from core.recovery.steps import Down, End, RebootDatabase, Step, Wait
from tests.core.one_rule import answer
from tests.core.recovery_story import NOW, OLD, POLICY, healthy_view, report
from tests.core.test_core_ladder import AVAILABLE, SAID
from tests.core.test_core_ladder_alone import OPEN_LEADER, asked, follows, leads
from tests.core.test_core_recovery_order import GONE, REQUEST

STILL = RungSeen(running=("report",), open=("report",), bad="report: escalated, boot loop", blamed=SAID)
ENDED: dict[str, Any] = {"machines": GONE, "rung": STILL, "database": AVAILABLE}


def isolating(rule: str, case: Case) -> Step | None:
    return answer(State.ISOLATING, rule, case)


def fenced(*, seen: dict[str, Any] | None = None, **changes: Any) -> Case:
    """The leading one's node was ended, and EC2 says so."""
    return leads(seen={**ENDED, **(seen or {})}, **{"fence": 1, **changes})


def stopped(*, seen: dict[str, Any] | None = None, **changes: Any) -> Case:
    """And that is recorded."""
    return fenced(seen=seen, **{"isolated_ms": NOW - 1000, **changes})


def taken_along(**changes: Any) -> Case:
    """A sister that is as far."""
    return follows(seen=ENDED, **{"fence": 1, "isolated_ms": NOW - 1000, **changes})


# --- down -------------------------------------------------------------------------------------------


def test_the_end_of_the_leading_ones_node_is_recorded_once() -> None:
    assert isolating("down", fenced()) == Down(f"{OLD} is terminated: it is fenced")
    assert isolating("down", stopped()) is None
    assert isolating("down", taken_along(isolated_ms=0)) is None, "a sister goes on by itself"


def test_down_is_what_was_ended_or_gone_by_itself_and_what_ec2_calls_dead() -> None:
    assert isinstance(isolating("down", fenced(fence=0, cause=Cause.GONE)), Down)
    assert isolating("down", fenced(fence=0, cause=Cause.SIGNALS)) is None, "nobody has ended it, so that it may be started again"
    assert isolating("down", fenced(seen={"machines": healthy_view().machines})) is None
    assert isolating("down", fenced(fence=0, cause=Cause.GONE, seen={"machines": healthy_view().machines})) is None


def test_the_leading_one_waits_for_all_once_it_is_down_itself() -> None:
    assert isolating("all-down", stopped()) == Wait("waiting for the rest of the deployable to stop: report")
    assert isolating("all-down", stopped(seen={"rung": replace(STILL, running=())})) is None
    assert isolating("all-down", fenced()) is None
    assert isolating("all-down", taken_along()) is None


def test_who_is_stuck_is_waited_for_to_the_rungs_time_exactly() -> None:
    limit_ms = round(POLICY.rung_stop_s * 1000)

    assert isinstance(isolating("all-down", stopped(confirmed_ms=NOW - limit_ms)), Wait)
    assert isolating("all-down", stopped(confirmed_ms=NOW - limit_ms - 1)) is None


# --- the database -----------------------------------------------------------------------------------


def test_the_database_is_failed_over_by_the_leading_one_when_it_is_down_and_once() -> None:
    assert ladder.reboot_database(stopped()) == RebootDatabase("understudy-demo", SAID)

    assert ladder.reboot_database(fenced()) is None
    assert ladder.reboot_database(stopped(rebooted_ms=NOW - 1)) is None
    assert ladder.reboot_database(taken_along()) is None


@pytest.mark.parametrize(
    "seen",
    [
        {"database": None},
        {"rung": replace(STILL, blamed="")},
        {"database": replace(AVAILABLE, multi_az=False)},
        {"database": replace(AVAILABLE, status="modifying")},
        {"permit": Permit(deployable="demo", assembly="counter", instance="i-next", epoch=2, at_ms=NOW)},
    ],
    ids=["there is none", "nobody blamed it", "it has no standby", "RDS is at it", "another node has the permit already"],
)
def test_a_database_is_left_alone_when_that_would_help_nobody(seen: dict[str, Any]) -> None:
    assert ladder.reboot_database(stopped(seen=seen)) is None


MODIFYING: dict[str, Any] = {"database": replace(AVAILABLE, status="modifying")}
AWAY = Wait("waiting for the database understudy-demo: it is modifying", 2.0)


def test_what_rds_is_at_is_waited_for_by_the_leading_one_when_it_is_down() -> None:
    assert isolating("database-away", stopped(seen=MODIFYING)) == AWAY

    assert isolating("database-away", stopped()) is None
    assert isolating("database-away", stopped(seen={"database": None})) is None
    assert isolating("database-away", fenced(seen=MODIFYING)) is None
    assert isolating("database-away", asked(replace(taken_along().view, **MODIFYING))) is None


def test_a_database_is_waited_for_from_its_reboot_on_or_from_the_end_of_the_node() -> None:
    limit_ms = round(POLICY.database_s * 1000)

    def waited(**times: int) -> Step | None:
        return isolating("database-away", stopped(seen=MODIFYING, **times))

    assert waited(isolated_ms=NOW - limit_ms) == AWAY
    assert waited(isolated_ms=NOW - limit_ms - 1) is None
    assert waited(isolated_ms=NOW - limit_ms - 1, rebooted_ms=NOW - limit_ms) == AWAY
    assert waited(isolated_ms=NOW - limit_ms, rebooted_ms=NOW - limit_ms - 1) == AWAY


def test_rds_may_say_available_for_ten_seconds_after_it_took_a_reboot() -> None:
    assert isolating("database-away", stopped(rebooted_ms=NOW - 9999)) == Wait(
        "waiting for the database understudy-demo: it is available", 2.0
    )
    assert isolating("database-away", stopped(rebooted_ms=NOW - 10_000)) is None


def test_while_its_own_node_runs_no_database_is_waited_for_whatever_the_clock_says() -> None:
    assert isolating("database-away", fenced(seen={**MODIFYING, "now_ms": 5000})) is None


def test_what_was_never_rebooted_lags_behind_nothing_whatever_the_clock_says() -> None:
    assert isolating("database-away", stopped(isolated_ms=1, seen={"now_ms": 5000})) is None
    assert isinstance(isolating("database-away", stopped(isolated_ms=1, rebooted_ms=1, seen={"now_ms": 5000})), Wait)


# --- afterwards -------------------------------------------------------------------------------------


def test_the_leading_one_alone_waits_until_all_are_over_and_says_what_did_not_recover() -> None:
    assert ladder.not_all_over(stopped()) == Wait("it serves; waiting for the rest of the deployable: report", 2.0)
    assert ladder.not_all_over(taken_along()) is None
    assert ladder.not_all_over(stopped(seen={"rung": replace(STILL, open=())})) is None

    words = "silent; not all of the deployable serves: report: escalated, boot loop"
    assert ladder.not_all_serve(stopped()) == End(State.ESCALATED, words, "person")
    assert ladder.not_all_serve(taken_along()) is None
    assert ladder.not_all_serve(stopped(seen={"rung": replace(STILL, bad="")})) is None


# --- a node's word ----------------------------------------------------------------------------------


def said(*, by_request: str = "", by_report: str = "") -> str:
    app = ApplicationReport(verdict=Verdict.BUSY, restarts=0, reason=by_report)
    view = healthy_view(
        reports={OLD: replace(report(), applications=(("other", replace(app, reason="slow")), ("app", app)))} if by_report else {},
        requests={OLD: replace(REQUEST, reason=by_request)} if by_request else {},
        leader=OPEN_LEADER,
    )
    return ladder.database_word(view, OLD)


def test_a_nodes_word_against_its_database_is_its_requests_or_an_applications() -> None:
    assert said(by_request=SAID) == SAID
    assert said(by_report=SAID) == SAID
    assert said(by_request="failed", by_report=SAID) == SAID
    assert said(by_request=f"4 failures; the last: {SAID}", by_report=SAID) == f"4 failures; the last: {SAID}", "what it asks by is first"


def test_a_node_that_blames_nothing_or_says_nothing_is_silent_about_it() -> None:
    assert said() == ""
    assert said(by_request="failed", by_report="out of memory") == ""

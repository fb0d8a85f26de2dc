"""Inside well, outside failing; busy; and watchers who were away: who is told, and who is left alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from core.model import OnDisagreement, Verdict
from core.records import Look, Looks
from core.recovery.changes import apply, with_told
from core.recovery.incident import Cause, State
from core.recovery.machine import next_step
from core.recovery.outlook import GAP_MS, failing_for_s, report_age_s, with_look
from core.recovery.snapshot import View
from core.recovery.steps import Tell, Wait
from core.report.notices import notice
from tests.core.recovery_story import NOW, OLD, POLICY, WATCHED, fresh, healthy_view, incident, looks, recorded, report, step

REPLACING = replace(WATCHED, on_disagreement=OnDisagreement.REPLACE)


def disagreeing(open_s: float, **changes: Any) -> View:
    """It says that it is well, and nobody has reached it for that long."""
    told = changes.pop("told", ())
    suspected = incident(opened_ms=NOW - round(open_s * 1000), told=told)
    view = healthy_view(watched=REPLACING, incident=suspected, looks={OLD: looks("hhhfff")}, fresh={OLD: fresh(Verdict.FAILING)})
    return replace(view, **changes)


def test_by_default_a_disagreement_ends_with_people_told_and_nobody_killed() -> None:
    ended = recorded(disagreeing(61, watched=WATCHED))

    assert (ended.state, ended.escalated_to) == (State.SUPPRESSED, "person")
    assert "not replaced" in ended.reason


def test_where_the_file_says_replace_people_are_told_first_and_it_is_replaced_after_its_time() -> None:
    assert isinstance(step(disagreeing(59)), Wait)
    told = step(disagreeing(61))
    assert isinstance(told, Tell)
    assert told.what == "doubt"
    assert "it is replaced in 539 s" in told.reason
    assert "says it is well and is not reached" in notice(incident(), told.what, told.reason)[0]
    assert "pause recovery" in notice(incident(), told.what, told.reason)[1]

    assert isinstance(step(disagreeing(599, told=("doubt",))), Wait)
    confirmed = recorded(disagreeing(601, told=("doubt",)))
    assert (confirmed.state, confirmed.cause) == (State.CONFIRMED, Cause.DISAGREEMENT)


def test_a_disagreement_that_nobody_heard_of_is_told_before_anything_is_done() -> None:
    view = disagreeing(601)
    told = step(view)
    assert isinstance(told, Tell)
    assert view.incident is not None

    heard = replace(view, incident=with_told(view.incident, told.what, "told", now_ms=NOW))
    assert recorded(heard).cause is Cause.DISAGREEMENT


def test_the_time_of_a_disagreement_is_a_setting() -> None:
    view = disagreeing(121, told=("doubt",))
    decision = next_step(view, replace(POLICY, disagreement_s=120.0), woken_by="alarm")

    assert apply(view, decision).cause is Cause.DISAGREEMENT


def test_a_look_that_nobody_could_take_is_no_disagreement_and_ends_no_wait() -> None:
    unseen = {OLD: fresh(Verdict.UNKNOWN)}

    assert isinstance(step(disagreeing(300, told=("doubt",), fresh=unseen)), Wait)
    assert isinstance(step(disagreeing(650, told=("doubt",), fresh=unseen)), Wait)
    assert recorded(disagreeing(661, told=("doubt",), fresh=unseen)).state is State.SUPPRESSED


def test_one_answered_look_ends_a_disagreement() -> None:
    ended = recorded(disagreeing(601, told=("doubt",), fresh={OLD: fresh(Verdict.HEALTHY)}))

    assert (ended.state, ended.escalated_to) == (State.SUPPRESSED, "")


def test_a_busy_node_has_a_longer_budget_and_then_people_are_told_and_it_lives() -> None:
    def busy(open_s: int) -> View:
        return disagreeing(open_s, watched=WATCHED, reports={OLD: report(verdict=Verdict.BUSY)}, looks={OLD: looks("ffffff")})

    assert isinstance(step(busy(599)), Wait)
    ended = recorded(busy(601))
    assert (ended.state, ended.escalated_to) == (State.SUPPRESSED, "person")


# --- a monitoring that was away --------------------------------------------------------------------------------------------


def look(at_ms: int, verdict: Verdict) -> Look:
    return Look(at_ms=at_ms, verdict=verdict, ha="ok" if verdict is Verdict.HEALTHY else "no answer", http="-")


def swept(before: Looks | None, at_ms: int, verdict: Verdict = Verdict.FAILING) -> Looks:
    return with_look(before, look(at_ms, verdict), report(), of=("demo", "counter", OLD))


def test_a_look_before_and_one_after_an_outage_of_the_prober_are_no_span_of_failing() -> None:
    before = swept(None, NOW - 300_000)
    first = swept(before, NOW)

    assert failing_for_s(first) == 0.0
    assert failing_for_s(swept(first, NOW + 10_000)) == 10.0


def test_silence_is_counted_anew_after_an_outage_of_the_prober() -> None:
    """The nodes could not write either, say: the first sweeps after it count for nothing."""
    before = swept(swept(None, NOW - 310_000), NOW - 300_000)
    assert report_age_s(before) == 10.0

    first = swept(before, NOW)
    assert report_age_s(first) == 0.0
    assert report_age_s(swept(swept(first, NOW + 10_000), NOW + 20_000)) == 20.0


def test_a_sweep_or_two_that_come_late_are_no_outage() -> None:
    before = swept(swept(None, NOW - 10_000), NOW)

    assert failing_for_s(swept(before, NOW + GAP_MS)) == 45.0
    assert report_age_s(swept(before, NOW + GAP_MS)) == 45.0


def test_after_an_outage_a_whole_fleet_that_looks_bad_at_first_is_left_alone() -> None:
    """Silent reports and failing looks from before, one failing look after: what was two signals is none yet."""
    kept = swept(swept(swept(None, NOW - 330_000), NOW - 320_000), NOW - 300_000)
    view = healthy_view(incident=incident(), looks={OLD: swept(kept, NOW)}, fresh={OLD: fresh(Verdict.FAILING)})

    assert isinstance(step(view), Wait)

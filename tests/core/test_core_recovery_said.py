"""What reports and looks say, word for word and to the millisecond: of a look, of silence, of who does not serve, and of steps."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from core.model import Verdict
from core.policy import Policy
from core.records import ApplicationReport, Look, Looks, Permit, Phase, Report
from core.recovery.incident import State
from core.recovery.outlook import answers, healthy_value, holder_of, not_serving, report_age_s, why, with_look, without_expired
from core.recovery.seen import FAILS, IDLE, SILENT, Inside
from core.recovery.steps import End, Fence, Leave, Move, Wait
from tests.core.recovery_story import NEW, NOW, OLD, POLICY, healthy_view, looks, report

OF = ("demo", "counter", OLD)
F, H = Verdict.FAILING, Verdict.HEALTHY


def look(at_ms: int, verdict: Verdict = H, ha: str = "ok") -> Look:
    return Look(at_ms=at_ms, verdict=verdict, ha=ha, http="ok")


def kept(*taken: Look, **changes: Any) -> Looks:
    return replace(replace(looks("h"), looks=taken), **changes)


# --- looks ------------------------------------------------------------------------------------------


def test_a_look_is_kept_under_its_nodes_name_for_an_hour() -> None:
    first = with_look(None, look(NOW), None, of=OF)

    assert (first.deployable, first.assembly, first.instance) == OF
    assert first.expires_at == NOW // 1000 + 3600
    assert (first.report_boot, first.report_seq, first.report_moved_ms) == ("", 0, 0), "no report was seen yet"


def test_a_report_that_is_not_there_for_once_has_not_moved() -> None:
    before = replace(looks("h"), report_boot="c", report_seq=9, report_moved_ms=7)
    after = with_look(before, look(NOW + 10_000), None, of=OF)

    assert (after.report_boot, after.report_seq, after.report_moved_ms) == ("c", 9, 7)


@pytest.mark.parametrize(("gap_ms", "moved_ms"), [(35_000, 7), (35_001, NOW + 35_001)])
def test_silence_is_counted_anew_after_a_gap_in_which_nobody_looked(gap_ms: int, moved_ms: int) -> None:
    before = kept(look(NOW), report_boot="b", report_seq=7, report_moved_ms=7)

    assert with_look(before, look(NOW + gap_ms), report(), of=OF).report_moved_ms == moved_ms


def test_silence_goes_on_where_no_look_was_kept() -> None:
    before = kept(report_boot="b", report_seq=7, report_moved_ms=7)

    assert with_look(before, look(NOW), report(), of=OF).report_moved_ms == 7


def test_of_looks_within_five_seconds_that_say_the_same_the_last_two_are_kept_as_one() -> None:
    def left(*taken: Look, then: Verdict = F) -> int:
        return len(with_look(kept(*taken), look(NOW + 9_000, then), report(), of=OF).looks)

    assert left(look(NOW, F), look(NOW + 4_999, F)) == 2
    assert left(look(NOW, F), look(NOW + 5_000, F)) == 3
    assert left(look(NOW, H), look(NOW + 1, F)) == 3, "what differs is never dropped"
    assert left(look(NOW, F), look(NOW + 1, F), then=H) == 3
    assert left(look(NOW, F)) == 2


def test_a_look_that_is_ok_or_says_something_is_answered() -> None:
    assert answers(look(NOW, ha="ok"))
    assert answers(look(NOW, ha="says FAILED waiting"))
    assert not answers(look(NOW, ha="refused"))


# --- in words ---------------------------------------------------------------------------------------


def test_the_first_signal_in_words() -> None:
    failing = report(verdict=F)
    fails, well = ApplicationReport(verdict=F, restarts=1), ApplicationReport(verdict=H, restarts=0, reason="fine")
    apps = (("app", replace(fails, reason="exited")), ("db", fails), ("web", well))

    assert why(SILENT, healthy_view(looks={OLD: looks("h", silent_s=31.9)}), OLD) == "its reports have been silent for 31 s"
    assert why(SILENT, healthy_view(looks={OLD: kept()}), OLD) == "its reports have been silent for 0 s"
    idle = "and runs nothing: it says that it waits for one"
    assert why(IDLE, healthy_view(), OLD) == f"it holds permit 1 {idle}"
    assert why(IDLE, healthy_view(permit=None), OLD) == f"it holds permit 0 {idle}"
    assert why(FAILS, healthy_view(reports={OLD: replace(failing, applications=apps)}), OLD) == (
        "it reports failing (app: exited; db: failing)"
    )
    assert why(FAILS, healthy_view(reports={OLD: failing}), OLD) == "it reports failing (running)", "none of its applications fails"
    assert why(Inside(H, "it reports healthy"), healthy_view(), OLD) == "it reports healthy"


def test_why_no_node_of_an_assembly_serves() -> None:
    permit = Permit(deployable="demo", assembly="counter", instance=NEW, epoch=2, at_ms=NOW)

    def said(*reports: Report) -> str | None:
        return not_serving(permit, {each.instance: each for each in reports})

    assert not_serving(None, {}) == "no node of it was let in yet"
    assert said() == f"{NEW} has not reported"
    assert said(report(NEW, epoch=2)) is None
    assert said(report(NEW, epoch=2, verdict=Verdict.BUSY)) is None
    assert said(report(NEW, epoch=1)) == f"{NEW} is running and healthy under epoch 1"
    assert said(report(NEW, epoch=2, phase=Phase.STARTING)) == f"{NEW} is starting and healthy under epoch 2"
    assert said(report(NEW, epoch=2, verdict=F)) == f"{NEW} is running and failing under epoch 2"


# --- the metric -------------------------------------------------------------------------------------


def test_it_is_judged_by_who_held_the_highest_epoch_and_of_those_by_the_latest_word() -> None:
    old, new = report(OLD, epoch=2), replace(report(NEW, epoch=2), seq=8)

    assert holder_of([new, old]) == holder_of([old, new]) == new
    assert holder_of([report(OLD, epoch=0)]) is None


def test_there_is_nothing_to_say_of_who_was_not_looked_at() -> None:
    assert healthy_value({OLD: report()}, {}, POLICY) is None
    assert healthy_value({OLD: report()}, {OLD: kept()}, POLICY) is None
    assert healthy_value({}, {OLD: looks("h")}, POLICY) is None


def test_the_metric_falls_with_a_release_and_past_the_time_of_silence() -> None:
    policy = Policy()

    def value(silent_s: float = 0, phase: Phase = Phase.RUNNING) -> int | None:
        return healthy_value({OLD: report(phase=phase)}, {OLD: looks("h", silent_s=silent_s)}, policy)

    assert value(policy.report_silent_s) == 1
    assert value(policy.report_silent_s + 0.001) == 0
    assert value(phase=Phase.RELEASED) == 0
    assert value(phase=Phase.WAITING) == 1


def test_a_report_of_a_clock_ahead_is_not_older_than_now() -> None:
    assert report_age_s(replace(looks("h"), report_moved_ms=NOW + 1000)) == 0
    assert report_age_s(looks("h", silent_s=2.5)) == 2.5
    assert report_age_s(kept()) is None


def test_what_has_expired_counts_no_more_though_it_is_still_there() -> None:
    records = {name: replace(report(name), expires_at=1000) for name in (OLD, NEW)}

    assert without_expired(records, 999_999) == records
    assert without_expired(records, 1_000_000) == {}


# --- steps ------------------------------------------------------------------------------------------


def test_two_steps_are_the_same_when_they_do_the_same_and_say_the_same() -> None:
    assert Leave("well") == Leave(lambda: "well")
    assert Leave("well") != Leave("not well")
    assert Leave("well") != Wait("well")
    assert Leave("well") != "well"
    assert Move(State.ISOLATING, "go") != Move(State.RECREATING, "go")
    assert End(State.ESCALATED, "why", "person") != End(State.ESCALATED, "why")
    assert End(State.ESCALATED, "why") != Move(State.ESCALATED, "why")


def test_a_step_shows_what_it_does_and_says() -> None:
    assert repr(Move(State.ISOLATING, lambda: "go on")) == f"Move({State.ISOLATING!r}, 'go on', '')"


def test_what_is_waited_for_is_looked_at_again_in_a_second_and_nobody_is_forced_at_first() -> None:
    assert Wait("why").again_s == 1.0
    assert not Fence(OLD).force

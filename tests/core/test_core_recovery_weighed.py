"""What is weighed before a rule is asked, and what is only at hand: one condition at a time, and to the millisecond."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from core.model import Verdict
from core.policy import Policy
from core.records import Permit
from core.recovery.budget import Budget, Entry
from core.recovery.incident import Cause, State
from core.recovery.machine import next_step
from core.recovery.rung import RungSeen
from core.recovery.snapshot import Front, View
from tests.core.recovery_story import (
    NEW,
    NOW,
    OLD,
    POLICY,
    VERIFYING,
    fresh,
    frozen_view,
    healthy_view,
    incident,
    looks,
    replaced_view,
    spent,
    step,
)

FAILS = {OLD: fresh(Verdict.FAILING)}
CONFIRMED = incident(State.CONFIRMED)
KEPT = incident(State.ISOLATING, evidence_done=True)


def rule(view: View, policy: Policy = POLICY) -> str:
    return next_step(view, policy, woken_by="alarm").rule


# --- while none is open -----------------------------------------------------------------------------


def test_a_report_is_silent_after_its_time_and_not_at_it() -> None:
    assert rule(healthy_view(looks={OLD: looks("hhh", silent_s=POLICY.report_silent_s)})) == "well"
    assert rule(healthy_view(looks={OLD: looks("hhh", silent_s=POLICY.report_silent_s + 0.001)})) == "look-first"


def test_what_fails_outside_alone_is_opened_in_the_words_of_the_look() -> None:
    opened = step(healthy_view(looks={OLD: looks("hhhfff")}, fresh=FAILS))

    assert opened.reason == (
        "looks from outside fail (HA port: no answer within 2 s; HTTP: no answer within 2 s), while it reports healthy"
    )


def test_what_was_given_up_under_a_former_permit_is_no_word_about_the_next_one() -> None:
    ended = incident(State.ESCALATED, ended_ms=NOW - 1000, told=("end",), tried=("i-0tried",))
    again = Permit(deployable="demo", assembly="counter", instance=OLD, epoch=2, at_ms=NOW - 500)

    assert rule(healthy_view(incident=ended)) == "given-up"
    assert rule(healthy_view(incident=ended, permit=again)) == "well"


# --- suspected, and right before the kill -------------------------------------------------------------


def test_a_suspicion_that_was_tied_to_a_rung_which_is_over_goes_on_by_itself() -> None:
    assert rule(frozen_view(incident=incident(ladder="0000-over", leader="gateway"))) == "third-look"


def test_of_two_signals_silence_is_one_after_its_time_and_not_at_it() -> None:
    def suspected(silent_s: float) -> View:
        return healthy_view(looks={OLD: looks("hhhfff", silent_s=silent_s)}, fresh=FAILS, incident=incident())

    at_it, after = suspected(POLICY.report_silent_s), suspected(POLICY.report_silent_s + 0.001)

    assert (rule(at_it), rule(after)) == ("look-again", "two-signals")
    assert step(at_it).reason.startswith("it reports healthy; from outside")
    assert step(after).reason.startswith(f"its reports have been silent for {POLICY.report_silent_s:g} s")


def test_what_holds_no_more_is_said_in_the_words_of_its_cause() -> None:
    again: dict[str, Any] = {"fresh": {OLD: fresh(Verdict.HEALTHY)}}
    two = step(healthy_view(incident=KEPT, **again))
    one = step(healthy_view(incident=replace(KEPT, cause=Cause.DISAGREEMENT), **again))

    assert two.reason == f"two signals no more, before anything was done to {OLD}: it reports healthy"
    assert one.reason == f"{OLD} is reached again, before anything was done to it: it reports healthy"


# --- confirmed --------------------------------------------------------------------------------------


def test_where_one_assembly_down_is_a_meltdown_already_the_first_one_is() -> None:
    first = replace(POLICY, meltdown_nodes=1)
    long_ago = Entry(at_ms=NOW - 86_400_000, deployable="demo", assembly="gateway", incident="x", replaced=True)

    assert rule(frozen_view(incident=CONFIRMED), first) == "meltdown"
    assert rule(frozen_view(incident=CONFIRMED, budget=Budget(entries=(long_ago,))), first) == "meltdown"
    assert rule(frozen_view(incident=CONFIRMED)) == "pay"


def test_a_meltdown_is_a_share_of_all_within_the_window_however_many_went_down_before() -> None:
    def down(count: int, at_ms: int) -> tuple[Entry, ...]:
        return tuple(Entry(at_ms=at_ms, deployable="demo", assembly=f"{n}", incident=f"{at_ms}-{n}", replaced=False) for n in range(count))

    view = frozen_view(incident=CONFIRMED, budget=Budget(entries=(*down(20, NOW - 3_000_000), *down(4, NOW))), assemblies=25)

    assert rule(view) == "meltdown", "a fifth of 25"
    assert rule(replace(view, assemblies=50)) == "pay"


def test_a_budget_of_one_lets_one_through() -> None:
    one = replace(POLICY, budget_replacements=1)

    assert rule(frozen_view(incident=CONFIRMED), one) == "pay"
    assert rule(frozen_view(incident=CONFIRMED, budget=spent(1)), one) == "budget-spent"


@pytest.mark.parametrize(("along", "expected"), [("ab", "pay"), ("abc", "rung-unpaid"), ("abcd", "rung-unpaid")])
def test_a_deployable_of_more_assemblies_than_the_budget_has_is_never_recreated_as_a_whole(along: str, expected: str) -> None:
    three = replace(POLICY, budget_replacements=3)
    before = tuple(replace(entry, at_ms=NOW - 1_200_000) for entry in spent(2).entries)
    view = frozen_view(incident=CONFIRMED, budget=Budget(entries=before), rung=RungSeen(along=tuple(along)))

    assert rule(view, three) == expected


def test_what_is_escalated_already_is_not_escalated_again() -> None:
    mine = Entry(at_ms=NOW, deployable="demo", assembly="counter", incident=CONFIRMED.id, replaced=True, rung=True)
    view = frozen_view(incident=CONFIRMED, budget=replace(spent(2), entries=(*spent(2).entries, mine)))

    assert rule(view) == "past-tolerance"
    assert rule(replace(view, incident=replace(CONFIRMED, escalated_to="deployable"))) == "go-on"


def test_a_node_that_is_reached_by_nobody_serves_on_past_every_rung_and_until_it_is_silent() -> None:
    doubted = replace(CONFIRMED, cause=Cause.DISAGREEMENT)
    rung = Entry(at_ms=NOW - 2000, deployable="demo", assembly="gateway", incident="r", replaced=True, rung=True)
    at_limit = looks("hhhfff", silent_s=POLICY.report_silent_s)

    assert rule(healthy_view(incident=doubted)) == "launch-first"
    assert rule(healthy_view(incident=doubted, looks={OLD: at_limit})) == "launch-first"
    assert rule(healthy_view(incident=doubted, looks={OLD: looks("fff", silent_s=POLICY.report_silent_s + 0.001)})) == "pay"

    often = spent(2)
    assert rule(healthy_view(incident=doubted, budget=often)) == "pay", "its whole deployable goes with it"
    again = Budget(entries=(rung, *often.entries))
    assert rule(healthy_view(incident=doubted, budget=again)) == "launch-first", "which was recreated two seconds ago"


# --- verifying --------------------------------------------------------------------------------------


def seen_in_all_respects(**changes: Any) -> View:
    known = replace(VERIFYING, front="tried from outside", **changes)
    return replaced_view(incident=known, fresh={NEW: fresh(Verdict.HEALTHY)}, front=Front(held_by=NEW, tried=True))


@pytest.mark.parametrize("late_ms", [0, 300_001, 900_000])
def test_of_which_nothing_is_missing_it_is_never_too_late(late_ms: int) -> None:
    assert rule(seen_in_all_respects(state_ms=NOW - late_ms, opened_ms=NOW - late_ms)) == "recovered"


def test_a_look_that_is_not_answered_is_told_as_it_was() -> None:
    waits = step(replace(seen_in_all_respects(), fresh={NEW: fresh(Verdict.FAILING)}))

    assert waits.reason == f"a look at {NEW} is not answered yet (HA port: no answer within 2 s; HTTP: no answer within 2 s)"


def test_who_leads_waits_for_those_whose_part_is_not_over_and_ends_by_what_became_of_them() -> None:
    leading = seen_in_all_respects(ladder=VERIFYING.id)

    assert rule(leading) == "recovered"
    assert rule(replace(leading, rung=RungSeen(open=("gateway",)))) == "not-all-over"
    assert rule(replace(leading, rung=RungSeen(bad="gateway: escalated"))) == "not-all-serve"

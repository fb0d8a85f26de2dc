"""The rung above an assembly, to the millisecond: when it is reached, when it can be paid for, and when it is no answer any more."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from core.model import Tolerance
from core.recovery.budget import Budget, Entry
from core.recovery.guards import rung_of, tolerance_spent
from core.recovery.incident import Cause, State
from core.recovery.machine import next_step
from core.recovery.rung import RungSeen
from core.recovery.snapshot import View
from core.recovery.steps import Decision, Tell
from tests.core.recovery_story import NOW, OLD, POLICY, RECREATING, WATCHED, frozen_view, healthy_view, incident, machine

CONFIRMED = incident(State.CONFIRMED)
SISTERS = RungSeen(along=("gateway", "store"))
AGAIN_MS = round(POLICY.rung_again_s * 1000)


def entry(at_ms: int = NOW, **changes: Any) -> Entry:
    known = {"deployable": "demo", "assembly": "counter", "incident": f"x{at_ms}", "replaced": True}
    return Entry(at_ms=at_ms, **{**known, **changes})


def budget(*entries: Entry) -> Budget:
    return Budget(entries=entries)


TWICE = (entry(NOW - 1, incident="x1"), entry(NOW, incident="x2"))
RUNG = entry(NOW - 2000, incident="r", assembly="gateway", rung=True)
MINE = entry(incident=CONFIRMED.id)


def confirmed(held: Budget, **changes: Any) -> Decision:
    view = frozen_view(**{"incident": CONFIRMED, "budget": held, "assemblies": 200, "rung": SISTERS, **changes})
    return next_step(view, POLICY, woken_by="alarm")


def others(many: int) -> tuple[Entry, ...]:
    return tuple(entry(NOW - n, assembly="elsewhere", incident=f"o{n}") for n in range(many))


def test_the_whole_deployable_is_paid_for_at_once_or_not_at_all() -> None:
    assert confirmed(budget(*others(5), *TWICE)).rule == "pay", "7 and 3 are 10"
    assert confirmed(budget(*others(6), *TWICE)).rule == "rung-unpaid"
    assert "3 replacements more, after 8 of late" in confirmed(budget(*others(6), *TWICE)).step.reason  # type: ignore[union-attr]


def test_what_was_made_before_the_window_does_not_count() -> None:
    def with_one_of(age_ms: int) -> str:
        return confirmed(budget(entry(NOW - age_ms, assembly="elsewhere"), *others(5), *TWICE)).rule

    assert with_one_of(600_000) == "rung-unpaid"
    assert with_one_of(600_001) == "pay"


def test_alone_gone_paid_for_or_within_its_tolerance_needs_no_more_than_itself() -> None:
    full = budget(*others(6), *TWICE)

    assert confirmed(full, rung=RungSeen()).rule == "pay"
    assert confirmed(full, incident=replace(CONFIRMED, cause=Cause.GONE)).rule == "pay"
    assert confirmed(budget(*others(6), *TWICE, MINE)).rule != "rung-unpaid"
    assert confirmed(budget(*others(8))).rule == "pay"
    assert confirmed(full, watched=replace(WATCHED, tolerance=Tolerance(None, 3600))).rule == "pay"


def test_what_was_paid_for_says_who_leads() -> None:
    led = confirmed(budget(*TWICE, replace(MINE, rung=True)))
    not_led = confirmed(budget(*TWICE, MINE))

    assert led.step.rung == "deployable"  # type: ignore[union-attr]
    assert not_led.step.rung == "person"  # type: ignore[union-attr]
    assert "3 replacements within 3600 s, 2 are tolerated" in led.step.reason  # type: ignore[union-attr]
    assert confirmed(budget(*TWICE[:1], MINE)).rule == "go-on"


def view_of(*entries: Entry) -> View:
    return frozen_view(incident=CONFIRMED, budget=budget(*entries))


def test_a_rung_that_did_not_help_is_not_climbed_again_for_a_while() -> None:
    def after(age_ms: int) -> str:
        rung = entry(NOW - age_ms, incident="r", assembly="gateway", rung=True)
        late = tuple(entry(NOW - n, incident=f"l{n}") for n in range(2))
        return rung_of(view_of(rung, *late), CONFIRMED, POLICY)

    assert rung_of(view_of(*TWICE), CONFIRMED, POLICY) == "deployable"
    assert after(AGAIN_MS) == "person"
    assert after(AGAIN_MS + 1) == "deployable"
    assert rung_of(view_of(), CONFIRMED, POLICY) == ""


def test_what_an_operator_wants_is_no_failure_however_many_there_were_before() -> None:
    wanted = replace(CONFIRMED, cause=Cause.OPERATOR)

    view = replace(view_of(*TWICE), incident=wanted)
    assert rung_of(view, wanted, POLICY) == ""
    assert tolerance_spent(view) is None
    assert confirmed(budget(*TWICE, MINE), incident=wanted).rule == "go-on"
    assert confirmed(budget(*others(6), *TWICE), incident=wanted).rule != "rung-unpaid"


def test_after_a_rung_the_count_begins_afresh() -> None:
    at_ms = NOW - 2000
    before, with_it, later = entry(at_ms - 1, incident="b"), entry(at_ms, incident="w"), entry(at_ms + 1, incident="l")

    assert tolerance_spent(view_of(RUNG, before, with_it)) is None
    assert tolerance_spent(view_of(RUNG, with_it, later)) is None
    second = replace(later, incident="m")
    assert tolerance_spent(view_of(RUNG, later, second)) == "3 replacements within 3600 s, 2 are tolerated"
    own = replace(RUNG, incident=CONFIRMED.id, assembly="counter")
    assert tolerance_spent(view_of(before, with_it, own)) is not None, "its own rung wipes out nothing"


def test_a_rung_of_long_ago_changes_nothing_of_the_count() -> None:
    old = entry(NOW - 3_600_001, incident="r", assembly="gateway", rung=True)
    edge = tuple(entry(NOW - 3_600_000 + n, incident=f"e{n}") for n in range(2))

    assert tolerance_spent(view_of(old, *edge)) is not None
    at_the_edge = replace(old, at_ms=NOW - 3_600_000)
    assert tolerance_spent(view_of(at_the_edge, *edge)) is None, "one of them came with the rung"


def test_what_came_after_a_rung_of_long_ago_and_before_the_window_does_not_count() -> None:
    rung = entry(NOW - 4_000_000, incident="r", assembly="gateway", rung=True)
    between = tuple(entry(NOW - 3_900_000 + n, incident=f"b{n}") for n in range(3))

    assert tolerance_spent(view_of(rung, *between)) is None


def test_people_are_told_often_in_the_words_of_the_count_while_that_is_known() -> None:
    often = replace(RECREATING, escalated_to="person", isolated_ms=NOW)

    def said(*entries: Entry, **changes: Any) -> Decision:
        view = healthy_view(
            machines={OLD: machine(OLD, "terminated")}, members={}, incident=replace(often, **changes), budget=budget(*entries)
        )  # fmt: skip
        return next_step(view, POLICY, woken_by="alarm")

    assert said(*TWICE).step == Tell("often", "3 replacements within 3600 s, 2 are tolerated")
    assert said().step == Tell("often", "more replacements than its tolerance absorbs")
    assert said(*TWICE, escalated_to="deployable").rule != "tell-often"
    assert said(*TWICE, told=("open", "often")).rule != "tell-often"

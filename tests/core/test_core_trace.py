"""The record of decisions: what is stored is enough to decide again, small, and says so when something was left out."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from core.items import BadRecord
from core.model import Verdict
from core.plain import NotPlain
from core.policy import Policy
from core.recovery.budget import Budget, Entry
from core.recovery.incident import State, noted
from core.recovery.intents import Kind, Standing, asked
from core.recovery.machine import next_step
from core.recovery.snapshot import View
from core.report.explaining import inputs
from core.report.replaying import first_difference
from core.report.trace import INPUT_BYTES_MAX, Decided, decided, decided_item, overridden, parse_decided, steps_of, together
from tests.core.recovery_story import NOW, OLD, RECREATING, VERIFYING, fresh, frozen_view, healthy_view, incident, replaced_view
from tests.core.some_views import some_view

POLICY = Policy()
DOUBTING = frozen_view(incident=incident(), fresh={OLD: fresh(Verdict.FAILING)})


def made(view: View, *, at_ms: int | None = None) -> Decided:
    seen = view if at_ms is None else replace(view, now_ms=at_ms)
    decision = next_step(seen, POLICY, woken_by="alarm")
    return decided(seen, decision, POLICY, incident="0001-i-0aaa", driver="r-1", number=0)


def stored(one: Decided) -> Decided:
    """As it comes back from the table, where the item went as JSON of its own."""
    return parse_decided(json.loads(json.dumps(decided_item(one))))


def test_a_stored_decision_is_made_again_from_its_record_alone() -> None:
    import random

    chance = random.Random(11)  # noqa: S311 - a made-up world, not a secret
    for _ in range(300):
        view = some_view(chance)
        one = made(view)
        back = stored(one)
        again = next_step(back.view, back.policy, woken_by=back.woken_by)

        assert again == next_step(view, POLICY, woken_by="alarm")
        assert (back.rule, back.step, back.reason[:400]) == (one.rule, one.step, one.reason[:400])


@pytest.mark.parametrize("view", [DOUBTING, replaced_view(incident=RECREATING), replaced_view(incident=VERIFYING), healthy_view()])
def test_a_usual_input_is_small(view: View) -> None:
    assert len(decided_item(made(view))["input"]) < 4000


def crowded() -> View:
    """A timeline as long as it may be, a full budget, and the traces of many nodes."""
    entry = Entry(
        at_ms=NOW, deployable="demo", assembly="counter-of-a-long-name", incident="0000000000001-i-0123456789abcdef0", replaced=True
    )
    told = incident(State.RECREATING)
    for n in range(70):
        told = noted(told, NOW + n, "recover_assembly", f"{n} " + "x" * 290)
    view = healthy_view(incident=told, budget=Budget(revision=9, entries=tuple(replace(entry, at_ms=NOW + n) for n in range(100))))
    many = {f"i-{n:017d}": view.looks[OLD] for n in range(30)}
    return replace(view, looks={**view.looks, **many})


def test_a_large_input_is_cut_to_fit_and_says_what_was_left_out() -> None:
    item = decided_item(made(crowded()))

    assert len(item["input"].encode()) <= INPUT_BYTES_MAX
    assert item["cut"] == ["older entries of the budget", "nodes of the past"]
    assert len(json.dumps(item)) < 10_000


def test_steps_sort_by_time_behind_the_incidents_and_leave_again_as_evidence_does() -> None:
    item = decided_item(made(DOUBTING))

    assert item["sk"] == f"STEP#0001-i-0aaa#000003#{NOW}#0000"
    assert item["sk"].startswith(steps_of("0001-i-0aaa"))
    assert "0001-i-0aaa" < "HOLD" < "OPEN" < item["sk"]
    assert item["expires_at"] == NOW // 1000 + 90 * 86400


def test_waits_for_the_same_are_one_with_a_count_and_the_latest_input() -> None:
    waiting = replaced_view(incident=RECREATING, permit=healthy_view().permit)
    first, second, third = (made(waiting, at_ms=NOW + 1000 * n) for n in range(3))
    assert first.step == "wait"
    assert first.goes_on_in(second)

    run = together(second, third)
    assert (run.at_ms, run.last_ms, run.count, run.view.now_ms) == (NOW + 1000, NOW + 2000, 2, NOW + 2000)
    assert stored(run) == run
    assert first.goes_on_in(replace(second, revision=second.revision + 1)), "the call renewed its claim meanwhile"
    assert not first.goes_on_in(replace(second, rule="too-old")), "it waits for something else"
    assert not made(DOUBTING).goes_on_in(made(DOUBTING)), "a confirmation is no wait"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"sk": "STEP#1"}, "expected INCIDENT#DEPLOYABLE#ASSEMBLY and STEP#"),
        ({"version": 2}, "version is 2"),
        ({"input": "{}"}, "watched"),
        ({"input": "{"}, "JSONDecodeError"),
        ({"policy": '{"boot_loop": "x"}'}, "boot_loop is 'x'"),
        ({"count": None}, "TypeError"),
    ],
)
def test_a_bad_step_is_refused_by_its_key(change: dict[str, Any], said: str) -> None:
    with pytest.raises(BadRecord, match=said):
        parse_decided({**decided_item(made(DOUBTING)), **change})


# --- other settings ---------------------------------------------------------------------------------


def test_with_the_same_settings_nothing_differs() -> None:
    assert first_difference([stored(made(view)) for view in (DOUBTING, crowded(), healthy_view())], {}) is None


def test_the_first_step_that_would_have_been_another_is_found() -> None:
    quiet = replace(frozen_view(), fresh={OLD: fresh(Verdict.FAILING)})
    steps = [made(quiet), made(DOUBTING)]
    assert steps[1].rule == "two-signals"

    found = first_difference(steps, {"looks_failing_s": 30})

    assert found is not None
    assert (found.before, found.step, found.other_step) == (1, steps[1], "wait")
    assert found.at_ms == NOW


def test_a_time_that_would_have_run_out_within_a_wait_is_found_to_the_second() -> None:
    waiting = replace(RECREATING, isolated_ms=NOW, told=("open",))
    view = replaced_view(incident=waiting, permit=healthy_view().permit)
    first, later = made(view, at_ms=NOW + 1000), made(view, at_ms=NOW + 200_000)
    run = together(replace(first, at_ms=NOW + 2000), later)

    found = first_difference([first, run], {"fence_page_s": 30.0})

    assert found is not None
    assert (found.other_rule, found.other_step) == ("late", "tell")
    assert 150_000 < found.at_ms - NOW <= 151_000 + 1000, "30 s and the start grace of 120 s"


@pytest.mark.parametrize(
    ("settings", "said"), [({"patience": 3}, "patience is no setting"), ({"boot_loop": "many"}, "boot_loop is 'many'")]
)
def test_what_is_no_setting_is_refused_by_name(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(NotPlain, match=said):
        overridden(POLICY, settings)


# --- in words ---------------------------------------------------------------------------------------


def test_an_input_is_told_in_plain_words() -> None:
    told = inputs(DOUBTING)

    assert told["permit"] == f"{OLD}, epoch 1"
    assert told[f"EC2 on {OLD}"] == "running"
    assert told[f"{OLD} seen"].startswith("from outside hhhFFF (oldest first), failing for 20 s; the last: failing (")
    assert told[f"{OLD} now"].startswith("a look for this very decision: failing")
    assert "paused" not in told


def test_what_operators_asked_for_is_told_with_who_asked() -> None:
    said = asked(Kind.SHADOW, "*", deployable="demo", reason="first week", who="ann", now_ms=NOW, for_s=60)

    assert inputs(healthy_view(intents=Standing(shadow=said)))["shadow mode"] == "first week (by ann)"
    assert inputs(healthy_view(suspended=("Launch",)))["Auto Scaling"] == "holds still: Launch"

"""Counters over a window: one violation fails, half a window tells nothing, and coarseness never invents a violation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.bounds import CounterRule, Counters
from core.model import Verdict
from core.node.counters import SAMPLES_PER_INTERVAL, CountWindow, after_counts, judge_counts
from core.node.thresholds import GAP_S

INTERVAL_S = 40.0


def window_of(moments: Iterable[tuple[float, Mapping[str, int]]], interval_s: float = INTERVAL_S) -> CountWindow:
    window = CountWindow()
    for now_s, totals in moments:
        window = after_counts(window, totals, now_s=now_s, interval_s=interval_s)
    return window


def every_second(seconds: int, **a_second: float) -> list[tuple[float, dict[str, int]]]:
    """Totals that grow by so much a second, from 0 at 0 s on."""
    return [(float(second), {name: int(rate * second) for name, rate in a_second.items()}) for second in range(seconds + 1)]


def verdict_of(moments: list[tuple[float, dict[str, int]]], *rules: CounterRule, now_s: float | None = None) -> tuple[Verdict, str]:
    return judge_counts(window_of(moments), Counters(rules=rules), now_s=moments[-1][0] if now_s is None else now_s)


FEW_ABORTS = CounterRule(name="aborts", at_most=5)
WORK = CounterRule(name="activations", at_least=10)


def test_it_is_healthy_until_a_whole_interval_was_seen() -> None:
    assert verdict_of(every_second(39, aborts=100), FEW_ABORTS, WORK) == (Verdict.HEALTHY, "")
    assert verdict_of(every_second(40, aborts=100), FEW_ABORTS)[0] is Verdict.FAILING


def test_more_than_at_most_is_failing_and_just_as_many_are_not() -> None:
    assert verdict_of(every_second(50, aborts=1), FEW_ABORTS) == (Verdict.FAILING, "40 aborts, at most 5 are tolerated in 40 s")
    assert verdict_of(every_second(50, aborts=0.1), FEW_ABORTS) == (Verdict.HEALTHY, "")


def test_none_at_all_may_be_tolerated() -> None:
    assert verdict_of(every_second(50, aborts=0.1), CounterRule(name="aborts", at_most=0))[0] is Verdict.FAILING
    assert verdict_of(every_second(50, aborts=0), CounterRule(name="aborts", at_most=0))[0] is Verdict.HEALTHY


def test_less_than_at_least_is_failing_and_just_as_many_are_not() -> None:
    assert verdict_of(every_second(50, activations=0.2), WORK) == (Verdict.FAILING, "8 activations, at least 10 are expected in 40 s")
    assert verdict_of(every_second(50, activations=0.25), WORK) == (Verdict.HEALTHY, "")


def test_a_counter_that_is_never_told_is_nought() -> None:
    assert verdict_of(every_second(50), WORK) == (Verdict.FAILING, "0 activations, at least 10 are expected in 40 s")
    assert verdict_of(every_second(50), FEW_ABORTS) == (Verdict.HEALTHY, "")


def test_minus_one_is_off() -> None:
    assert verdict_of(every_second(50, aborts=1000), CounterRule(name="aborts")) == (Verdict.HEALTHY, "")


def test_one_violation_is_enough() -> None:
    verdict, reason = verdict_of(every_second(50, activations=100, aborts=1), WORK, FEW_ABORTS)

    assert (verdict, reason) == (Verdict.FAILING, "40 aborts, at most 5 are tolerated in 40 s")


def test_aborts_count_only_after_so_many_activations() -> None:
    rule = CounterRule(name="aborts", at_most=5, needs=("activations", 100))

    assert verdict_of(every_second(50, aborts=1, activations=2), rule) == (Verdict.HEALTHY, "")
    assert verdict_of(every_second(50, aborts=1, activations=3), rule)[0] is Verdict.FAILING


def test_what_happened_before_the_interval_is_forgotten() -> None:
    burst = [(float(second), {"aborts": 100 if second >= 3 else 0}) for second in range(60)]

    assert verdict_of(burst[:43], FEW_ABORTS)[0] is Verdict.FAILING
    assert verdict_of(burst, FEW_ABORTS)[0] is Verdict.HEALTHY


def test_totals_that_went_down_are_a_restart_and_begin_the_window_again() -> None:
    before = every_second(60, aborts=1, activations=1)
    after = [(60.0 + second, {"aborts": 0, "activations": second}) for second in range(1, 42)]

    assert verdict_of([*before, *after[:39]], FEW_ABORTS, WORK) == (Verdict.HEALTHY, "")
    assert verdict_of([*before, *after], FEW_ABORTS, WORK) == (Verdict.HEALTHY, "")


def test_what_a_new_process_counted_before_it_was_first_looked_at_is_its_own() -> None:
    before = every_second(60, aborts=100)
    after = [(60.0 + second, {"aborts": 6}) for second in range(1, 42)]

    assert verdict_of([*before, *after], FEW_ABORTS) == (Verdict.FAILING, "6 aborts, at most 5 are tolerated in 40 s")


def test_what_was_counted_before_anybody_looked_is_not_held_against_it() -> None:
    adopted = [(float(second), {"aborts": 1_000_000}) for second in range(60)]

    assert verdict_of(adopted, FEW_ABORTS) == (Verdict.HEALTHY, "")


def test_an_agent_that_was_frozen_begins_again() -> None:
    before = every_second(60, activations=1)
    after = [(60 + GAP_S + 1 + second, {"activations": 60}) for second in range(39)]

    assert verdict_of([*before, *after], WORK) == (Verdict.HEALTHY, "")


@pytest.mark.parametrize("a_second", [1, 1000])
@pytest.mark.parametrize("interval_s", [40.0, 3600.0])
def test_the_window_stays_small_however_often_it_is_fed(a_second: int, interval_s: float) -> None:
    steps = int(2 * interval_s * a_second) if interval_s * a_second < 10_000 else 20_000
    window = window_of(((step * 2 * interval_s / steps, {"n": step}) for step in range(steps)), interval_s)

    assert len(window.samples) <= SAMPLES_PER_INTERVAL + 3
    assert window.samples[-1][1] == {"n": steps - 1}


@given(st.lists(st.tuples(st.floats(0.05, GAP_S), st.integers(0, 5)), min_size=1, max_size=300))
def test_a_judgement_agrees_with_a_count_of_every_single_event(steps: list[tuple[float, int]]) -> None:
    """Exactly counted: what fails at_most has more than that many events within the interval; what fails at_least fewer."""
    window, now_s, total, events = CountWindow(), 0.0, 0, []
    for step_s, grown in steps:
        now_s, total = now_s + step_s, total + grown
        events.append((now_s, grown))
        window = after_counts(window, {"n": total}, now_s=now_s, interval_s=INTERVAL_S)
    begun_s, exact = events[0][0], sum(grown for at_s, grown in events[1:] if at_s > now_s - INTERVAL_S)
    too_many = judge_counts(window, Counters(rules=(CounterRule(name="n", at_most=20),)), now_s=now_s)[0]
    too_few = judge_counts(window, Counters(rules=(CounterRule(name="n", at_least=20),)), now_s=now_s)[0]

    assert len(window.samples) <= SAMPLES_PER_INTERVAL + 3
    if now_s - begun_s < INTERVAL_S:
        assert (too_many, too_few) == (Verdict.HEALTHY, Verdict.HEALTHY)
    if too_many is Verdict.FAILING:
        assert exact > 20
    if too_few is Verdict.FAILING:
        assert exact < 20

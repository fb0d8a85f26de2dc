"""Failures and a tolerance become a time to try again, and a wish to be replaced."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.model import Tolerance
from core.supervision import CEILING_S, HEALTHY_SPELL_S, History, after_failure, after_spell, wait_before


def failed_at(*at_s: float, tolerance: Tolerance) -> History:
    history = History()
    for now_s in at_s:
        history = after_failure(history, tolerance, f"at {now_s:g}", now_s=now_s)
    return history


@pytest.mark.parametrize(("restart", "wait_s"), [(1, 0.0), (2, 0.5), (3, 1.0), (4, 2.0), (8, CEILING_S), (10_000, CEILING_S)])
def test_the_first_restart_is_immediate_and_later_ones_wait_up_to_the_ceiling(restart: int, wait_s: float) -> None:
    assert wait_before(restart) == wait_s


def test_failures_inside_the_tolerance_ask_for_nothing() -> None:
    history = failed_at(10, 20, 30, tolerance=Tolerance(3, 60))

    assert history.asks is None
    assert history.retry_at_s == 31


def test_one_more_asks_to_be_replaced_and_still_tries_again_at_the_ceiling() -> None:
    history = failed_at(10, 20, 30, 40, tolerance=Tolerance(3, 60))

    assert history.asks == "4 failures in 60 s, 3 are tolerated; the last: at 40"
    assert history.retry_at_s == 40 + CEILING_S


def test_failures_outside_the_window_are_forgotten() -> None:
    assert failed_at(0, 1, 2, 100, tolerance=Tolerance(3, 60)).asks is None


def test_a_tolerance_of_none_asks_at_once() -> None:
    assert failed_at(0, tolerance=Tolerance(0, 60)).asks is not None


def test_never_never_asks() -> None:
    assert failed_at(*range(50), tolerance=Tolerance(None, 60)).asks is None


def test_a_healthy_spell_forgives_the_run_of_failures() -> None:
    history = failed_at(0, 1, 2, 3, tolerance=Tolerance(3, 60))

    assert after_spell(history, healthy_since_s=10, now_s=10 + HEALTHY_SPELL_S - 1) == history
    assert after_spell(history, healthy_since_s=None, now_s=1000) == history
    forgiven = after_spell(history, healthy_since_s=10, now_s=10 + HEALTHY_SPELL_S)
    assert (forgiven.in_a_row, forgiven.asks, forgiven.retry_at_s) == (0, None, None)
    assert forgiven.failed_at_s == history.failed_at_s


@given(
    st.lists(st.floats(0, 100), max_size=60),
    st.one_of(st.none(), st.integers(0, 10)),
)
def test_there_is_no_silent_terminal_state(gaps_s: list[float], failures: int | None) -> None:
    history, now_s = History(), 0.0
    for gap_s in gaps_s:
        now_s += gap_s
        history = after_failure(history, Tolerance(failures, 300), "x", now_s=now_s)
        assert history.retry_at_s is not None
        assert now_s <= history.retry_at_s <= now_s + CEILING_S
        assert len(history.failed_at_s) <= 1000

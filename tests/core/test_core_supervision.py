"""Failures and a tolerance become a time to try again, and a wish to be replaced; what flaps is damped."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.model import Tolerance
from core.node.damping import FLAPPING, HALF_LIFE_S
from core.node.supervision import CEILING_S, HEALTHY_SPELL_S, History, after_failure, after_spell, penalty_now, wait_before


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


# --- flapping ----------------------------------------------------------------------------------------------------

HOUR_S = 3600.0


def flap(up_s: float, tolerance: Tolerance, *, for_s: float = HOUR_S) -> tuple[list[float], History]:
    """Times of the restarts of an application that is well for up_s after each of them and then dies."""
    history, now_s, restarts = History(), up_s, []
    while now_s < for_s:
        history = after_failure(history, tolerance, "it died", now_s=now_s)
        assert history.retry_at_s is not None
        restarts.append(history.retry_at_s)
        now_s = history.retry_at_s + up_s
        history = after_spell(history, healthy_since_s=restarts[-1], now_s=now_s)
    return restarts, history


def test_an_application_that_goes_up_and_down_every_20_s_is_restarted_ever_more_slowly() -> None:
    restarts, history = flap(20, Tolerance(None, 300))
    waits = [later - earlier - 20 for earlier, later in pairwise(restarts)]

    assert waits[:8] == [0.5, 1, 2, 4, 8, 16, CEILING_S, CEILING_S]
    assert set(waits[8:]) == {CEILING_S}
    assert len(restarts) < 80, "an hour of it would hold 180"
    assert penalty_now(history, HOUR_S) > FLAPPING


def test_it_asks_to_be_replaced_only_past_the_tolerance() -> None:
    _, within = flap(20, Tolerance(5, 60), for_s=120)
    _, beyond = flap(20, Tolerance(3, 300), for_s=120)

    assert within.asks is None
    assert beyond.asks is not None


def test_one_that_keeps_well_for_just_a_healthy_spell_is_damped_too() -> None:
    restarts, _ = flap(HEALTHY_SPELL_S + 1, Tolerance(None, 300), for_s=10 * HOUR_S)
    waits = [later - earlier - HEALTHY_SPELL_S - 1 for earlier, later in pairwise(restarts)]

    assert waits[0] == 0
    assert max(waits) > 10
    assert len(restarts) / 10 <= HOUR_S / 85, "at once each time would be 59 an hour"


def test_one_that_fails_now_and_then_is_restarted_at_once_every_time() -> None:
    restarts, history = flap(600, Tolerance(3, 300), for_s=24 * HOUR_S)

    assert {later - earlier for earlier, later in pairwise(restarts)} == {600}
    assert history.asks is None


def test_the_penalty_of_a_failure_halves_by_itself() -> None:
    history = failed_at(0, 0, tolerance=Tolerance(None, 60))

    assert penalty_now(history, 0) == 2
    assert penalty_now(history, HALF_LIFE_S) == pytest.approx(1)
    assert penalty_now(history, 10 * HALF_LIFE_S) < 0.01
    assert penalty_now(History(), 1e6) == 0


def test_a_penalty_outlives_the_healthy_spell_and_leaves_the_verdict_alone() -> None:
    history = failed_at(0, 1, tolerance=Tolerance(3, 60))
    forgiven = after_spell(history, healthy_since_s=2, now_s=2 + HEALTHY_SPELL_S)

    assert forgiven.in_a_row == 0
    assert penalty_now(forgiven, 62) > 1.5


def test_while_it_flaps_a_spell_takes_the_wish_back_and_not_the_waits() -> None:
    history = failed_at(*range(0, 80, 10), tolerance=Tolerance(3, 300))
    after = after_spell(history, healthy_since_s=75, now_s=75 + HEALTHY_SPELL_S)

    assert history.asks is not None
    assert (after.asks, after.retry_at_s, after.in_a_row) == (None, None, 8)
    later = after_spell(after, healthy_since_s=75, now_s=75 + 6 * HEALTHY_SPELL_S)
    assert (later.in_a_row, later.last) == (0, "")


@given(st.floats(0, 59.9), st.one_of(st.none(), st.integers(0, 10)))
def test_restarts_of_whatever_dies_within_a_spell_are_bounded(up_s: float, failures: int | None) -> None:
    restarts, _ = flap(up_s, Tolerance(failures, 300))

    assert len(restarts) <= HOUR_S / (up_s + CEILING_S) + 8


@given(st.floats(60, 1000))
def test_restarts_of_whatever_lives_longer_come_no_faster_than_it_dies(up_s: float) -> None:
    restarts, _ = flap(up_s, Tolerance(None, 300))

    assert len(restarts) <= HOUR_S / up_s
    assert all(later - earlier <= up_s + CEILING_S + 1e-6 for earlier, later in pairwise(restarts))


@given(st.lists(st.floats(0, 1000), max_size=50), st.floats(0, 1e5))
def test_a_penalty_is_never_negative_and_only_a_failure_raises_it(gaps_s: list[float], later_s: float) -> None:
    history, now_s = History(), 0.0
    for gap_s in gaps_s:
        now_s += gap_s
        before = penalty_now(history, now_s)
        history = after_failure(history, Tolerance(3, 60), "x", now_s=now_s)
        assert penalty_now(history, now_s) == pytest.approx(before + 1)
    assert 0 <= penalty_now(history, now_s + later_s) <= penalty_now(history, now_s)

"""agent.beat: what is periodic and can wait happens together."""

from __future__ import annotations

import asyncio

import pytest

from agent.beat import set_within, until_beat_s


@pytest.mark.parametrize(
    ("every_s", "now_s", "expected_s"),
    [
        pytest.param(5.0, 1002.0, 3.0, id="at the next multiple"),
        pytest.param(5.0, 1000.0, 5.0, id="a whole period on a multiple itself"),
        pytest.param(5.0, 1004.999, 5.001, id="a timer that fired a little early does not fire twice"),
        pytest.param(15.0, 1003.0, 2.0, id="with those of a third of its period"),
    ],
)
def test_the_next_moment_is(every_s: float, now_s: float, expected_s: float) -> None:
    assert until_beat_s(every_s, now_s) == pytest.approx(expected_s)


def test_threads_begin_a_moment_after_the_beat_and_keep_to_it() -> None:
    assert until_beat_s(5.0, 100.0, after_s=0.03) == pytest.approx(5.03)  # 0.03 s hence is too soon: it was just done
    assert until_beat_s(5.0, 100.04, after_s=0.03) == pytest.approx(4.99)
    assert until_beat_s(5.0, 102.0, after_s=0.03) == pytest.approx(3.03)


def test_an_event_is_waited_for_and_set_at_the_latest_when_its_time_is_up() -> None:
    async def play() -> tuple[bool, bool]:
        early, late = asyncio.Event(), asyncio.Event()
        asyncio.get_running_loop().call_soon(early.set)
        await set_within(early, 3600.0)
        await set_within(late, -1.0)
        return early.is_set(), late.is_set()

    assert asyncio.run(play()) == (True, True)

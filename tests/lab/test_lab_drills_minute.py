"""freeze-instance says that the alarm noticed it; the sweep, which comes once a minute, must not be there first by chance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import pytest

from lab.drills.minute import until_alarms_turn_s
from lab.drills.scenes import DRILLS
from lab.drills.stage import Stage


def test_a_fault_comes_where_the_next_sweep_is_too_soon_to_see_it_or_later_than_the_alarm() -> None:
    for since_sweep_s in range(120):
        waits_s = until_alarms_turn_s(since_sweep_s)
        next_sweep_s = 60 - (since_sweep_s + waits_s) % 60

        assert next_sweep_s <= 15 or next_sweep_s >= 50, since_sweep_s
        assert waits_s <= 36, since_sweep_s


def test_where_that_is_so_already_nothing_is_waited_for() -> None:
    assert [until_alarms_turn_s(since) for since in (0, 9, 52, 59)] == [0, 0, 0, 0]


def test_where_aws_minutes_are_shorter_so_is_the_wait() -> None:
    assert until_alarms_turn_s(7.5, 15.0) == until_alarms_turn_s(30.0) / 4


@dataclass
class FakeStage:
    """Sweeps began so many seconds ago."""

    sweeps_ago_s: tuple[float, ...]
    time_scale: float = 1.0

    def lines(self, since: float) -> list[dict[str, Any]]:
        said = {"who": "tick", "what": "invoked by schedule WakesEveryMinute (warm)"}
        others = [{"who": "tick", "what": "done in 1.2 s", "at": NOW}, {"kind": "delay", "name": "boot", "at": NOW}]
        return [{**said, "at": NOW - ago_s} for ago_s in self.sweeps_ago_s if NOW - ago_s >= since] + others


NOW = 1_000_000.0


@pytest.mark.parametrize(("sweeps_ago_s", "waits_s"), [((95.0, 35.0), [11.0]), ((5.0,), [0.0]), ((), [])])
def test_the_drill_waits_for_that_moment(sweeps_ago_s: tuple[float, ...], waits_s: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr("lab.drills.minute.time.time", lambda: NOW)
    monkeypatch.setattr("lab.drills.minute.time.sleep", slept.append)
    await_turn = DRILLS["freeze-instance"].await_turn
    assert await_turn is not None, "the drill does not wait"

    await_turn(cast(Stage, FakeStage(sweeps_ago_s)))

    assert slept == waits_s

"""What the benchmark says of the way from a failure's first sign to the call that ends the machine."""

from __future__ import annotations

from typing import Any

import pytest

from bench.recovery import KILLS, PLAYED, kills


def result(drill: str, ours_s: float, **delays: float) -> dict[str, Any]:
    return {"drill": drill, "kill": {"sign": KILLS[drill][0], "aws_s": sum(delays.values()), "ours_s": ours_s, "aws_delays": delays}}


def test_ours_and_awss_stand_beside_each_other_and_each_delay_by_its_name() -> None:
    lines, kept = kills([result("flap", 1.2, stream_poll=0.5, cold_start=0.4), result("freeze-instance", 33.0, log_to_metric=4.0)])

    assert kept
    assert [" ".join(line.split()) for line in lines] == [
        "the node's own request -> terminate: ours 1 1.200 1.200 1.200 2.000 s within",
        "the node's own request -> terminate: AWS's 1 0.900 0.900 0.900 inf s",
        "of it cold start 1 0.400 0.400 0.400 inf s",
        "of it stream poll 1 0.500 0.500 0.500 inf s",
        "silence -> terminate: ours 1 33.000 33.000 33.000 45.000 s within",
        "silence -> terminate: AWS's 1 4.000 4.000 4.000 inf s",
        "of it log to metric 1 4.000 4.000 4.000 inf s",
    ]


@pytest.mark.parametrize(("request_s", "silence_s"), [(2.1, 33.0), (1.0, 45.1)])
def test_each_limit_is_held_by_the_median(request_s: float, silence_s: float) -> None:
    lines, kept = kills([result("flap", request_s), result("freeze-instance", silence_s)])

    assert not kept
    assert sum("OVER" in line for line in lines) == 1


def test_what_was_never_measured_is_not_kept() -> None:
    assert kills([result("flap", 1.0), {"drill": "freeze-instance", "kill": None}])[1] is False


def test_both_are_played() -> None:
    assert set(KILLS) <= set(PLAYED)

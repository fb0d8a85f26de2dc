"""What AWS does about a warm pool while a recovery goes on is no part of the time that the recovery waited for AWS."""

from __future__ import annotations

import pytest

from lab.drills.measure import Gap, split


def delay(at: float, until: float, name: str, subject: str) -> dict[str, object]:
    return {"kind": "delay", "at": at, "until": until, "name": name, "subject": subject}


def said(at: float, what: str) -> dict[str, object]:
    return {"kind": "event", "at": at, "who": "group", "what": what}


def test_a_start_out_of_the_pool_is_waited_for_and_what_fills_the_pool_again_is_not() -> None:
    lines = [
        said(1.0, "launches i-spare into the warm pool in us-east-1b"),
        delay(1.0, 90.0, "boot", "i-spare"),  # when it was prepared; it was cut short by the stop
        delay(12.0, 17.0, "pending", "i-spare"),
        said(12.1, "takes i-spare from its warm pool in us-east-1b"),
        delay(14.0, 19.0, "pending", "i-next"),
        said(14.1, "launches i-next into the warm pool in us-east-1a"),
        delay(19.0, 36.0, "boot", "i-next"),
    ]
    aws, ours, each = split(lines, Gap(10.0, 40.0))
    assert (aws, ours) == (pytest.approx(5.0), pytest.approx(25.0))
    assert [name for name, _ in each] == ["pending"]

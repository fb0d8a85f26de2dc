"""The drills of places and of the ladder's end judged: with one protection taken away, each fails on the promise that names what was lost.

One lab plays it all, in some minutes. Each test reads what it saw.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from proofs import CLOSED, REPOSITORY, SERVED, Lab, playing

pytestmark = [pytest.mark.lab, pytest.mark.heavy]
CALLED = "until a person was called"

_STEPS = (
    ("zone lost, one zone", "zone-loss", "one-zone", 40),
    ("no capacity, one zone", "no-capacity", "one-zone", 30),
    ("boot loop, code raises", "boot-loop", "recover-code", 45),
)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with playing(tmp_path_factory.mktemp("ladder"), [(REPOSITORY, _STEPS)]) as (seen,):
        yield seen


def test_a_group_of_one_zone_does_not_survive_its_loss(lab: Lab) -> None:
    assert lab.broken("zone lost, one zone") >= {SERVED, CLOSED, "the new machine is in another zone"}


def test_a_group_of_one_zone_finds_no_capacity_in_the_next(lab: Lab) -> None:
    assert lab.broken("no capacity, one zone") >= {SERVED, CLOSED}


def test_a_recovery_that_raises_calls_nobody_about_a_boot_loop(lab: Lab) -> None:
    assert CALLED in lab.broken("boot loop, code raises")

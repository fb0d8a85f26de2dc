"""The drills of places and of the ladder's end judged: with one protection taken away, each fails on the promise that names what was lost.

Two labs side by side play it all, in some minutes. Each test reads what they saw.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from proofs import CLOSED, REPOSITORY, SERVED, SHARE, Lab, playing

pytestmark = [pytest.mark.lab, pytest.mark.heavy]
CALLED = "until a person was called"

_STEPS = (
    ("zone lost, one zone", "zone-loss", "one-zone", 40),
    ("no capacity, one zone", "no-capacity", "one-zone", 30),
    ("boot loop, code raises", "boot-loop", "recover-code", 45),
)
_RELEASE = (("a release of which nobody tells", "crash-loop-release", "no-signal", 40),)


@pytest.fixture(scope="module")
def labs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Lab, Lab]]:
    with playing(tmp_path_factory.mktemp("ladder"), [(REPOSITORY, _STEPS), (REPOSITORY, _RELEASE)]) as (steps, release):
        yield steps, release


def test_a_group_of_one_zone_does_not_survive_its_loss(labs: tuple[Lab, Lab]) -> None:
    assert labs[0].broken("zone lost, one zone") >= {SERVED, CLOSED, "the new machine is in another zone"}


def test_a_group_of_one_zone_finds_no_capacity_in_the_next(labs: tuple[Lab, Lab]) -> None:
    assert labs[0].broken("no capacity, one zone") >= {SERVED, CLOSED}


def test_a_recovery_that_raises_calls_nobody_about_a_boot_loop(labs: tuple[Lab, Lab]) -> None:
    assert CALLED in labs[0].broken("boot loop, code raises")


def test_a_deploy_that_is_told_nothing_goes_back_too_late_and_machine_after_machine_is_tried_until_a_person_is_called(
    labs: tuple[Lab, Lab],
) -> None:
    broken = labs[1].broken("a release of which nobody tells")

    assert broken >= {SHARE, "machines launched: one of each version", "people called beside whoever deployed"}

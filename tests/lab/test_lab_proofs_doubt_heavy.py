"""The drills of doubt judged: with one protection taken away, each fails on the promise that names what was lost.

Two labs side by side play it all, in some minutes. Each test reads what they saw.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from proofs import CLOSED, REPOSITORY, SERVED, Lab, playing

pytestmark = [pytest.mark.lab, pytest.mark.heavy]
LAUNCHED = "machines launched"
AGAIN = "until the agent's next run began"
KILLED = "times the recovery was killed between two effects"

_BELIEVING = (
    ("cut from the probes", "partition-from-probes", "recover-believes", 40),
    ("every event twice", "duplicate-events", "recover-believes", 40),
)
_LEFT_ALONE = (
    ("no watchdog", "wedge-agent", "no-watchdog", 40),
    ("one try", "lambda-crash", "one-try", 60),
)


@pytest.fixture(scope="module")
def labs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Lab, Lab]]:
    """With a recovery that believes its alarm; with nobody who comes again."""
    with playing(tmp_path_factory.mktemp("doubt"), [(REPOSITORY, _BELIEVING), (REPOSITORY, _LEFT_ALONE)]) as (believing, left_alone):
        yield believing, left_alone


def test_a_recovery_that_believes_its_alarm_kills_a_node_that_only_the_prober_does_not_see(labs: tuple[Lab, Lab]) -> None:
    assert labs[0].broken("cut from the probes") >= {LAUNCHED, "changes of the permit", "the same process serves"}


def test_told_everything_twice_it_replaces_twice(labs: tuple[Lab, Lab]) -> None:
    assert labs[0].broken("every event twice") >= {"machines launched when all had come twice", CLOSED}


def test_without_a_watchdog_an_agent_that_hangs_stays(labs: tuple[Lab, Lab]) -> None:
    assert AGAIN in labs[1].broken("no watchdog")


def test_a_recovery_that_is_called_once_and_killed_is_not_gone_on_with(labs: tuple[Lab, Lab]) -> None:
    assert labs[1].broken("one try") >= {SERVED, KILLED, CLOSED}

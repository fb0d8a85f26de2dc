"""EC2 takes a spot machine back: its last two minutes are used, and nothing runs twice; in a few minutes.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.lab.played import played

pytestmark = [pytest.mark.lab, pytest.mark.heavy]


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return played("reclaiming.py", tmp_path_factory.mktemp("spot"))


def test_a_machine_that_is_taken_back_is_replaced_before_ec2_takes_it(seen: dict[str, Any]) -> None:
    assert (seen["lifecycle"], seen["missing"]) == ("spot", "")
    assert (seen["replaced"], seen["epochs"], seen["launched"]) == (True, 1, 1)
    assert len(seen["answered"]) == 1
    assert "its group terminates and replaces it" in seen["answered"][0]
    assert seen["taken"] == [], "it was gone when its two minutes were over"


def test_nothing_runs_twice_meanwhile_and_what_happened_is_recorded_as_recovered(seen: dict[str, Any]) -> None:
    """EC2 saying that the holder of the permit ends opens an incident, whoever ended it: the new node is then verified as ever."""
    assert seen["twice"] == 0
    assert set(seen["incidents"]) <= {"recovered"}

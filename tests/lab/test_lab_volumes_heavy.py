"""State on a volume in the lab: the real template, a machine lost, one retired, one whose volume is torn away; in some five minutes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.lab.played import played

pytestmark = [pytest.mark.lab, pytest.mark.heavy]


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return played("volume_rounds.py", tmp_path_factory.mktemp("volume"))


@pytest.mark.parametrize("how", ["killed", "retired"])
def test_another_machine_goes_on_from_everything_that_the_disk_was_made_to_keep(seen: dict[str, Any], how: str) -> None:
    """The counter makes the disk keep a count before it answers with it (fsync)."""
    assert seen[how]["counted"] > 0
    assert seen[how]["found"] == seen[how]["counted"]


def test_a_node_that_is_retired_unmounts_before_the_volume_is_taken(seen: dict[str, Any]) -> None:
    """API_DetachVolume: a volume that is still mounted would be busy."""
    assert not [line for line in seen["said"] if "busy" in line]


def test_a_volume_that_is_torn_from_a_node_that_runs_is_put_back_by_the_word_of_ebs(seen: dict[str, Any]) -> None:
    """https://docs.aws.amazon.com/ebs/latest/userguide/ebs-cloud-watch-events.html"""
    torn = seen["torn"]

    assert (torn["left"], torn["back"], torn["holder"]) == (True, True, True)
    assert torn["kept"] == ["detachVolume detached"]
    assert any("was detached" in line for line in torn["woke"])
    assert torn["mended"] == [["ebs", "recovered", True]]

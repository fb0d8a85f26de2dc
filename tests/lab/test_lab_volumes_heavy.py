"""State on a volume in the lab: the real template, real machines, one lost and one retired; in some three minutes."""

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

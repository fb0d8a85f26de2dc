"""State on a volume in the lab: the real template, real machines, one lost and one retired; in some three minutes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent.parent
_ENTER = "import sys; from lab import space; sys.exit(space.enter(sys.argv[1:]))"
_LIMIT_S = 900.0

pytestmark = [pytest.mark.lab, pytest.mark.heavy]


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("volume")
    (folder / "lab").mkdir()
    results = folder / "results.json"
    program = [sys.executable, str(REPOSITORY / "tests/lab/volume_rounds.py"), str(folder / "lab"), str(results)]
    done = subprocess.run(
        [sys.executable, "-c", _ENTER, *program],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "PYTHONDONTWRITEBYTECODE": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_LIMIT_S,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    return dict(json.loads(results.read_text()))


@pytest.mark.parametrize("how", ["killed", "retired"])
def test_another_machine_goes_on_from_everything_that_the_disk_was_made_to_keep(seen: dict[str, Any], how: str) -> None:
    """The counter makes the disk keep a count before it answers with it (fsync)."""
    assert seen[how]["counted"] > 0
    assert seen[how]["found"] == seen[how]["counted"]


def test_a_node_that_is_retired_unmounts_before_the_volume_is_taken(seen: dict[str, Any]) -> None:
    """API_DetachVolume: a volume that is still mounted would be busy."""
    assert not [line for line in seen["said"] if "busy" in line]

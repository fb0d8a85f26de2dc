"""State on S3 in the lab: the real template, real machines, and three of them lost one after the other; in some three minutes."""

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
    folder = tmp_path_factory.mktemp("state")
    (folder / "lab").mkdir()
    results = folder / "results.json"
    program = [sys.executable, str(REPOSITORY / "tests/lab/keeping.py"), str(folder / "lab"), str(results)]
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


def test_another_machine_goes_on_from_what_was_safe_when_the_first_was_lost(seen: dict[str, Any]) -> None:
    assert len(seen["lost"]) == 3
    for one in seen["lost"]:
        assert one["other_machine"]
        assert one["safe"] <= one["found"] <= one["counted"]


def test_who_wrote_before_the_machine_was_lost_is_refused_after_it(seen: dict[str, Any]) -> None:
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html"""
    assert [(one["late_writer"], one["epoch_passed"]) for one in seen["lost"]] == [("PreconditionFailed", 1)] * 3


def test_a_node_that_is_retired_saves_last_so_that_nothing_at_all_is_lost(seen: dict[str, Any]) -> None:
    assert seen["clean"]["saved"] < seen["clean"]["counted"] == seen["clean"]["found"]

"""The example of a stack of one's own deploys as any other, serves, and survives the loss of its machine; in a minute or two."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent.parent
_ENTER = "import sys; from lab import space; sys.exit(space.enter(sys.argv[1:]))"
_LIMIT_S = 900.0

pytestmark = [pytest.mark.lab, pytest.mark.heavy]


def test_it_deploys_serves_and_survives_the_loss_of_its_machine(tmp_path: Path) -> None:
    (tmp_path / "lab").mkdir()
    program = [sys.executable, str(REPOSITORY / "tests/lab/owning.py"), str(tmp_path / "lab"), str(tmp_path / "results.json")]
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
    seen = json.loads((tmp_path / "results.json").read_text())

    assert seen["problems"] == []
    assert seen["drill"]["deployable"] == "counting"
    assert [promise for promise in seen["drill"]["promises"] if not promise["held"]] == []

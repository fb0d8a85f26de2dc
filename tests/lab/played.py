"""Plays a program of this folder in a lab of its own, as root of a space that is thrown away, and gives what it saw."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
ENTER = "import sys; from lab import space; sys.exit(space.enter(sys.argv[1:]))"
LIMIT_S = 900.0


def played(program: str, folder: Path, *, limit_s: float = LIMIT_S) -> dict[str, Any]:
    """program: a file beside this one, called with a folder for its lab and a file for its results. Raises AssertionError."""
    (folder / "lab").mkdir()
    results = folder / "results.json"
    done = subprocess.run(
        [sys.executable, "-c", ENTER, sys.executable, str(REPOSITORY / "tests/lab" / program), str(folder / "lab"), str(results)],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "PYTHONDONTWRITEBYTECODE": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=limit_s,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    return dict(json.loads(results.read_text()))

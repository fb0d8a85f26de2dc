"""Plays a program of this folder in a lab of its own, as root of a space that is thrown away, and gives what it saw."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
ENTER = "import sys; from lab import space; sys.exit(space.enter(sys.argv[1:]))"
LIMIT_S = 900.0


def played(program: str, folder: Path, *, limit_s: float = LIMIT_S, arguments: Sequence[str] = ()) -> dict[str, Any]:
    """program: a file beside this one, called with its lab's folder, a file for its results, the arguments. Raises AssertionError."""
    (folder / "lab").mkdir()
    results = folder / "results.json"
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            ENTER,
            sys.executable,
            str(REPOSITORY / "tests/lab" / program),
            str(folder / "lab"),
            str(results),
            *arguments,
        ],
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

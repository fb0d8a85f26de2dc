"""The command as a user runs it, from a folder of its own: in this process, or where the process is what is tested, in another."""

from __future__ import annotations

import subprocess
import sys
from contextlib import chdir, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from unittest.mock import patch

from cli import programs
from cli.main import main

ROOT = Path(__file__).resolve().parents[2]


def understudy(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """What it prints and its exit status. It starts no program: that would take the place of the tests."""
    said, complained = StringIO(), StringIO()
    with chdir(cwd), redirect_stdout(said), redirect_stderr(complained), patch.object(programs, "_become", _started):
        try:
            status = main([str(argument) for argument in arguments])
        except SystemExit as ended:  # argparse's way to say that it has told everything
            status = int(ended.code or 0)
    return subprocess.CompletedProcess(arguments, status, said.getvalue(), complained.getvalue())


def _started(command: list[str]) -> int:
    raise AssertionError(f"was started: {command}")


def understudy_alone(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """The same as a process of its own: most of a second, for imports."""
    command = [sys.executable, "-P", str(ROOT / "cli" / "__main__.py"), *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=60, check=False)

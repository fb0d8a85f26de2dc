"""How the command starts other programs, and what it says when they are not there."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from cli import programs
from cli.programs import Trouble

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def only_these_tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(programs, "_path", lambda: str(tmp_path))
    return tmp_path


def tool(folder: Path, name: str) -> None:
    (folder / name).write_text("#!/bin/sh\n")
    (folder / name).chmod(0o755)


def test_a_missing_tool_is_named_with_its_package(only_these_tools: Path) -> None:
    with pytest.raises(Trouble, match=r"`ip` is missing.*apt-get install iproute2"):
        programs.lab("drill", "kill-instance")

    tool(only_these_tools, "ip")
    with pytest.raises(Trouble, match=r"`unshare` is missing.*apt-get install util-linux"):
        programs.lab("drill", "kill-instance")


def test_a_missing_cdk_says_to_run_the_setup(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(programs, "CDK", tmp_path / "cdk")

    with pytest.raises(Trouble, match="make setup"):
        programs.synth(tmp_path / "a.yaml", tmp_path / "out")


def test_a_program_keeps_our_terminal_and_gives_its_own_exit_status(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\npwd\nread line\necho got $line\nexit 7\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    code = f"from cli import programs; programs._become([{str(program)!r}])"

    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, input="a line\n", capture_output=True, text=True, timeout=30, check=False)

    assert (done.returncode, done.stdout.split("\n")) == (7, [str(ROOT), "got a line", ""])


def test_a_program_that_cannot_start_is_no_traceback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "chdir", lambda _: None)

    with pytest.raises(Trouble, match=r"cannot start .*: No such file or directory"):
        programs._become([str(tmp_path / "nothing")])

"""Actions of resource agents and init scripts: what they say is heard and bounded, and what they leave is the run's from the first."""

from __future__ import annotations

import asyncio
import os
import resource
import sys
from pathlib import Path

import pytest

from agent.runs import files
from agent.runs.actions import SAID_BYTES_MAX, Acted, Action
from agent.runs.cgroups import OURS
from agent.runs.enter import CANNOT
from agent.runs.run_actions import ENTER


def act(*argv: str, timeout_s: float = 20.0) -> Acted:
    async def story() -> Acted:
        return await Action(argv, environment={"PATH": os.environ["PATH"]}, directory="/", user=None).end(timeout_s)

    return asyncio.run(story())


def test_a_program_that_makes_everybodys_standard_error_append_does_not_swallow_the_reason() -> None:
    """As perl does, which the agent of nginx calls before it says why its parameters are wrong."""
    appends = "import fcntl, os; fcntl.fcntl(2, fcntl.F_SETFL, os.O_APPEND)"

    acted = act("sh", "-c", f"{sys.executable} -c '{appends}'; echo ocf-exit-reason:wrong >&2")

    assert acted.said == "ocf-exit-reason:wrong\n"


def test_a_script_may_open_its_standard_error_by_name() -> None:
    acted = act("sh", "-c", "echo first >&2 && echo second >/dev/stderr && echo third >>/dev/stderr")

    assert acted.status == 0
    assert acted.said.splitlines()[-2:] == ["second", "third"]


def test_an_action_that_says_too_much_is_cut_short_and_not_killed() -> None:
    acted = act("sh", "-c", "head -c 3000000 /dev/zero | tr '\\0' x; sleep 0.1; while echo x 2>/dev/null; do :; done; exit 4")

    assert acted.status == 4
    assert len(acted.said) == SAID_BYTES_MAX


# --- what stands before a start action -----------------------------------------------------------------------------------


def entered(folder: str, limit: str, *command: str) -> Acted:
    return act(sys.executable, "-I", "-S", "-B", str(ENTER), folder, limit, *command)


def test_what_is_entered_has_its_limit_of_open_files_from_the_first_instruction() -> None:
    assert entered("-", "99:100", "/bin/sh", "-c", "ulimit -Sn; ulimit -Hn").said.split() == ["99", "100"]


def test_what_is_entered_tells_its_cgroup_that_it_is_a_member(tmp_path: Path) -> None:
    acted = entered(str(tmp_path), "-", "/bin/sh", "-c", "echo began")

    assert acted.said == "began\n"
    assert (tmp_path / "cgroup.procs").read_text() == "0", "to the kernel: whoever writes"


def test_a_cgroup_that_another_agent_has_removed_while_it_was_empty_is_made_again(tmp_path: Path) -> None:
    """Else a daemon that writes over its environment is in no cgroup of ours, and nobody's."""
    folder = tmp_path / OURS / "i-1" / "nginx"

    assert entered(str(folder), "-", "/bin/sh", "-c", "echo began").said == "began\n"
    assert (folder / "cgroup.procs").read_text() == "0"


def test_an_application_without_a_cgroup_runs_all_the_same() -> None:
    assert entered("/nonexistent", "-", "/bin/sh", "-c", "echo began").said == "began\n"


def test_what_cannot_be_executed_says_so(tmp_path: Path) -> None:
    (tmp_path / "script").write_text("no interpreter")
    (tmp_path / "script").chmod(0o755)

    acted = entered("-", "-", str(tmp_path / "script"))

    assert acted.status == CANNOT
    assert "Exec format error" in acted.said


def test_an_action_is_not_handed_the_many_descriptors_of_the_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its monitor and stop too, which are not put in front of anything that stays."""
    monkeypatch.setattr(files, "_usual", 256)

    assert act("sh", "-c", "ulimit -Sn").said == "256\n"


@pytest.mark.parametrize(("program", "mode"), [("missing", None), ("script", 0o644)])
def test_an_action_that_cannot_be_run_is_an_error_and_no_answer(
    program: str, mode: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_usual", 256)
    if mode is not None:
        (tmp_path / program).write_text("#!/bin/sh\n")
        (tmp_path / program).chmod(mode)

    with pytest.raises(FileNotFoundError if mode is None else PermissionError):
        act(str(tmp_path / program))


def test_an_action_whose_interpreter_is_missing_is_an_error_and_no_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_usual", 256)
    (tmp_path / "script").write_text("#!/nonexistent\n")
    (tmp_path / "script").chmod(0o755)

    with pytest.raises(OSError, match="No such file"):
        act(str(tmp_path / "script"))


def test_the_agent_takes_the_descriptors_it_needs_and_no_more_than_it_may() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(512, hard), hard))
        files.take_own()
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (min(files.OWN, hard), hard)
        assert files.for_children() == f"{files._usual}:{hard}" or files._usual == min(files.OWN, hard)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

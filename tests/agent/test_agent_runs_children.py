"""Runs of programs: real small ones, ended to the last member."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from agent.runs import cgroups, children
from agent.runs.orphans import adopt_orphans, reap_orphans
from agent.runs.proc import children_of
from core.application import Limits
from tests.agent.programs import DEAF, PARENT, PATIENCE_S, SLEEP, eventually, is_running, program, started, written_pid


@pytest.fixture(autouse=True)
def subreaper() -> None:
    adopt_orphans()


@pytest.fixture(params=["cgroup", "marks"], autouse=True)
def membership(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Every test twice: where an application can have a cgroup of its own, and where it cannot."""
    if request.param == "marks":
        monkeypatch.setattr(children, "cgroup_for", lambda mark, limits: (None, ()))
        monkeypatch.setattr(children, "former_cgroup", lambda mark, written: None)
    elif cgroups.cgroup_for("i-test/probe/1", Limits())[0] is None:
        pytest.skip("this machine has no cgroup (version 2) that we may write to")
    return str(request.param)


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("pass", "exited with status 0"),
        ("raise SystemExit(7)", "exited with status 7"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "killed by SIGKILL"),
    ],
)
def test_the_end_of_a_program_is_told_with_its_reason(code: str, why: str, tmp_path: Path) -> None:
    async def story() -> None:
        changes: list[int] = []
        run = started(program(tmp_path, code), changed=lambda: changes.append(1))
        await eventually(lambda: not run.alive)
        assert run.ended == why
        assert changes, "the kernel's word is passed on"
        assert run.members() == []

    asyncio.run(story())


def test_a_stop_is_graceful_first(tmp_path: Path) -> None:
    async def story() -> None:
        polite = started(program(tmp_path, SLEEP))
        await eventually(lambda: written_pid(tmp_path))
        polite.stop(PATIENCE_S)
        assert polite.stopping
        await eventually(lambda: not polite.alive)
        assert polite.ended == "killed by SIGTERM"

    asyncio.run(story())


def test_a_program_that_was_stopped_by_a_signal_hears_that_it_shall_end(tmp_path: Path) -> None:
    """https://www.freedesktop.org/software/systemd/man/latest/systemd.kill.html: SIGCONT follows, so that it can terminate."""

    async def story() -> None:
        hung = started(program(tmp_path, SLEEP))
        await eventually(lambda: written_pid(tmp_path))
        assert hung.pid is not None
        os.kill(hung.pid, signal.SIGSTOP)
        hung.stop(PATIENCE_S)
        await eventually(lambda: not hung.alive)
        assert hung.ended == "killed by SIGTERM"

    asyncio.run(story())


def test_a_program_that_ignores_the_stop_is_killed_after_its_grace(tmp_path: Path) -> None:
    async def story() -> None:
        deaf = started(program(tmp_path, DEAF))
        await eventually(lambda: written_pid(tmp_path))
        deaf.stop(0.1)
        await eventually(lambda: not deaf.alive)
        assert deaf.ended == "killed by SIGKILL"

    asyncio.run(story())


def test_a_stop_asked_again_can_only_come_sooner(tmp_path: Path) -> None:
    async def story() -> None:
        deaf = started(program(tmp_path, DEAF))
        await eventually(lambda: written_pid(tmp_path))
        deaf.stop(0.2)
        deaf.stop(600.0)
        await eventually(lambda: not deaf.alive)

    asyncio.run(story())


def test_clean_asks_nobody(tmp_path: Path) -> None:
    async def story() -> None:
        run = started(program(tmp_path, SLEEP))
        await eventually(lambda: written_pid(tmp_path))
        run.clean()
        await eventually(lambda: not run.alive)
        assert run.ended == "killed by SIGKILL"

    asyncio.run(story())


@pytest.mark.parametrize("own_session", [False, True])
@pytest.mark.parametrize("parent_stays", [False, True])
def test_no_grandchild_outlives_the_leader(own_session: bool, parent_stays: bool, tmp_path: Path) -> None:
    async def story() -> None:
        family = started(program(tmp_path, PARENT.format(own=own_session, stays=parent_stays), DEAF))
        await eventually(lambda: written_pid(tmp_path))
        grandchild = written_pid(tmp_path)
        if parent_stays:
            await eventually(lambda: set(family.members()) == {family.pid, grandchild}, "both are its members")
            family.stop(PATIENCE_S)
        await eventually(lambda: not family.alive)
        assert not is_running(grandchild)

    asyncio.run(story())


def test_a_daemon_that_leaves_session_and_mark_is_held_by_its_cgroup(membership: str, tmp_path: Path) -> None:
    """PostgreSQL's processes do both; so does whoever daemonizes by the book."""
    if membership == "marks":
        pytest.skip("without a cgroup such a one escapes: said in agent.runs.group")
    parent = (
        "import subprocess, sys, time; time.sleep(0.3);"
        "subprocess.Popen([sys.executable, '-c', sys.argv[2], sys.argv[1]], start_new_session=True, env={}); time.sleep(600)"
    )

    async def story() -> None:
        family = started(program(tmp_path, parent, DEAF))
        await eventually(lambda: written_pid(tmp_path))
        family.clean()
        await eventually(lambda: not family.alive)
        assert not is_running(written_pid(tmp_path))

    asyncio.run(story())


def test_what_it_forks_at_once_is_a_member_too(tmp_path: Path) -> None:
    """Moving a process to a cgroup takes the kernel milliseconds, in which it may have started others."""

    async def story() -> None:
        run = started(program(tmp_path, "import os; os.fork() or os.setsid(); __import__('time').sleep(600)"))
        await eventually(lambda: len(run.members()) == 2, "both are seen")
        both = run.members()
        assert both[0] == run.pid
        run.clean()
        await eventually(lambda: not run.alive)
        assert not any(is_running(pid) for pid in both)

    asyncio.run(story())


def test_a_program_that_is_not_there_cannot_start(tmp_path: Path) -> None:
    async def story() -> None:
        with pytest.raises(FileNotFoundError, match="/no/such/program"):
            started(program(tmp_path, ""), run=type(program(tmp_path, "").run)(exec=("/no/such/program",)))

    asyncio.run(story())


def test_a_program_that_cannot_be_watched_is_not_left_running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its agent takes it for one that could not start, and starts another: the first must be gone by then."""
    begun: list[int] = []

    def no_descriptors(pid: int) -> int:
        begun.append(pid)
        raise OSError(24, "Too many open files")

    async def story() -> None:
        with monkeypatch.context() as broken:
            broken.setattr(os, "pidfd_open", no_descriptors)
            with pytest.raises(OSError, match="Too many open files"):
                started(program(tmp_path, SLEEP))

    asyncio.run(story())

    assert begun
    assert not is_running(begun[0])


def test_orphans_that_have_died_are_collected_but_never_the_children_of_others(tmp_path: Path) -> None:
    """A program started elsewhere in the agent is waited for there: its status must not be taken away."""

    async def story() -> None:
        mine = await asyncio.create_subprocess_exec(sys.executable, "-c", "raise SystemExit(3)")
        await eventually(lambda: not is_running(mine.pid))
        reap_orphans(asyncio.get_running_loop().time())
        assert await mine.wait() == 3

        family = started(program(tmp_path, "import os; os.fork() or (os.setsid(), os.fork())"))
        await eventually(lambda: not family.alive)
        await eventually(lambda: all(is_running(pid) for pid in children_of(os.getpid()) or ()), "no zombie is left")

    asyncio.run(story())

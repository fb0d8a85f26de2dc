"""Adoption: an agent is killed, the next one finds what it had started, holds it, and never a second beside it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from agent.runs import CannotTell, RunIdentity, RunState, adopt, cgroups, children, group, proc
from core.application import Limits
from tests.agent.programs import DEAF, PARENT, SLEEP, eventually, is_running, new_mark, program, written_pid

ROOT = Path(__file__).parents[2]


@pytest.fixture(params=["cgroup", "marks"], autouse=True)
def membership(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "marks":
        monkeypatch.setattr(children, "former_cgroup", lambda mark, written: None)
    elif cgroups.cgroup_for("i-test/probe/1", Limits())[0] is None:
        pytest.skip("this machine has no cgroup (version 2) that we may write to")
    return str(request.param)


class Former:
    """What the killed agent left: what it knew of its run, and the pid that the program wrote."""

    def __init__(self, folder: Path, code: str, *arguments: str) -> None:
        self.mark = new_mark()
        command = [sys.executable, "-m", "tests.agent.former_agent", self.mark, code, str(folder), *arguments]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as agent:
            assert agent.stdout is not None
            self.identity = RunIdentity(**json.loads(agent.stdout.readline()))
            asyncio.run(eventually(lambda: written_pid(folder), "the program has begun"))
            agent.kill()

    def forgotten(self) -> None:
        """End what a test has left."""
        for process in group.find(self.mark, user=os.geteuid(), since_ticks=0):
            proc.send(process, signal.SIGKILL)


@pytest.fixture
def former(tmp_path: Path) -> Iterator[Former]:
    left = Former(tmp_path, SLEEP)
    yield left
    left.forgotten()


def adopted(former: Former, identity: RunIdentity | None, folder: Path) -> RunState | None:
    return adopt(program(folder, SLEEP), identity, mark=former.mark, changed=lambda: None)


def test_a_program_outlives_its_agent_and_is_adopted_with_all_that_can_be_known(former: Former, tmp_path: Path) -> None:
    async def story() -> None:
        run = adopted(former, former.identity, tmp_path)
        assert run is not None
        assert (run.pid, run.adopted, run.alive, run.started) == (written_pid(tmp_path), True, True, True)
        assert run.members() == [run.pid]
        assert run.identity().start_ticks == former.identity.start_ticks

        os.kill(former.identity.pid, signal.SIGKILL)
        await eventually(lambda: not run.alive)
        assert run.ended == "ended (adopted: no exit status)"

    asyncio.run(story())


def test_an_adopted_program_is_stopped_like_any_other(former: Former, tmp_path: Path) -> None:
    async def story() -> None:
        run = adopted(former, former.identity, tmp_path)
        assert run is not None
        run.stop(10.0)
        await eventually(lambda: not run.alive)
        assert not is_running(written_pid(tmp_path))

    asyncio.run(story())


def test_a_program_whose_pid_was_never_written_down_is_found(former: Former, tmp_path: Path) -> None:
    async def story() -> None:
        run = adopted(former, None, tmp_path)
        assert run is not None
        assert run.pid == written_pid(tmp_path)
        run.clean()
        await eventually(lambda: not run.alive)

    asyncio.run(story())


@pytest.mark.parametrize("own_session", [False, True])
def test_what_a_dead_leader_left_is_cleaned_before_another_may_start(own_session: bool, tmp_path: Path) -> None:
    left = Former(tmp_path, PARENT.format(own=own_session, stays=True), DEAF)
    grandchild = written_pid(tmp_path)
    os.kill(left.identity.pid, signal.SIGKILL)

    async def story() -> None:
        await eventually(lambda: not is_running(left.identity.pid))
        assert is_running(grandchild)

        assert adopted(left, left.identity, tmp_path) is None
        assert not is_running(grandchild)

    asyncio.run(story())


def test_one_that_is_being_killed_is_left_until_it_is_dead_though_its_mark_is_gone_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On its way out a process gives back its memory, its environment with it, and only then its ports."""
    left = Former(tmp_path, PARENT.format(own=True, stays=True), DEAF)
    grandchild = written_pid(tmp_path)
    run = group.Group(left.identity.mark, None, None)
    members = run.left()
    assert grandchild in [process.pid for process in members]

    with monkeypatch.context() as patch:
        patch.setattr("agent.runs.proc.send", lambda process, number: None)
        patch.setattr("agent.runs.proc.read_environment", lambda pid: b"")
        run.kill(members)
        assert grandchild in [process.pid for process in run.left()]

    run.kill(members)
    asyncio.run(eventually(lambda: not run.left()))
    assert not is_running(grandchild)


def test_nothing_outlives_a_boot(former: Former, tmp_path: Path) -> None:
    async def story() -> None:
        assert adopted(former, replace(former.identity, boot_id="another"), tmp_path) is None
        assert is_running(former.identity.pid), "it is somebody else's, with the same number by chance"

    asyncio.run(story())


def test_a_pid_that_was_given_to_another_since_is_not_ours(tmp_path: Path) -> None:
    """By the time it started, in ticks since boot; and the stranger's session, of the same number, is left alone."""

    async def story() -> None:
        with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True) as stranger:
            identity = RunIdentity(pid=stranger.pid, start_ticks=1, boot_id=proc.boot_id(), cgroup="", mark=new_mark())
            assert adopt(program(tmp_path, SLEEP), identity, mark=identity.mark, changed=lambda: None) is None
            assert is_running(stranger.pid)
            stranger.kill()

    asyncio.run(story())


def test_what_cannot_be_looked_at_is_not_taken_for_gone(former: Former, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(pid: int) -> bytes:
        raise PermissionError(13, "Permission denied", f"/proc/{pid}/environ")

    async def story() -> None:
        with monkeypatch.context() as hidden:
            hidden.setattr(proc, "read_environment", denied)
            with pytest.raises(CannotTell, match="its environment cannot be read"):
                adopted(former, None, tmp_path)

    asyncio.run(story())


def test_a_proc_that_cannot_be_read_tells_nothing(former: Former, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(pid: int) -> None:
        raise OSError(24, "Too many open files")

    async def story() -> None:
        with monkeypatch.context() as full:
            full.setattr(proc, "read_process", broken)
            with pytest.raises(CannotTell, match="Too many open files"):
                adopted(former, former.identity, tmp_path)

    asyncio.run(story())


def test_processes_older_than_the_run_need_not_be_asked(former: Former, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody's agent for keys, say, hides its environment from the start: it must not make every adoption impossible."""
    older = proc.read_process(os.getpid())
    look, everybody = proc.read_environment, list(proc.every_process())
    young = [process for process in everybody if process.pid == former.identity.pid]

    def hides_all_but_ours(pid: int) -> bytes | None:
        if pid == former.identity.pid:
            return look(pid)
        raise PermissionError(13, "Permission denied")

    async def story() -> None:
        assert older is not None
        with monkeypatch.context() as hidden:
            hidden.setattr(proc, "every_process", lambda: iter([older, *young]))
            hidden.setattr(proc, "read_environment", hides_all_but_ours)
            with pytest.raises(CannotTell):
                adopt(program(tmp_path, SLEEP), None, mark=former.mark, changed=lambda: None)
            run = adopt(program(tmp_path, SLEEP), None, mark=former.mark, changed=lambda: None, since_ticks=former.identity.start_ticks)
        assert run is not None
        run.clean()
        await eventually(lambda: not run.alive)

    asyncio.run(story())

"""Process trees: real small programs, ended to the last member."""

from __future__ import annotations

import asyncio
import os
import secrets
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.processes import ProcessTree, kill_members

PATIENCE_S = 20.0
READY = "import sys; open(sys.argv[1], 'w').write(str(__import__('os').getpid())); "
SLEEP = READY + "__import__('time').sleep(600)"
DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + SLEEP
PARENT = (
    "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', sys.argv[2], sys.argv[1]], start_new_session={own});"
    "time.sleep(600 if {stays} else 1)"
)


async def eventually(look: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not look():
            await asyncio.sleep(0.01)


def tree(folder: Path, program: str, *arguments: str, changed: Callable[[], None] = lambda: None) -> ProcessTree:
    argv = [sys.executable, "-c", program, str(folder / "pid"), *arguments]
    mark = f"i-test-{secrets.token_hex(4)}/web/1"
    return ProcessTree(argv, environment={"PATH": os.environ["PATH"]}, directory="/", mark=mark, changed=changed)


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def written_pid(folder: Path) -> int:
    text = (folder / "pid").read_text() if (folder / "pid").exists() else ""
    return int(text or 0)


@pytest.mark.parametrize(
    ("program", "why"),
    [
        ("pass", "exited with status 0"),
        ("raise SystemExit(7)", "exited with status 7"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "killed by SIGKILL"),
    ],
)
def test_the_end_of_a_program_is_told_with_its_reason(program: str, why: str, tmp_path: Path) -> None:
    async def story() -> None:
        changes: list[int] = []
        ended = tree(tmp_path, program, changed=lambda: changes.append(1))
        await eventually(lambda: not ended.alive)
        assert ended.ended == why
        assert changes, "the kernel's word is passed on"

    asyncio.run(story())


def test_a_stop_is_graceful_first(tmp_path: Path) -> None:
    async def story() -> None:
        polite = tree(tmp_path, SLEEP)
        await eventually(lambda: written_pid(tmp_path))
        polite.stop(PATIENCE_S)
        assert polite.stopping
        await eventually(lambda: not polite.alive)
        assert polite.ended == "killed by SIGTERM"

    asyncio.run(story())


def test_a_program_that_ignores_the_stop_is_killed_after_its_grace(tmp_path: Path) -> None:
    async def story() -> None:
        deaf = tree(tmp_path, DEAF)
        await eventually(lambda: written_pid(tmp_path))
        deaf.stop(0.1)
        await eventually(lambda: not deaf.alive)
        assert deaf.ended == "killed by SIGKILL"

    asyncio.run(story())


def test_a_stop_asked_again_can_only_come_sooner(tmp_path: Path) -> None:
    async def story() -> None:
        deaf = tree(tmp_path, DEAF)
        await eventually(lambda: written_pid(tmp_path))
        deaf.stop(600.0)
        deaf.stop(0.0)
        await eventually(lambda: not deaf.alive)

    asyncio.run(story())


@pytest.mark.parametrize("own_session", [False, True])
@pytest.mark.parametrize("parent_stays", [False, True])
def test_no_grandchild_outlives_the_leader(own_session: bool, parent_stays: bool, tmp_path: Path) -> None:
    async def story() -> None:
        family = tree(tmp_path, PARENT.format(own=own_session, stays=parent_stays), DEAF)
        await eventually(lambda: written_pid(tmp_path))
        grandchild = written_pid(tmp_path)
        if parent_stays:
            family.stop(PATIENCE_S)
        await eventually(lambda: not family.alive)
        assert not is_running(grandchild)

    asyncio.run(story())


def test_what_a_former_life_left_is_found_by_the_prefix_of_its_mark(tmp_path: Path) -> None:
    async def story() -> None:
        left = tree(tmp_path, SLEEP)
        await eventually(lambda: written_pid(tmp_path))
        assert kill_members("i-somebody-else/") == 0
        prefix = left._mark.split("/")[0] + "/"
        assert kill_members(prefix) == 1
        await eventually(lambda: not left.alive)

    asyncio.run(story())


def test_a_program_that_is_not_there_cannot_start(tmp_path: Path) -> None:
    async def story() -> None:
        with pytest.raises(FileNotFoundError):
            ProcessTree(["/no/such/program"], environment={}, directory="/", mark="i-test/x/1", changed=lambda: None)

    asyncio.run(story())


def test_a_program_that_cannot_be_watched_is_not_left_running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its agent takes it for one that could not start, and starts another: the first must be gone by then."""
    started: list[int] = []

    def no_descriptors(pid: int) -> int:
        started.append(pid)
        raise OSError(24, "Too many open files")

    async def story() -> None:
        with monkeypatch.context() as broken:
            broken.setattr(os, "pidfd_open", no_descriptors)
            with pytest.raises(OSError, match="Too many open files"):
                tree(tmp_path, SLEEP)

    asyncio.run(story())

    assert started
    assert not is_running(started[0])

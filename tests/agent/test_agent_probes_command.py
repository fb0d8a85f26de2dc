"""Command probes with real programs."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pwd
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from agent.probes import ProbeContext, ask
from agent.probes.child import awaited_pids
from agent.runs import files
from core.application import Probe
from core.node.health import Outcome, ProbeResult
from tests.agent.programs import eventually
from tests.programs.nodes import open_folder

SHELL = {"PATH": "/usr/bin:/bin"}


def ran(script: str, *, context: ProbeContext | None = None, timeout_s: float = 5.0, **probe: Any) -> ProbeResult:
    async def story() -> ProbeResult:
        result = await ask(
            Probe(command=("/bin/sh", "-c", script), timeout_s=timeout_s, **probe), context or ProbeContext(environment=SHELL)
        )
        await eventually(lambda: not awaited_pids())
        return result

    return asyncio.run(story())


def is_alive(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0] not in (b"Z", b"X")
    return False


@pytest.mark.parametrize(
    ("script", "outcome", "reason"),
    [
        pytest.param("echo fine; exit 0", Outcome.GOOD, "", id="0 is well, and says nothing"),
        pytest.param("echo; echo ' queue is full '; echo more; exit 3", Outcome.BUSY, "exit status 3: queue is full", id="a busy exit"),
        pytest.param("echo no database >&2; exit 1", Outcome.BAD, "exit status 1: no database", id="any other is failing"),
        pytest.param("exit 2", Outcome.BAD, "exit status 2", id="silently too"),
        pytest.param("kill -SEGV $$", Outcome.BAD, "killed by signal 11", id="a crash is failing"),
        pytest.param("kill -KILL $$", Outcome.UNKNOWN, "killed by signal 9", id="killed by somebody else: the kernel, short of memory"),
    ],
)
def test_its_exit_status_is_the_outcome_and_its_first_line_the_reason(script: str, outcome: Outcome, reason: str) -> None:
    result = ran(script, busy_exits=(3, 4))

    assert (result.outcome, result.reason) == (outcome, f"command /bin/sh: {reason}" if reason else "")


def test_its_output_is_bounded_and_never_makes_it_wait() -> None:
    result = ran("head -c 3000000 /dev/zero | tr '\\0' x; echo; exit 1")

    assert result.outcome is Outcome.BAD
    assert 200 < len(result.reason) < 300


def test_it_may_close_its_output_and_go_on() -> None:
    assert ran("exec >&- 2>&-; sleep 0.05; exit 4", busy_exits=(4,)).outcome is Outcome.BUSY


def test_it_is_killed_with_its_whole_group_when_time_is_up(tmp_path: Path) -> None:
    note = tmp_path / "grandchild"
    result = ran(f"sleep 60 & echo $! > {note}; echo begun; wait", timeout_s=1.5)

    assert result.outcome is Outcome.TIMEOUT
    assert result.took_s < 30.0
    asyncio.run(eventually(lambda: not is_alive(int(note.read_text()))))


def test_what_it_leaves_behind_neither_holds_up_its_answer_nor_stays(tmp_path: Path) -> None:
    note = tmp_path / "grandchild"
    result = ran(f"sleep 60 & echo $! > {note}; exit 0")

    assert result.outcome is Outcome.GOOD
    assert result.took_s < 30.0
    asyncio.run(eventually(lambda: not is_alive(int(note.read_text()))))


def test_it_is_killed_when_nobody_waits_for_it_any_more(tmp_path: Path) -> None:
    note = tmp_path / "pid"

    async def story() -> None:
        command = ("/bin/sh", "-c", f"echo $$ > {note}; exec sleep 60")
        task = asyncio.create_task(ask(Probe(command=command, every_s=100.0, timeout_s=60.0), ProbeContext(environment=SHELL)))
        await eventually(lambda: note.exists() and note.read_text() != "")
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        await eventually(lambda: not awaited_pids() and not is_alive(int(note.read_text())))

    asyncio.run(story())


def test_it_is_not_handed_the_many_descriptors_of_the_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_usual", 256)

    assert ran("ulimit -Sn; exit 1").reason.endswith(": 256")


@pytest.mark.parametrize("usual", [None, 256])
def test_one_that_its_user_may_not_run_tells_nothing_of_the_application(usual: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root, to become another user")
    if usual is not None:
        monkeypatch.setattr(files, "_usual", usual)

    async def story(command: Path) -> ProbeResult:
        return await ask(Probe(command=(str(command),)), ProbeContext(environment=SHELL, user="nobody"))

    with open_folder() as folder:
        (folder / "script").write_text("#!/bin/sh\nexit 0\n")
        (folder / "script").chmod(0o700)
        result = asyncio.run(story(folder / "script"))

    assert result.outcome is Outcome.UNKNOWN
    assert "cannot be run" in result.reason
    assert "Permission denied" in result.reason


@pytest.mark.parametrize("status", [126, 127])
def test_what_it_says_by_the_exit_status_of_a_shell_is_its_own_word(status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_usual", 256)

    assert ran(f"exit {status}").outcome is Outcome.BAD


def test_it_has_the_environment_and_the_directory_of_the_application_and_nothing_of_ours(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AGENT_SECRET", "x")
    context = ProbeContext(environment={**SHELL, "LEDGER": "7"}, directory=str(tmp_path))

    assert ran('echo "$LEDGER ${AGENT_SECRET-none} $PWD"; exit 1', context=context).reason.endswith(f": 7 none {tmp_path}")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become another user")
def test_it_runs_as_the_user_of_the_application_with_no_group_of_ours() -> None:
    nobody = pwd.getpwnam("nobody")
    result = ran("echo $(id -u) $(id -g) $(id -G); exit 1", context=ProbeContext(user="nobody", environment=SHELL))

    assert result.reason.endswith(f": {nobody.pw_uid} {nobody.pw_gid} {nobody.pw_gid}")


@pytest.mark.parametrize(
    ("context", "command", "reason"),
    [
        (ProbeContext(user="no-such-user"), ("/bin/true",), "there is no user 'no-such-user'"),
        (ProbeContext(), ("/no/such/program",), "No such file"),
        (ProbeContext(), ("/etc/passwd",), "Permission denied"),
        (ProbeContext(directory="/no/such/folder"), ("/bin/true",), "No such file"),
        (ProbeContext(), ("/bin/true", "a\0b"), "null"),
    ],
)
def test_what_cannot_be_run_tells_nothing_of_the_application(context: ProbeContext, command: tuple[str, ...], reason: str) -> None:
    result = asyncio.run(ask(Probe(command=command), context))

    assert result.outcome is Outcome.UNKNOWN
    assert reason in result.reason


def test_a_status_that_somebody_else_collected_is_not_taken_for_well() -> None:
    async def story() -> ProbeResult:
        task = asyncio.create_task(
            ask(Probe(command=("/bin/sh", "-c", "sleep 0.1; exit 1"), timeout_s=2.0), ProbeContext(environment=SHELL))
        )
        await eventually(lambda: bool(awaited_pids()))
        (pid,) = awaited_pids()
        os.waitpid(pid, 0)
        return await task

    result = asyncio.run(story())
    assert result.outcome is Outcome.UNKNOWN
    assert "somebody else" in result.reason


def test_commands_leave_no_descriptor_and_no_zombie_behind() -> None:
    async def story() -> tuple[int, int]:
        context = ProbeContext(environment=SHELL)
        await ask(Probe(command=("/bin/true",)), context)
        before = len(os.listdir("/proc/self/fd"))
        await asyncio.gather(*(ask(Probe(command=("/bin/sh", "-c", "echo x")), context) for _ in range(10)))
        await asyncio.gather(*(ask(Probe(command=("/bin/sleep", "9"), timeout_s=0.1), context) for _ in range(10)))
        await eventually(lambda: not awaited_pids())
        return before, len(os.listdir("/proc/self/fd"))

    before, after = asyncio.run(story())
    assert after <= before


def test_a_program_that_ignores_being_asked_politely_is_gone_all_the_same() -> None:
    began_s = time.monotonic()
    script = "import signal, time; [signal.signal(n, signal.SIG_IGN) for n in (1, 2, 15)]; time.sleep(60)"
    result = asyncio.run(ask(Probe(command=(sys.executable, "-c", script), timeout_s=0.3), ProbeContext(environment=SHELL)))

    assert result.outcome is Outcome.TIMEOUT
    assert time.monotonic() - began_s < 30

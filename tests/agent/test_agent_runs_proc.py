"""What is read of a process while it changes under the reader's eyes."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from agent.runs import proc

AGAIN = 'exec "$0" -c "$1" "$0" "$1"'  # a program that begins with itself, for ever


@pytest.fixture
def restless() -> Iterator[int]:
    """A process that is in the middle of an execve(2) for a good part of its time, one time in fifteen that it is looked at."""
    process = subprocess.Popen(["/bin/sh", "-c", AGAIN, "/bin/sh", AGAIN], env={**os.environ, "MARK": "ours"})
    yield process.pid
    process.kill()
    process.wait()


def test_a_process_that_is_about_to_begin_with_another_program_is_known_by_its_mark_all_the_same(restless: int) -> None:
    """Else whoever cleans up at that moment leaves it, and a second copy is started beside it."""
    looks = [proc.read_environment(restless) or b"" for _ in range(3000)]

    assert [look for look in looks if b"MARK=ours" not in look.split(b"\0")] == []


def test_a_process_without_any_environment_has_none_and_is_not_waited_for() -> None:
    with subprocess.Popen(["/bin/sleep", "60"], env={}) as process:
        began = time.monotonic()
        found = proc.read_environment(process.pid)
        took_s = time.monotonic() - began
        process.kill()

    assert (found, took_s < proc.EXECUTES_S) == (b"", True)


@dataclass
class Clock:
    """In the place of `time`: it passes only where somebody sleeps."""

    now: float = 0.0
    sleeps: int = 0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.sleeps += 1


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(proc, "time", made)
    return made


def test_of_a_process_that_has_ended_and_waits_to_be_collected_nothing_is_waited_for(clock: Clock) -> None:
    process = subprocess.Popen(["/bin/true"])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)

    assert proc.read_environment(process.pid) in (b"", None)
    assert clock.sleeps == 0
    process.wait()


THERE = proc.Process(pid=7, state="R", parent=1, group=7, session=7, is_kernel=False, start_ticks=1)


@pytest.mark.parametrize(
    "one",
    [replace(THERE, state="Z"), replace(THERE, state="X"), replace(THERE, is_exiting=True), replace(THERE, is_kernel=True), None],
    ids=["zombie", "dead", "dying", "of-the-kernel", "gone"],
)
def test_who_will_never_begin_with_a_program_is_asked_again_and_not_waited_for(
    one: proc.Process | None, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def empty(path: str) -> bytes:
        asked.append(path)
        return b""

    monkeypatch.setattr(proc, "_read_all", empty)
    monkeypatch.setattr(proc, "read_process", lambda _: one)

    assert proc.read_environment(7) == b""
    assert (asked.count("/proc/7/environ"), clock.sleeps) == (proc.NONE_AT_ALL, 0)


def test_who_is_about_to_begin_with_one_is_waited_for_so_long_and_no_longer(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proc, "_read_all", lambda _: b"")
    monkeypatch.setattr(proc, "read_process", lambda _: THERE)

    assert proc.read_environment(7) == b""
    assert proc.EXECUTES_S < clock.now < proc.EXECUTES_S + 0.01

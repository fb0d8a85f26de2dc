"""What is read of a process while it changes under the reader's eyes."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator

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


def test_of_a_process_that_has_ended_and_waits_to_be_collected_nothing_is_waited_for() -> None:
    process = subprocess.Popen(["/bin/true"])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)

    assert proc.read_environment(process.pid) in (b"", None)
    process.wait()

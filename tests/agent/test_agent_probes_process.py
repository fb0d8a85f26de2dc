"""Process probes: is there one of that name among the application's own."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.probes import ProbeContext, ask
from core.application import Probe
from core.node.health import Outcome, ProbeResult


def named(name: str, *pids: int) -> ProbeResult:
    return asyncio.run(ask(Probe(process=name), ProbeContext(members=lambda: pids)))


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([shutil.which("sleep") or "sleep", "60"])
    while named("sleep", process.pid).outcome is not Outcome.GOOD:
        time.sleep(0.001)
    yield process
    process.kill()
    process.wait()


def test_a_process_is_good_by_its_name_when_it_is_one_of_the_applications(sleeper: subprocess.Popen[bytes]) -> None:
    assert named("sleep", os.getpid(), sleeper.pid).outcome is Outcome.GOOD
    result = named("sleep", os.getpid())
    assert (result.outcome, result.reason) == (Outcome.BAD, "process sleep: is not there")


def test_a_process_is_found_by_the_file_name_of_its_program_too() -> None:
    program = os.path.basename(os.path.realpath(sys.executable))
    before = Path("/proc/self/comm").read_text()
    try:
        Path("/proc/self/comm").write_text("other")
        assert named(program, os.getpid()).outcome is Outcome.GOOD
        assert named("other", os.getpid()).outcome is Outcome.GOOD
    finally:
        Path("/proc/self/comm").write_text(before.strip())


def test_a_name_longer_than_the_kernel_keeps_is_found(tmp_path: Path) -> None:
    program = tmp_path / "ledger-of-the-great-library"
    program.write_text("#!/bin/sh\nread line\n")
    program.chmod(0o755)
    process = subprocess.Popen([str(program)], stdin=subprocess.PIPE)
    try:
        deadline_s = time.monotonic() + 30.0
        while named(program.name, process.pid).outcome is not Outcome.GOOD:
            assert time.monotonic() < deadline_s
    finally:
        process.communicate()


def test_a_stopped_process_is_bad_and_good_again_when_it_goes_on(sleeper: subprocess.Popen[bytes]) -> None:
    os.kill(sleeper.pid, signal.SIGSTOP)
    os.waitid(os.P_PID, sleeper.pid, os.WSTOPPED | os.WNOWAIT)
    assert named("sleep", sleeper.pid).reason == "process sleep: is stopped (1 of that name)"

    os.kill(sleeper.pid, signal.SIGCONT)
    assert named("sleep", sleeper.pid).outcome is Outcome.GOOD


def test_a_zombie_is_not_there(sleeper: subprocess.Popen[bytes]) -> None:
    sleeper.kill()
    os.waitid(os.P_PID, sleeper.pid, os.WEXITED | os.WNOWAIT)

    assert named("sleep", sleeper.pid).outcome is Outcome.BAD

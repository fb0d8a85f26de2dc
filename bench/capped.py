"""A program with a share of one processor and so much memory, as Lambda gives them; says by which means."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

PERIOD_S = 0.1
CGROUPS = Path("/sys/fs/cgroup")


@dataclass
class Capped:
    """A running program. means: how its processor is capped. files_max: the most descriptors that it was seen to have open."""

    process: subprocess.Popen[str]
    means: str
    files_max: int = 0
    stopped: threading.Event = field(default_factory=threading.Event)


@contextlib.contextmanager
def capped(command: list[str], *, share: float, memory_mb: int, files: int, env: dict[str, str], log: IO[str]) -> Iterator[Capped]:
    """Its standard input and output are pipes. Killed at the end."""
    group, means = _group(share, memory_mb)

    def confine() -> None:
        for path in group:
            (path / "cgroup.procs").write_text(str(os.getpid()))
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))

    process = subprocess.Popen(
        command,
        env=env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
        preexec_fn=confine,
    )
    running = Capped(process, means)
    helpers = [threading.Thread(target=_count_files, args=(running,), daemon=True)]
    if not group:
        helpers.append(threading.Thread(target=_stop_and_go, args=(running, share), daemon=True))
    for helper in helpers:
        helper.start()
    try:
        yield running
    finally:
        running.stopped.set()
        for helper in helpers:
            helper.join()
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGCONT)
        process.kill()
        process.wait()
        for path in group:
            with contextlib.suppress(OSError):
                path.rmdir()


def _group(share: float, memory_mb: int) -> tuple[list[Path], str]:
    """Control groups of its own, where they may be made (version 1, then 2)."""
    period_us = int(PERIOD_S * 1e6)
    name, quota_us, memory = f"understudy-bench-{os.getpid()}", int(share * period_us), str(memory_mb << 20)
    made: list[Path] = []
    with contextlib.suppress(OSError):
        cpu = CGROUPS / "cpu" / name
        cpu.mkdir()
        made.append(cpu)
        (cpu / "cpu.cfs_period_us").write_text(str(period_us))
        (cpu / "cpu.cfs_quota_us").write_text(str(quota_us))
        with contextlib.suppress(OSError):
            hold = CGROUPS / "memory" / name
            hold.mkdir()
            made.append(hold)
            (hold / "memory.limit_in_bytes").write_text(memory)
        return made, f"cgroup v1: cpu.cfs_quota_us {quota_us} of {period_us}" + (
            f", memory.limit_in_bytes {memory}" if len(made) > 1 else ""
        )
    for path in made:
        path.rmdir()
    with contextlib.suppress(OSError):
        both = CGROUPS / name
        both.mkdir()
        try:
            (both / "cpu.max").write_text(f"{quota_us} {period_us}")
            (both / "memory.max").write_text(memory)
        except OSError:
            both.rmdir()
            raise
        return [both], f"cgroup v2: cpu.max {quota_us} {period_us}, memory.max {memory}"
    return [], f"SIGSTOP and SIGCONT, by the processor time that it takes in each {PERIOD_S:g} s"


def _stop_and_go(running: Capped, share: float) -> None:
    """Stopped when it has had its share of a period, as a quota does; coarser, and never kinder on average."""
    began_s, pid, allowed_s = time.monotonic(), running.process.pid, 0.0
    while not running.stopped.is_set() and running.process.poll() is None:
        allowed_s = share * (time.monotonic() - began_s + PERIOD_S)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT if processor_s(pid) < allowed_s else signal.SIGSTOP)
        time.sleep(PERIOD_S / 20)


def processor_s(pid: int) -> float:
    """Of all its threads. https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html"""
    try:
        words: list[Any] = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(words[11]) + int(words[12])) / float(os.sysconf("SC_CLK_TCK"))


def _count_files(running: Capped) -> None:
    while not running.stopped.wait(0.05):
        with contextlib.suppress(OSError):
            running.files_max = max(running.files_max, len(os.listdir(f"/proc/{running.process.pid}/fd")))

"""One process as /proc tells of it (proc(5))."""

from __future__ import annotations

import os
from dataclasses import dataclass

from agent.measure.files import read, read_or_none

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Process:
    """ticks: of CPU, its own and those of children it has waited for. start_ticks: since boot; with pid it names this process."""

    pid: int
    state: str
    parent: int
    ticks: int
    threads: int
    start_ticks: int
    rss_bytes: int


def read_process(proc: str, pid: int) -> Process | None:
    """None: it is gone, or a zombie, which uses nothing any more."""
    try:
        line = read(f"{proc}/{pid}/stat")
        fields = line[line.rindex(b")") + 2 :].split(None, 22)
        state, threads = chr(fields[0][0]), int(fields[17])
        if state in "ZX" and threads <= 1:  # a main thread may end before the others do
            return None
        ticks = int(fields[11]) + int(fields[12]) + int(fields[13]) + int(fields[14])
        return Process(pid, state, int(fields[1]), ticks, threads, int(fields[19]), int(fields[21]) * PAGE_BYTES)
    except (OSError, ValueError, IndexError):
        return None


def pss_bytes(proc: str, process: Process) -> int:
    """Its share of memory, what it shares with others divided among them; RSS where that is not told.

    May hang, for it waits for the lock on the process's memory, which a page fault on a dead disk holds.
    """
    for line in (read_or_none(f"{proc}/{process.pid}/smaps_rollup") or b"").splitlines():
        if line.startswith(b"Pss:"):
            return int(line.split()[1]) * 1024
    return process.rss_bytes


def open_files_limit(proc: str, pid: int) -> int | None:
    """The soft one; None: unlimited, or not told."""
    for line in (read_or_none(f"{proc}/{pid}/limits") or b"").splitlines():
        if line.startswith(b"Max open files"):
            soft = line[14:].split()[0]
            return int(soft) if soft.isdigit() else None
    return None


def counts_by_size(proc: str) -> bool:
    """Does a stat of /proc/PID/fd tell the number of open files? Since Linux 6.2."""
    try:
        return os.stat(f"{proc}/self/fd").st_size > 0
    except OSError:
        return False


def open_files(proc: str, pid: int, *, by_size: bool) -> int | None:
    """None: gone, or not ours to look at."""
    try:
        return os.stat(f"{proc}/{pid}/fd").st_size if by_size else len(os.listdir(f"{proc}/{pid}/fd"))
    except OSError:
        return None

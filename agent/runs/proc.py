"""What /proc says of processes, read cheaply, so that a look at the whole machine stays a matter of milliseconds."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache

_PF_KTHREAD = 0x00200000  # linux/sched.h: a kernel thread, it has neither environment nor children
_PF_EXITING = 0x00000004  # linux/sched.h: it dies, and its memory may be gone already
RECENT_S = 0.5
EXECUTES_S = 0.25  # how long a process may take to begin with a new program, on a machine that has others to do
NONE_AT_ALL = 3
_SMALL_BYTES = 4096
_LONG_BYTES_MAX = 4 << 20  # of an environment or a list of children; more is not read


@dataclass(frozen=True, slots=True)
class Process:
    """A line of /proc/PID/stat (proc(5)). start_ticks: since boot; with the boot id it names this process and no later one of that pid."""

    pid: int
    state: str
    parent: int
    group: int
    session: int
    is_kernel: bool
    start_ticks: int
    is_exiting: bool = False

    @property
    def is_dead(self) -> bool:
        """Zombies are: they hold nothing any more, but wait to be asked for their status."""
        return self.state in "ZX"


def read_process(pid: int) -> Process | None:
    """None: there is no such process. Raises OSError when that cannot be known."""
    try:
        line = _read(f"/proc/{pid}/stat")
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = line[line.rindex(b")") + 2 :].split(None, 20)
    flags = int(fields[6])
    return Process(
        pid=pid,
        state=chr(fields[0][0]),
        parent=int(fields[1]),
        group=int(fields[2]),
        session=int(fields[3]),
        is_kernel=bool(flags & _PF_KTHREAD),
        start_ticks=int(fields[19]),
        is_exiting=bool(flags & _PF_EXITING),
    )


def every_process() -> Iterator[Process]:
    """Everybody else on this machine who is not dead yet. Raises OSError when /proc cannot be read."""
    mine = os.getpid()
    with os.scandir("/proc") as entries:
        pids = [int(entry.name) for entry in entries if entry.name.isdecimal()]
    for pid in pids:
        if pid != mine:
            process = read_process(pid)
            if process is not None and not process.is_dead and not process.is_kernel:
                yield process


leaders: set[int] = set()  # children of ours that lead a run, until they are collected
sessions: set[int] = set()  # that runs of ours have begun, until these end
_table: tuple[float, dict[int, Process]] = (-1.0, {})  # when, and what was seen


def recent_table() -> dict[int, Process]:
    """Everybody else, at most RECENT_S ago: many applications ask about themselves at the same time. Raises OSError."""
    global _table
    if time.monotonic() - _table[0] > RECENT_S:
        _table = time.monotonic(), {process.pid: process for process in every_process()}
    return _table[1]


def read_environment(pid: int) -> bytes | None:
    """Its initial environment, NUL between the entries, as it stands now: a program may have written over it, as PostgreSQL does.

    In the middle of an execve(2) there is none, nor a command line: the kernel has put the new memory in place and not yet said where in it
    they are. Whoever is met there is asked again, or a run's own process would be taken for a stranger's and outlive the run.
    None: gone. Raises OSError, PermissionError above all: it may be read by its own user and by root (ptrace(2), access mode checking).
    """
    give_up, none = time.monotonic() + EXECUTES_S, 0
    while True:
        try:
            found = _read_all(f"/proc/{pid}/environ")
        except (FileNotFoundError, ProcessLookupError):
            return None
        if found:
            return found
        none = none + 1 if _has_begun(pid) else 0  # several times, for an execve(2) may end, or begin, between two readings
        if none >= NONE_AT_ALL or time.monotonic() > give_up:
            return found
        if not none:
            time.sleep(0.0005)


def _has_begun(pid: int) -> bool:
    """Whether it is no longer, or not, about to begin with a program: it has a command line, or will never have one again."""
    if read_command(pid):
        return True
    process = read_process(pid)
    return process is None or process.is_dead or process.is_exiting or process.is_kernel


def read_command(pid: int) -> bytes:
    """Its arguments, each followed by NUL; empty when it is gone. Raises OSError."""
    try:
        return _read_all(f"/proc/{pid}/cmdline")
    except (FileNotFoundError, ProcessLookupError):
        return b""


def real_user(pid: int) -> int | None:
    """Whom it runs as; None: gone."""
    try:
        status = _read(f"/proc/{pid}/status")
    except (FileNotFoundError, ProcessLookupError):
        return None
    return next((int(line.split()[1]) for line in status.splitlines() if line.startswith(b"Uid:")), None)


def children_of(pid: int) -> list[int] | None:
    """Children of its main thread, the dead ones too; None where the kernel does not tell (CONFIG_PROC_CHILDREN).

    Orphans are handed to the main thread of the nearest subreaper. None is left out unless dead ones are collected meanwhile.
    """
    try:
        return [int(child) for child in _read_all(f"/proc/{pid}/task/{pid}/children").split()]
    except (FileNotFoundError, ProcessLookupError):
        return [] if os.path.exists(f"/proc/self/task/{os.getpid()}/children") else None


def children_of_all_threads(pid: int) -> list[int]:
    """Those of every thread: each has a list of its own. None where the kernel does not tell."""
    found: list[int] = []
    with suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with suppress(OSError):
                found += [int(child) for child in _read_all(f"/proc/{pid}/task/{thread}/children").split()]
    return found


@cache
def boot_id() -> str:
    """Of this boot of the machine (random(4)). Raises OSError."""
    return _read("/proc/sys/kernel/random/boot_id").decode().strip()


def ticks_now() -> int:
    """The clock that start_ticks are taken from."""
    return int(time.clock_gettime(time.CLOCK_BOOTTIME) * os.sysconf("SC_CLK_TCK"))


def open_pidfd(process: Process) -> int | None:
    """A descriptor for that very process, never for another that was given its pid since; None: it is gone. Raises OSError."""
    try:
        pidfd = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return None
    try:
        again = read_process(process.pid)
    except OSError:
        os.close(pidfd)
        raise
    if again is None or again.start_ticks != process.start_ticks:
        os.close(pidfd)
        return None
    return pidfd


def send(process: Process, number: signal.Signals) -> bool:
    """Signal that very process; False: it is gone, or not ours to signal."""
    try:
        pidfd = open_pidfd(process)
        if pidfd is None:
            return False
        try:
            signal.pidfd_send_signal(pidfd, number)
        finally:
            os.close(pidfd)
    except OSError:
        return False
    return True


def _read(path: str) -> bytes:
    """A short file of /proc: they come in one piece."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(descriptor, _SMALL_BYTES)
    finally:
        os.close(descriptor)


def _read_all(path: str) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        pieces = [os.read(descriptor, _SMALL_BYTES)]
        while pieces[-1] and len(pieces) < _LONG_BYTES_MAX // _SMALL_BYTES:
            pieces.append(os.read(descriptor, _SMALL_BYTES))
        return b"".join(pieces)
    finally:
        os.close(descriptor)

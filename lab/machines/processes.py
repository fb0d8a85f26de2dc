"""A machine's processes as the lab sees them from outside: found, stopped and continued without the guest's help."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_FREEZE_S = 5.0  # stopping a process takes it to its next return to user mode


@dataclass(frozen=True, slots=True)
class Process:
    """pid: in the lab's process namespace. inner: in the machine's own. state: a letter of proc(5)."""

    pid: int
    inner: int
    parent: int
    state: str
    argv: tuple[str, ...]


def of_machine(init: int) -> list[Process]:
    """Every process in the process namespace of `init`, zombies included, by pid."""
    try:
        namespace = os.readlink(f"/proc/{init}/ns/pid")
    except OSError:
        return []
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError, IndexError, ValueError):
                if os.readlink(f"/proc/{name}/ns/pid") == namespace:
                    found.append(_read(int(name)))
    return sorted(found, key=lambda process: process.pid)


def _read(pid: int) -> Process:
    folder = Path("/proc", str(pid))
    fields = dict(line.split(":\t", 1) for line in (folder / "status").read_text(errors="replace").splitlines() if ":\t" in line)
    argv = tuple((folder / "cmdline").read_text(errors="replace").split("\0")[:-1])
    return Process(pid, int(fields["NSpid"].split()[-1]), int(fields["PPid"]), fields["State"][0], argv)


def freeze(init: int) -> bool:
    """Stop every process until none runs any more; whether that came about in time. The kernel goes on."""
    until = time.monotonic() + _FREEZE_S
    while time.monotonic() < until:
        running = [process for process in of_machine(init) if process.state not in "TtZX"]
        if not running:
            return True
        for process in running:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGSTOP)
        time.sleep(0.002)
    return False


def thaw(init: int) -> None:
    """Let every process go on, the init last: services come to speak before it judges their silence."""
    for process in reversed(of_machine(init)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGCONT)


def unit_of(process: Process, by_pid: Mapping[int, Process], keepers: Mapping[int, str]) -> str | None:
    """The unit whose keeper is among the ancestors. keepers: inner pid of the keeper to the unit's name."""
    current: Process | None = process
    while current is not None:
        if current.inner in keepers:
            return keepers[current.inner]
        current = by_pid.get(current.parent)
    return None

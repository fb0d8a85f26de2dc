"""What every kind of run has in common: the words by which the agent holds an application, however it was started."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from core.node.health import ProbeResult

MARK = "UNDERSTUDY_RUN"  # environment variable that every descendant inherits, unless it takes pains not to
ADOPTED_END = "ended (adopted: no exit status)"
Changed = Callable[[], None]


class CannotTell(Exception):
    """It cannot be known whether a former run still lives; says why. Whoever starts another all the same may run two."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunIdentity:
    """What finds a run again after the agent's own end. pid 0: it has no leader of its own (OCF, LSB, an inactive unit).

    start_ticks: of the leader, since boot (proc(5), stat, field 22). boot_id: random(4). cgroup: the folder, "" for none of its own.
    unit: where systemd holds it, with its invocation: "NAME INVOCATION".
    """

    pid: int
    start_ticks: int
    boot_id: str
    cgroup: str
    mark: str
    unit: str | None = None


class RunState(Protocol):
    """One run of an application, from its start to the end of its last process. Nothing here blocks for longer than a system call."""

    @property
    def alive(self) -> bool:
        """True until every member is gone."""

    @property
    def stopping(self) -> bool: ...

    @property
    def started(self) -> bool:
        """Its own start has come to its end: a program at once, a start action or a unit when it says so."""

    @property
    def ended(self) -> str | None:
        """Why, once gone."""

    @property
    def degraded(self) -> str | None:
        """It came up, but degraded, as it says itself."""

    @property
    def pid(self) -> int | None:
        """Its leader."""

    @property
    def adopted(self) -> bool: ...

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was asked for and cannot be had here: a memory limit without a cgroup, say."""

    def stop(self, grace_s: float) -> None:
        """Ask it to end, and clean what is left after `grace_s` seconds. Returns at once; asked again, it can only come sooner."""

    def clean(self) -> None:
        """Kill the whole group now. Returns at once."""

    def members(self) -> list[int]:
        """The processes that are alive, its leader first where it has one."""

    def cgroup(self) -> str | None:
        """The folder of its own cgroup, below /sys/fs/cgroup; None when it shares the agent's."""

    def identity(self) -> RunIdentity: ...

    async def monitor(self) -> ProbeResult | None:
        """Its own monitor action; None where there is none to ask (a program)."""


def has_mark(environment: bytes, mark: str) -> bool:
    """A mark that ends in `/` is a prefix."""
    wanted = f"{MARK}={mark}".encode() + (b"" if mark.endswith("/") else b"\0")
    return environment.startswith(wanted) or b"\0" + wanted in environment


def words_for_wait(status: int) -> str:
    """Of a return code as Popen gives it: negative for a signal."""
    if status >= 0:
        return f"exited with status {status}"
    try:
        return f"killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"killed by signal {-status}"

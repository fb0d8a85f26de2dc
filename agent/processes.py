"""Adapter: one run of an application as a process tree: started, its end learnt from the kernel, stopped to the last member."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

MARK = "UNDERSTUDY_RUN"  # environment variable that every descendant inherits, unless it takes pains not to
GONE_TIMEOUT_S = 5.0  # a killed process that is not gone by then hangs in the kernel: said, and asked again each second
_LOOK_EVERY_S = 0.01
_PR_SET_CHILD_SUBREAPER = 36


class ProcessTree:
    """A program and all that it started. Its leader has a session of its own.

    Members are those in the leader's session and those that carry the mark in their environment. Whoever leaves both
    escapes us; where that matters the application belongs in a unit of its own.
    """

    def __init__(self, argv: Sequence[str], *, environment: Mapping[str, str], directory: str, mark: str, changed: Callable[[], None]):
        """Start it now. Raises OSError: no such program, no such directory, not permitted."""
        self._mark, self._changed = mark, changed
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._kill_at: asyncio.TimerHandle | None = None
        self.stopping = False
        self.ended: str | None = None  # why, once every member is gone
        self._leader = subprocess.Popen(
            list(argv),
            env={**environment, MARK: mark},
            cwd=directory,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        self.pid = self._leader.pid
        try:
            self._pidfd = os.pidfd_open(self.pid)
            self._loop.add_reader(self._pidfd, self._on_leader_exit)
        except OSError:
            # No descriptors left, say. Whoever hears that it could not start will start it again: this one must not live on beside that.
            self._leader.kill()
            self._leader.wait()
            kill_members(mark, session=self.pid)
            raise

    @property
    def alive(self) -> bool:
        """True until every member is gone."""
        return self.ended is None

    def stop(self, grace_s: float) -> None:
        """Ask the whole group to end, and kill what is left after `grace_s` seconds. Returns at once; may be called again."""
        if self.ended is not None:
            return
        if not self.stopping and grace_s > 0:
            self._signal_group(signal.SIGTERM)
        self.stopping = True
        if self._kill_at is None or self._loop.time() + grace_s < self._kill_at.when():
            if self._kill_at is not None:
                self._kill_at.cancel()
            self._kill_at = self._loop.call_later(grace_s, self._kill) if grace_s > 0 else None
            if grace_s <= 0:
                self._kill()

    def _kill(self) -> None:
        self._signal_group(signal.SIGKILL)

    def _signal_group(self, number: signal.Signals) -> None:
        """Safe from a reused pid: the leader is reaped in one place only, and is never signalled afterwards."""
        if self._leader.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, number)

    def _on_leader_exit(self) -> None:
        """The kernel says that the leader has ended: nothing it started may outlive it."""
        self._loop.remove_reader(self._pidfd)
        os.close(self._pidfd)
        if self._kill_at is not None:
            self._kill_at.cancel()
        self._signal_group(signal.SIGKILL)
        self._leader.wait()
        why = _why(self._leader.returncode)
        if kill_members(self._mark, session=self.pid):
            self.stopping = True
            task = self._loop.create_task(self._await_last(why), name=f"last of {self._mark}")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            self._changed()
        else:
            self._end(why)

    async def _await_last(self, why: str) -> None:
        until_s = self._loop.time() + GONE_TIMEOUT_S
        while kill_members(self._mark, session=self.pid):
            await asyncio.sleep(_LOOK_EVERY_S if self._loop.time() < until_s else 1.0)
        self._end(why)

    def _end(self, why: str) -> None:
        self.ended = why
        self.stopping = False
        self._changed()


def _why(returncode: int) -> str:
    if returncode < 0:
        try:
            return f"killed by {signal.Signals(-returncode).name}"
        except ValueError:
            return f"killed by signal {-returncode}"
    return f"exited with status {returncode}"


def kill_members(mark: str, *, session: int | None = None) -> int:
    """Kill every process of that mark (or session); how many there were. A mark that ends in `/` is a prefix."""
    wanted = f"{MARK}={mark}".encode() + (b"" if mark.endswith("/") else b"\0")
    killed = 0
    for entry in os.scandir("/proc"):
        if not entry.name.isdecimal() or int(entry.name) == os.getpid():
            continue
        if _is_member(Path(entry.path), wanted, session):
            try:
                pidfd = os.pidfd_open(int(entry.name))
            except OSError:
                continue
            try:
                # Looked at again with the descriptor in hand: this process, not another that was given its pid.
                if _is_member(Path(entry.path), wanted, session):
                    signal.pidfd_send_signal(pidfd, signal.SIGKILL)
                    killed += 1
            except OSError:
                continue
            finally:
                os.close(pidfd)
    return killed


def _is_member(process: Path, wanted: bytes, session: int | None) -> bool:
    """Zombies are not: they hold nothing any more."""
    try:
        fields = (process / "stat").read_bytes().rpartition(b")")[2].split()
        if fields[0] in (b"Z", b"X"):
            return False
        if session is not None and int(fields[3]) == session:
            return True
        environment = (process / "environ").read_bytes()
    except OSError:
        return False
    return environment.startswith(wanted) or b"\0" + wanted in environment


def adopt_orphans() -> None:
    """Have the kernel hand us the descendants whose parents die, so that they can be seen and reaped (prctl(2))."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def reap_orphans(known: set[int]) -> None:
    """Collect adopted children that ended; `known` are leaders, collected by their own trees. Bounded."""
    for _ in range(100):
        try:
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return
        if ended is None or ended.si_pid in known:
            return
        with contextlib.suppress(ChildProcessError):
            os.waitpid(ended.si_pid, os.WNOHANG)

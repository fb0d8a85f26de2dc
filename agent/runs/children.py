"""Runs of programs that the agent starts itself, where no systemd does: child processes, or those of a former agent.

A run ends when its last member has ended. The leader's end is learnt from the kernel by its pidfd; what it leaves is killed.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Protocol

from agent import output
from agent.runs import group, launch, proc
from agent.runs.cgroups import Cgroup, cgroup_of, former_cgroup
from agent.runs.group import Group
from agent.runs.proc import Process
from agent.runs.state import ADOPTED_END, CannotTell, Changed, RunIdentity, words_for_wait
from core.application import Application
from core.health import ProbeResult

GONE_TIMEOUT_S = 5.0  # a killed process that is not gone by then hangs in the kernel: looked at less often from then on
LEFT_OVER_TIMEOUT_S = 2.0  # at most so long is waited for what a former run left, before the agent does anything else
_LOOK_S = 0.001  # first pause between two looks; each is twice as long as the one before
_LOOK_S_MAX = 0.02
_HANGING_S = 1.0
ORPHAN_S = 5.0  # dead for so long and not asked for its status: nobody's but ours
_PR_SET_CHILD_SUBREAPER = 36


class Leader(Protocol):
    """The first process of a run."""

    pid: int

    def collect(self) -> str:
        """It has ended: why. Its pid may belong to anybody from now on."""


class Own:
    """Our child."""

    def __init__(self, popen: subprocess.Popen[bytes]) -> None:
        self._popen, self.pid = popen, popen.pid
        _leaders.add(self.pid)

    def collect(self) -> str:
        status = self._popen.wait()
        _leaders.discard(self.pid)
        return words_for_wait(status)


class Adopted:
    """A child of an agent that is no more: whoever collects its status, it is not us."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def collect(self) -> str:
        return ADOPTED_END


class ProcessRun:
    """agent.runs.state.RunState of a process group."""

    degraded: str | None = None
    started = True

    def __init__(self, leader: Leader, pidfd: int, ticks: int, members: Group, changed: Changed, warnings: tuple[str, ...]) -> None:
        """The descriptor is given away."""
        self._leader, self._pidfd, self._ticks, self._group, self._changed = leader, pidfd, ticks, members, changed
        self.warnings = warnings
        self.adopted = isinstance(leader, Adopted)
        self.ended: str | None = None
        self.stopping = False
        self._kill_at: asyncio.TimerHandle | None = None
        self._last: asyncio.Task[None] | None = None
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(pidfd, self._on_leader_end)

    @property
    def alive(self) -> bool:
        return self.ended is None

    @property
    def pid(self) -> int | None:
        return self._leader.pid

    def stop(self, grace_s: float) -> None:
        if self.ended is not None:
            return
        if not self.stopping and grace_s > 0:
            self._signal(signal.SIGTERM)
        self.stopping = True
        if grace_s <= 0:
            self.clean()
        elif self._kill_at is None or self._loop.time() + grace_s < self._kill_at.when():
            self._cancel_kill()
            self._kill_at = self._loop.call_later(grace_s, self.clean)

    def clean(self) -> None:
        """The leader's end, which follows, brings the rest."""
        if self.ended is None:
            self.stopping = True
            self._cancel_kill()
            self._signal(signal.SIGKILL)
            self._group.kill([])

    def members(self) -> list[int]:
        with suppress(OSError):
            return self._group.live() if self.ended is None else []
        return [self._leader.pid] if self._group.leads else []

    def cgroup(self) -> str | None:
        return None if self._group.cgroup is None else str(self._group.cgroup.folder)

    def identity(self) -> RunIdentity:
        return RunIdentity(
            pid=self._leader.pid,
            start_ticks=self._ticks,
            boot_id=proc.boot_id(),
            cgroup=self.cgroup() or "",
            mark=self._group.mark,
        )

    async def monitor(self) -> ProbeResult | None:
        return None

    def _signal(self, number: signal.Signals) -> None:
        """To the leader's process group. Safe from a reused pid: never once the leader is collected."""
        if self._group.leads:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._leader.pid, number)

    def _cancel_kill(self) -> None:
        if self._kill_at is not None:
            self._kill_at.cancel()
            self._kill_at = None

    def _on_leader_end(self) -> None:
        """The kernel says that the leader has ended: nothing it started may outlive it. The next run waits for this, so it is short."""
        self._loop.remove_reader(self._pidfd)
        os.close(self._pidfd)
        self._cancel_kill()
        if not self.adopted:
            self._signal(signal.SIGKILL)  # an adopted leader may have been collected by another already
        self._group.leads = False
        why = self._leader.collect()
        if self._is_last_gone():
            self._end(why)
        else:
            self.stopping = True
            self._last = self._loop.create_task(self._await_last(why), name=f"last of {self._group.mark}")
            self._changed()

    def _is_last_gone(self) -> bool:
        """Kill whoever is left; whether nobody was. What cannot be read is not gone."""
        try:
            left = self._group.left() if self.adopted else self._group.left_of_child()
        except OSError:
            return False
        if left:
            self._group.kill(left)
        return not left

    async def _await_last(self, why: str) -> None:
        pause_s, until_s = _LOOK_S, self._loop.time() + GONE_TIMEOUT_S
        while True:
            await asyncio.sleep(pause_s)
            if self._is_last_gone():
                return self._end(why)
            pause_s = min(_LOOK_S_MAX, 2 * pause_s) if self._loop.time() < until_s else _HANGING_S

    def _end(self, why: str) -> None:
        self.ended = why
        self.stopping = False
        self._changed()


def start(application: Application, *, environment: Mapping[str, str], mark: str, changed: Changed) -> ProcessRun:
    """Start a program now. Raises OSError: no such program, user or directory, not permitted, no descriptors left."""
    cgroup = cgroup_of(mark)
    refused = ["memory.max", "pids.max"]
    if cgroup is not None:
        refused = cgroup.limit(memory_bytes=application.limits.memory_bytes, processes=application.limits.processes)
    with output.opened(application.output) as (file, trouble):
        popen = launch.spawn(application, environment=environment, mark=mark, output=file)
    leader = Own(popen)
    try:
        pidfd = os.pidfd_open(popen.pid)
        process = proc.read_process(popen.pid)
        assert process is not None, "a child that was not waited for is still there"
        members = Group(mark, popen.pid, cgroup)
        warnings = (*launch.unenforced(application, refused), *trouble)
        run = ProcessRun(leader, pidfd, process.start_ticks, members, changed, warnings)
    except OSError:
        # No descriptors left, say. Whoever hears that it could not start will start it again: this one must not live on beside that.
        popen.kill()
        leader.collect()
        _clear(Group(mark, popen.pid, cgroup, leads=False))
        raise
    if cgroup is not None or launch.protected_from_oom():
        # The kernel takes some milliseconds to move a process to another cgroup; nothing waits for that.
        threading.Thread(target=_settle, args=(popen.pid, members), name=f"settle {mark}", daemon=True).start()
    return run


def adopt(application: Application, former: RunIdentity | None, *, mark: str, changed: Changed, since_ticks: int = 0) -> ProcessRun | None:
    """Hold what a former agent started under that mark; None: nothing of it lives, and what it left is gone.

    former: as it was written down once started; None when the former agent died before it could. since_ticks: nothing older can be it.
    Raises CannotTell.
    """
    try:
        if former is not None and former.boot_id != proc.boot_id():
            return None  # another boot of the machine: nothing outlives that
        cgroup = former_cgroup(mark, former.cgroup if former is not None else "")
        leader = _former_leader(application, former, cgroup, mark, since_ticks)
        if leader is not None:
            pidfd = proc.open_pidfd(leader)
            if pidfd is not None:
                return ProcessRun(Adopted(leader.pid), pidfd, leader.start_ticks, Group(mark, leader.pid, cgroup), changed, ())
        session = former.pid if former is not None and group.is_session_of(mark, former.pid) else None
        _clear(Group(mark, session, cgroup, leads=False))
    except OSError as error:
        raise CannotTell(f"whether {mark} still runs: {error}") from error
    return None


def _former_leader(
    application: Application, former: RunIdentity | None, cgroup: Cgroup | None, mark: str, since_ticks: int
) -> Process | None:
    """By pid and start time: within one boot no two processes share both, so the mark, which a program may write over, is not asked for.

    Without them by its mark, or by being the oldest in the cgroup: the leader alone has a session of its own from the first.
    """
    if former is not None:
        process = proc.read_process(former.pid)
        return process if process is not None and process.start_ticks == former.start_ticks and not process.is_dead else None
    who = launch.account(application.user)
    found = group.find(mark, user=os.geteuid() if who is None else who.pw_uid, since_ticks=since_ticks)
    if not found and cgroup is not None:
        inside = (proc.read_process(pid) for pid in cgroup.members())
        found = sorted((process for process in inside if process is not None), key=lambda process: process.start_ticks)
    return found[0] if found and found[0].session == found[0].pid else None


def _clear(left: Group) -> None:
    """Kill what is left of a run and wait until it is gone. Raises CannotTell when it does not go."""
    until_s = time.monotonic() + LEFT_OVER_TIMEOUT_S
    while members := left.left():
        left.kill(members)
        if time.monotonic() > until_s:
            raise CannotTell(f"process {members[0].pid} of {left.mark} was killed and is still there")
        time.sleep(_LOOK_S)


def _settle(leader: int, members: Group) -> None:
    """In a thread: put the leader, and whom it has started before that took effect, where they belong."""
    protected = launch.protected_from_oom()
    seen: set[int] = set()
    waiting = [leader]
    while waiting:
        pid = waiting.pop()
        seen.add(pid)
        with suppress(OSError):  # gone, for the most part
            if members.cgroup is not None:
                members.cgroup.place(pid)
            if protected:
                launch.unprotect(pid)
        if not waiting:
            with suppress(OSError):
                inside = set(members.cgroup.members()) if members.cgroup is not None else set()
                waiting = [pid for pid in members.near(leader) if pid not in seen | inside]


# --- children of ours that nobody waits for ------------------------------------------------------------------------

_leaders: set[int] = set()
_dead_since: dict[tuple[int, int], float] = {}


def adopt_orphans() -> None:
    """Have the kernel hand us the descendants whose parents die, so that they can be seen and collected (prctl(2))."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def reap_orphans(now_s: float) -> None:
    """Collect the orphans that have died; called every second or so. Leaders are collected by their runs, and whoever else starts a
    program waits for it at once: so what has been dead for ORPHAN_S seconds is waited for by nobody."""
    dead = set()
    for pid in proc.children_of(os.getpid()) or ():
        with suppress(OSError):
            process = proc.read_process(pid)
            if process is not None and process.is_dead and pid not in _leaders:
                dead.add((pid, process.start_ticks))
    for key in list(_dead_since):
        if key not in dead:
            del _dead_since[key]
    for key in dead:
        if now_s - _dead_since.setdefault(key, now_s) >= ORPHAN_S:
            with suppress(ChildProcessError):
                os.waitpid(key[0], os.WNOHANG)

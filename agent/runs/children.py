"""Runs of programs that the agent starts itself, where no systemd does: child processes, or those of a former agent.

A run ends when its last member has ended. The leader's end is learnt from the kernel by its pidfd; what it leaves is killed.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Mapping
from contextlib import suppress

from agent import output
from agent.runs import group, launch, orphans, proc
from agent.runs.cgroups import Cgroup, cgroup_for, former_cgroup
from agent.runs.group import Group
from agent.runs.leaders import Adopted, Leader, Own
from agent.runs.proc import Process
from agent.runs.settling import settle
from agent.runs.state import CannotTell, Changed, RunIdentity
from core.application import Application
from core.node.health import ProbeResult

GONE_TIMEOUT_S = 5.0  # a killed process that is not gone by then hangs in the kernel: looked at less often from then on
LEFT_OVER_TIMEOUT_S = 2.0  # at most so long is waited for what a former run left, before the agent does anything else
_LOOK_S = 0.001  # first pause between two looks; each is twice as long as the one before
_LOOK_S_MAX = 0.02
_HANGING_S = 1.0


class ProcessRun:
    """agent.runs.state.RunState of a process group."""

    degraded: str | None = None
    started = True

    def __init__(
        self, application: Application, leader: Leader, pidfd: int, members: Group, changed: Changed, warnings: tuple[str, ...] = ()
    ) -> None:
        """The descriptor is given away."""
        self._leader, self._pidfd, self._group, self._changed = leader, pidfd, members, changed
        self._output, self._warnings = application.output, warnings
        output.watch(application.output)
        self.adopted = isinstance(leader, Adopted)
        self.ended: str | None = None
        self.stopping = False
        self._kill_at: asyncio.TimerHandle | None = None
        self._last: asyncio.Task[None] | None = None
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(pidfd, self._on_leader_end)
        orphans.listen()

    @property
    def alive(self) -> bool:
        return self.ended is None

    @property
    def pid(self) -> int | None:
        return self._leader.pid

    @property
    def warnings(self) -> tuple[str, ...]:
        return (*self._warnings, *output.trouble(self._output))

    def stop(self, grace_s: float) -> None:
        if self.ended is not None:
            return
        if not self.stopping and grace_s > 0:
            self._signal(signal.SIGTERM)
            self._signal(signal.SIGCONT)  # as systemd.kill(5) has it: one that is stopped would hear of it only then
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
            start_ticks=self._leader.start_ticks(),
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
        self._loop.call_soon(self._forget_pidfd)  # after the next run's start, which this brings about

    def _forget_pidfd(self) -> None:
        self._loop.remove_reader(self._pidfd)
        os.close(self._pidfd)

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
        proc.sessions.discard(self._leader.pid)
        self.ended = why
        self.stopping = False
        self._changed()


def start(application: Application, *, environment: Mapping[str, str], mark: str, changed: Changed) -> ProcessRun:
    """Start a program now. Raises OSError: no such program, user or directory, not permitted, no descriptors left.

    An application that is down waits for this: whatever can be done later is.
    """
    cgroup, refused = cgroup_for(mark, application.limits)
    with output.opened(application.output) as (file, said):
        popen = launch.spawn(application, environment=environment, mark=mark, output=file)
    leader, members = Own(popen), Group(mark, popen.pid, cgroup)
    try:
        pidfd = os.pidfd_open(popen.pid)
    except OSError:
        # No descriptors left, say. Whoever hears that it could not start will start it again: this one must not live on beside that.
        popen.kill()
        members.leads = False
        leader.collect()
        _clear(members)
        raise
    run = ProcessRun(application, leader, pidfd, members, changed, (*launch.unenforced(application, refused), *said))
    asyncio.get_running_loop().call_soon(settle, leader, members)
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
                return ProcessRun(application, Adopted(leader), pidfd, Group(mark, leader.pid, cgroup), changed)
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


def clear(mark: str) -> None:
    """Kill what is left of a run after which another was begun; by the mark alone, for its cgroup is that one's now.

    Raises CannotTell when it does not go.
    """
    try:
        _clear(Group(mark, None, None, leads=False))
    except OSError as error:
        raise CannotTell(f"whether anything of {mark} still runs: {error}") from error


def _clear(left: Group) -> None:
    """Kill what is left of a run and wait until it is gone. Raises CannotTell when it does not go."""
    until_s = time.monotonic() + LEFT_OVER_TIMEOUT_S
    while members := left.left():
        left.kill(members)
        if time.monotonic() > until_s:
            raise CannotTell(f"process {members[0].pid} of {left.mark} was killed and is still there")
        time.sleep(_LOOK_S)

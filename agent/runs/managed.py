"""Runs of applications that another starts and stops for us, by actions: a resource agent, an init script, systemd.

The actions are asked first and believed, for an application may be more than processes (an address, a mount). Behind them stands the
group: what an action has left or could not end is killed, and its last process's end is learnt from the kernel.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path

from agent import output
from agent.runs import orphans, proc
from agent.runs.actions import Acted, Action
from agent.runs.cgroups import cgroup_for, former_cgroup
from agent.runs.group import Group
from agent.runs.launch import unenforced
from agent.runs.manager import START, STOP, Manager, Refused
from agent.runs.proc import Process
from agent.runs.settling import settle
from agent.runs.state import MARK, Changed, RunIdentity
from agent.runs.under_way import await_actions
from core.application import Application
from core.health import ProbeResult

ENTER = Path(__file__).with_name("enter.py")
CLEAN_STOP_S = 10.0  # for the stop action after a clean: it has nothing left to wait for
_LOOK_S, _LOOK_S_MAX, _ASKED_S_MAX = 0.01, 1.0, 0.1
_MEMBERS_EVERY_S = 5.0  # without a cgroup, looking for marks reads every process's environment


class ManagedRun:
    """agent.runs.state.RunState."""

    def __init__(
        self, application: Application, manager: Manager, members: Group, changed: Changed, *, adopted: bool, warnings: tuple[str, ...] = ()
    ) -> None:
        """Begins at once: to start, or to find out how what was adopted is."""
        self.application, self._manager, self._group, self._changed = application, manager, members, changed
        self.adopted, self._warnings = adopted, warnings
        output.watch(application.output)
        self.started = self.stopping = False
        self.ended: str | None = None
        self.degraded: str | None = None
        self._leader: Process | None = None
        self._members: tuple[float, list[int]] = (-_MEMBERS_EVERY_S, [])
        self._loop = asyncio.get_running_loop()
        self._clean_at: asyncio.TimerHandle | None = None
        self._cleaning = False
        self._session = 0
        orphans.listen()
        self._doing: asyncio.Task[None] | None = None
        self._do(self._resume if adopted else self._begin)

    # --- what it is ------------------------------------------------------------------------------------------------

    @property
    def alive(self) -> bool:
        return self.ended is None

    @property
    def pid(self) -> int | None:
        """The oldest of its processes; None: it has none, or none that we know of."""
        return self._leader.pid if self._leader is not None and self.ended is None else None

    @property
    def warnings(self) -> tuple[str, ...]:
        return (*self._warnings, *output.trouble(self.application.output))

    def members(self) -> list[int]:
        if self.ended is not None:
            return []
        with suppress(OSError):
            found = self._group.live()
            if not found and self._loop.time() - self._members[0] >= _MEMBERS_EVERY_S:
                self._members = self._loop.time(), [process.pid for process in self._group.left()]
            found = found or self._members[1]
            return sorted({*found, *self._manager.pids()}, key=lambda pid: (pid != self.pid, pid))
        return []

    def cgroup(self) -> str | None:
        return None if self._group.cgroup is None else str(self._group.cgroup.folder)

    def identity(self) -> RunIdentity:
        return RunIdentity(
            pid=self._leader.pid if self._leader is not None else 0,
            start_ticks=self._leader.start_ticks if self._leader is not None else 0,
            boot_id=proc.boot_id(),
            cgroup=self.cgroup() or "",
            mark=self._group.mark,
            unit=self._manager.name(),
        )

    # --- what is asked of it ---------------------------------------------------------------------------------------

    def stop(self, grace_s: float) -> None:
        """Its stop action, and clean if that does not say that it has stopped, or not within `grace_s` seconds."""
        if self.ended is not None:
            return
        if grace_s <= 0:
            return self.clean()
        by_s = self._loop.time() + grace_s
        if self._clean_at is None or by_s < self._clean_at.when():
            if self._clean_at is not None:
                self._clean_at.cancel()
            self._clean_at = self._loop.call_at(by_s, self.clean)
        if not self.stopping:
            self.stopping = True
            self._do(self._stop)

    def clean(self) -> None:
        """Kill what it has of processes; then one more stop action, for what is not a process and for files that name the dead."""
        if self.ended is None and not self._cleaning:
            self.stopping = self._cleaning = True
            self._do(self._clean, "killed")

    async def monitor(self) -> ProbeResult | None:
        """None while it comes up or goes down."""
        if not self._is_up():
            return None
        acted = await self._act(self._manager.monitor_action)
        if not self._is_up():
            return None
        if self._manager.is_stopped(acted):
            self._died(self._manager.judged(acted).reason)
        return self._manager.judged(acted)

    def _is_up(self) -> bool:
        return self.started and not self.stopping and self.ended is None

    # --- how it goes -----------------------------------------------------------------------------------------------

    def _do(self, what: Callable[..., Coroutine[None, None, None]], *arguments: object) -> None:
        """One thing at a time: what was being done ends first, its action killed."""
        before = self._doing

        async def after() -> None:
            if before is not None:
                before.cancel()
                await asyncio.gather(before, return_exceptions=True)
            await what(*arguments)

        self._doing = self._loop.create_task(after(), name=f"run {self._group.mark}")

    async def _begin(self) -> None:
        try:
            await self._manager.prepare()
            with output.opened(self.application.output) as (file, said):
                self._warnings += said
                came = self._manager.came(await self._act(START, file if self._manager.is_ours else None))
            if came.trouble is None:
                await self._look()
        except (Refused, OSError) as error:
            await self._kill_all()
            return self._end(f"cannot start: {error}")
        if came.trouble is not None:
            with suppress(OSError, Refused):
                await self._look()
            words = self._manager.last_words()
            return await self._clean(f"{words}; {came.trouble}" if words else came.trouble)
        self._is_up_now(came.degraded)

    async def _resume(self) -> None:
        """What a former agent had begun goes on to its end first: two starts at once would be two applications."""
        try:
            await await_actions(self._group.mark, self._manager)
            if self._manager.is_ours:
                await self._manager.prepare()
            acted = await self._act(self._manager.monitor_action)
            await self._look()
        except (Refused, OSError) as error:
            await self._kill_all()
            return self._end(f"cannot be adopted: {error}")
        if self._manager.is_stopped(acted):
            return await self._clean(f"found {self._manager.judged(acted).reason or self._manager.last_words()}")
        self._is_up_now(None)

    def _is_up_now(self, degraded: str | None) -> None:
        self.started, self.degraded = True, degraded
        self._watch()
        if self._leader is None and self._manager.is_down():
            return self._died(self._manager.last_words())
        self._changed()

    async def _look(self) -> None:
        """Raises Refused, OSError."""
        await self._manager.look()
        self._group.cgroup = self._manager.cgroup() or self._group.cgroup

    async def _stop(self) -> None:
        if self._manager.asks_processes:
            await self._ask_processes()
        with suppress(OSError):
            for process in self._group.left():
                proc.send(process, signal.SIGCONT)  # one that is stopped would hear its stop action only then
        try:
            trouble = self._manager.stop_trouble(await self._act(STOP))
        except OSError as error:
            trouble = f"{STOP}: {error}"
        if trouble is not None:
            return await self._clean(f"killed; {trouble}")
        self._cleaning = True
        await self._kill_all()
        self._end("stopped")

    async def _ask_processes(self) -> None:
        """Until they have ended; the end of the grace interrupts it."""
        pause_s, asked = _LOOK_S, set[int]()
        while True:
            with suppress(OSError, Refused):
                if not asked:
                    await self._look()
                live = self._group.live()
                if not live:
                    return
                for process in (proc.read_process(pid) for pid in live if pid not in asked):
                    if process is not None:
                        proc.send(process, signal.SIGTERM)
                        proc.send(process, signal.SIGCONT)  # as systemd.kill(5) has it: one that is stopped would hear of it only then
                asked |= set(live)
            await asyncio.sleep(pause_s)
            pause_s = min(_ASKED_S_MAX, 2 * pause_s)

    async def _clean(self, why: str) -> None:
        self.stopping = self._cleaning = True
        with suppress(OSError, Refused):
            await self._look()
        await self._kill_all()
        try:
            async with asyncio.timeout(CLEAN_STOP_S):
                trouble = self._manager.stop_trouble(await self._act(STOP))
        except TimeoutError:
            trouble = f"{STOP}: no end within {CLEAN_STOP_S:g} s"
        except OSError as error:
            trouble = f"{STOP}: {error}"
        if trouble is not None:
            await self._kill_all()
            why = f"{why}; afterwards {trouble}"
        self._end(why)

    async def _act(self, name: str, file: int | None = None) -> Acted:
        """Raises OSError. A start that is late, or interrupted, leaves what it has started to the caller to kill."""
        told = dict(self._manager.environment(name))
        if name in (START, STOP):
            told[MARK] = self._group.mark
        manager = self._manager
        argv = [*self._entered(), *manager.command(name)] if name == START and manager.is_ours else manager.command(name)
        action = Action(argv, environment=told, directory=manager.directory, user=manager.user, output=file)
        if name == START and manager.is_ours:
            proc.sessions.add(action.pid)
            self._session = action.pid
            settle(action, self._group)
        return await action.end(self._manager.timeout_s(name))

    def _entered(self) -> tuple[str, ...]:
        """What stands before an action that leaves a daemon, so that it and all it starts belong to the run."""
        limit = self.application.limits.open_files
        folder = str(self._group.cgroup.folder) if self._group.cgroup is not None else "-"
        return (sys.executable, "-I", "-S", "-B", str(ENTER), folder, f"{limit}:{limit}" if limit is not None else "-")

    async def _kill_all(self) -> None:
        pause_s = _LOOK_S
        while True:
            with suppress(OSError):  # what cannot be looked at is not gone
                left = self._group.left()
                if not left:
                    return
                self._group.kill(left)
            await asyncio.sleep(pause_s)
            pause_s = min(_LOOK_S_MAX, 2 * pause_s)

    def _watch(self) -> None:
        """Learn the end of its main process, or else its oldest, from the kernel."""
        self._leader = None
        with suppress(OSError):  # then the monitor action will say
            main = self._manager.main_pid()
            if main is not None:
                self._leader = proc.read_process(main) if main else None
            else:
                left = [process for process in self._group.left() if process.pid not in proc.leaders]
                self._leader = min(left, key=lambda process: process.start_ticks, default=None)
            if self._leader is None:
                return
            pidfd = proc.open_pidfd(self._leader)
            if pidfd is None:
                self._leader = None
                return self._do(self._after, main or 0)
            self._loop.add_reader(pidfd, self._on_process_end, pidfd, self._leader.pid)

    def _on_process_end(self, pidfd: int, pid: int) -> None:
        self._loop.remove_reader(pidfd)
        os.close(pidfd)
        if self.ended is None and not self.stopping:
            self._do(self._after, pid)

    async def _after(self, pid: int) -> None:
        """Its main process has ended: so has it, unless whoever holds it starts another by itself, or it has more processes than that."""
        pause_s = _LOOK_S
        while True:
            try:
                await self._look()
            except (OSError, Refused) as error:
                return await self._clean(f"its main process has ended; {error}")
            if self._manager.is_down() or (self._manager.is_up() and self._manager.main_pid() != pid):
                break
            await asyncio.sleep(pause_s)
            pause_s = min(_LOOK_S_MAX, 2 * pause_s)
        if not self._manager.is_down():
            self._watch()
        if self._leader is None or self._leader.pid == pid:
            return await self._clean(self._manager.last_words() or "its last process has ended")
        if self._manager.is_ours:
            # Others of it live: whether it does without the one that has ended, its own agent or script knows.
            with suppress(OSError):
                acted = await self._act(self._manager.monitor_action)
                if self._manager.is_stopped(acted):
                    return await self._clean(self._manager.judged(acted).reason)
        self._changed()

    def _died(self, why: str) -> None:
        if self.ended is None and not self.stopping:
            self.stopping = self._cleaning = True
            self._do(self._clean, why)
            self._changed()

    def _end(self, why: str) -> None:
        if self._clean_at is not None:
            self._clean_at.cancel()
        proc.sessions.discard(self._session)
        self.ended, self.stopping = why, False
        self._changed()


def start(application: Application, manager: Manager, *, mark: str, changed: Changed) -> ManagedRun:
    cgroup, refused = cgroup_for(mark, application.limits) if manager.is_ours else (None, ())
    warnings = unenforced(application, refused)
    return ManagedRun(application, manager, Group(mark, None, cgroup), changed, adopted=False, warnings=warnings)


def adopt(application: Application, former: RunIdentity | None, manager: Manager, *, mark: str, changed: Changed) -> ManagedRun | None:
    """None: it was before this boot. Otherwise a run that does not know yet how it is: its manager is asked."""
    if former is not None and former.boot_id != proc.boot_id():
        return None
    cgroup = former_cgroup(mark, former.cgroup if former is not None else "") if manager.is_ours else None
    return ManagedRun(application, manager, Group(mark, None, cgroup), changed, adopted=True)

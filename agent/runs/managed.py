"""Runs of applications that another starts and stops for us, by actions: a resource agent, an init script, systemd.

The actions are asked first and believed, for an application may be more than processes (an address, a mount). Behind them stands the
group: what an action has left or could not end is killed, and its last process's end is learnt from the kernel.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress

from agent import output
from agent.runs import orphans, proc
from agent.runs.cgroups import cgroup_for, former_cgroup
from agent.runs.ending import ask_all, kill_all, wake_all
from agent.runs.group import Group
from agent.runs.launch import unenforced
from agent.runs.main_process import MainProcess
from agent.runs.manager import START, Manager, Refused
from agent.runs.run_actions import RunActions
from agent.runs.state import Changed, RunIdentity
from agent.runs.under_way import await_actions
from core.application import Application
from core.node.health import ProbeResult

CLEAN_STOP_S = 10.0  # for the stop action after a clean: it has nothing left to wait for


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
        self._actions = RunActions(application, manager, members)
        self._main = MainProcess(manager, members, self._on_main_end)
        self._loop = asyncio.get_running_loop()
        self._clean_at: asyncio.TimerHandle | None = None
        self._cleaning = False
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
        return self._main.pid if self.ended is None else None

    @property
    def warnings(self) -> tuple[str, ...]:
        return (*self._warnings, *output.trouble(self.application.output))

    def members(self) -> list[int]:
        if self.ended is not None:
            return []
        with suppress(OSError):
            found = self._group.live() or self._group.marked(self._loop.time())
            return sorted({*found, *self._manager.pids()}, key=lambda pid: (pid != self.pid, pid))
        return []

    def cgroup(self) -> str | None:
        return None if self._group.cgroup is None else str(self._group.cgroup.folder)

    def identity(self) -> RunIdentity:
        main = self._main.process
        return RunIdentity(
            pid=main.pid if main is not None else 0,
            start_ticks=main.start_ticks if main is not None else 0,
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
        acted = await self._actions.act(self._manager.monitor_action)
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
                came = self._manager.came(await self._actions.act(START, file if self._manager.is_ours else None))
            if came.trouble is None:
                await self._look()
        except (Refused, OSError) as error:
            await kill_all(self._group)
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
            acted = await self._actions.act(self._manager.monitor_action)
            await self._look()
        except (Refused, OSError) as error:
            await kill_all(self._group)
            return self._end(f"cannot be adopted: {error}")
        if self._manager.is_stopped(acted):
            return await self._clean(f"found {self._manager.judged(acted).reason or self._manager.last_words()}")
        self._is_up_now(None)

    def _is_up_now(self, degraded: str | None) -> None:
        self.started, self.degraded = True, degraded
        self._main.find()
        if self._main.process is None and self._manager.is_down():
            return self._died(self._manager.last_words())
        self._changed()

    async def _look(self) -> None:
        """Raises Refused, OSError."""
        await self._manager.look()
        self._group.cgroup = self._manager.cgroup() or self._group.cgroup

    async def _stop(self) -> None:
        if self._manager.asks_processes:
            await ask_all(self._group, self._look)
        wake_all(self._group)
        trouble = await self._actions.stop()
        if trouble is not None:
            return await self._clean(f"killed; {trouble}")
        self._cleaning = True
        await kill_all(self._group)
        self._end("stopped")

    async def _clean(self, why: str) -> None:
        self.stopping = self._cleaning = True
        with suppress(OSError, Refused):
            await self._look()
        await kill_all(self._group)
        trouble = await self._actions.stop(CLEAN_STOP_S)
        if trouble is not None:
            await kill_all(self._group)
            why = f"{why}; afterwards {trouble}"
        self._end(why)

    def _on_main_end(self, pid: int) -> None:
        if self.ended is None and not self.stopping:
            self._do(self._after, pid)

    async def _after(self, pid: int) -> None:
        """Its main process has ended: so has it, unless whoever holds it starts another by itself, or it has more processes than that."""
        try:
            followed = await self._main.is_followed(pid, self._look)
        except (OSError, Refused) as error:
            return await self._clean(f"its main process has ended; {error}")
        if not followed:
            return await self._clean(self._manager.last_words() or "its last process has ended")
        if self._manager.is_ours:
            # Others of it live: whether it does without the one that has ended, its own agent or script knows.
            with suppress(OSError):
                acted = await self._actions.act(self._manager.monitor_action)
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
        self._actions.forget()
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

"""The actions of one run: whom they run as and with what; a start action in front of everything, so that what it leaves is the run's."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from agent.runs import proc
from agent.runs.actions import Acted, Action
from agent.runs.group import Group
from agent.runs.manager import START, STOP, Manager
from agent.runs.settling import settle
from agent.runs.state import MARK
from core.application import Application

ENTER = Path(__file__).with_name("enter.py")


class RunActions:
    """Each ends before the next begins: whoever asks sees to that."""

    def __init__(self, application: Application, manager: Manager, group: Group) -> None:
        self._limits, self._manager, self._group = application.limits, manager, group
        self._session = 0  # of the start action, which what it has left may still be in

    async def act(self, name: str, file: int | None = None) -> Acted:
        """Raises OSError. A start that is late, or interrupted, leaves what it has started to the caller to kill.

        file: where it writes; None: what it says is in the answer.
        """
        manager = self._manager
        told = dict(manager.environment(name))
        if name in (START, STOP):
            told[MARK] = self._group.mark
        leaves_a_daemon = name == START and manager.is_ours
        argv = self._entered(manager.command(name)) if leaves_a_daemon else manager.command(name)
        action = Action(argv, environment=told, directory=manager.directory, user=manager.user, output=file)
        if leaves_a_daemon:
            proc.sessions.add(action.pid)
            self._session = action.pid
            settle(action, self._group)
        return await action.end(manager.timeout_s(name))

    async def stop(self, limit_s: float | None = None) -> str | None:
        """Why its stop action does not mean that it has stopped; None: it has. limit_s: beside the action's own."""
        try:
            async with asyncio.timeout(limit_s):
                return self._manager.stop_trouble(await self.act(STOP))
        except TimeoutError:
            return f"{STOP}: no end" + (f" within {limit_s:g} s" if limit_s is not None else "")
        except OSError as error:
            return f"{STOP}: {error}"

    def forget(self) -> None:
        """Nothing of the run is left: the number of its session may be given to others."""
        proc.sessions.discard(self._session)

    def _entered(self, command: Sequence[str]) -> tuple[str, ...]:
        """What leaves a daemon, and all it starts, belongs to the run."""
        limit = self._limits.open_files
        folder = str(self._group.cgroup.folder) if self._group.cgroup is not None else "-"
        return (sys.executable, "-I", "-S", "-B", str(ENTER), folder, f"{limit}:{limit}" if limit is not None else "-", *command)

"""The process that stands for a run which others have started: its main one, or else its oldest; its end is learnt from the kernel."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from contextlib import suppress

from agent.runs import proc
from agent.runs.group import Group
from agent.runs.manager import Manager
from agent.runs.proc import Process

_LOOK_S, _LOOK_S_MAX = 0.01, 1.0  # between two looks: at first, and at most


class MainProcess:
    """process: None while it has none, or none that we know of."""

    def __init__(self, manager: Manager, group: Group, ended: Callable[[int], None]) -> None:
        """ended: called with its pid, 0 if it was not even seen."""
        self._manager, self._group, self._ended = manager, group, ended
        self._loop = asyncio.get_running_loop()
        self.process: Process | None = None

    @property
    def pid(self) -> int | None:
        return self.process.pid if self.process is not None else None

    def find(self) -> None:
        """As it is now, by what the manager saw last; where it cannot be found the monitor action will say."""
        self.process = None
        with suppress(OSError):
            main = self._manager.main_pid()
            self.process = self._oldest() if main is None else proc.read_process(main) if main else None
            if self.process is None:
                return
            pidfd = proc.open_pidfd(self.process)
            if pidfd is None:
                self.process = None
                return self._ended(main or 0)
            self._loop.add_reader(pidfd, self._on_end, pidfd, self.process.pid)

    async def is_followed(self, pid: int, look: Callable[[], Awaitable[None]]) -> bool:
        """Once this one has ended: whether another stands for the run now; waits while that is on its way. Raises what `look` does."""
        pause_s = _LOOK_S
        while True:
            await look()
            if self._manager.is_down():
                return False
            if self._manager.is_up() and self._manager.main_pid() != pid:
                self.find()
                return self.pid not in (None, pid)
            await asyncio.sleep(pause_s)
            pause_s = min(_LOOK_S_MAX, 2 * pause_s)

    def _oldest(self) -> Process | None:
        """Of those whose parent is none of them: a child begins in the same tick of the clock as its parent, and may have a lower pid.

        Raises OSError.
        """
        left = [process for process in self._group.left() if process.pid not in proc.leaders]
        pids = {process.pid for process in left}
        first = [process for process in left if process.parent not in pids] or left
        return min(first, key=lambda process: process.start_ticks, default=None)

    def _on_end(self, pidfd: int, pid: int) -> None:
        self._loop.remove_reader(pidfd)
        os.close(pidfd)
        self._ended(pid)

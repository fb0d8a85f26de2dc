"""Actions that a former agent had begun and that go on without it."""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress

from agent.runs import proc
from agent.runs.manager import START, STOP, Manager
from agent.runs.proc import Process
from agent.runs.state import has_mark

_LOOK_S = 0.1


async def await_actions(mark: str, manager: Manager) -> None:
    """Wait until its start and stop actions have ended; those that take longer than they may are killed. Raises OSError."""
    loop = asyncio.get_running_loop()
    until_s = loop.time() + max(manager.timeout_s(START), manager.timeout_s(STOP))
    while under_way := _under_way(mark, manager):
        if loop.time() >= until_s:
            for process in under_way:
                proc.send(process, signal.SIGKILL)
        await asyncio.sleep(_LOOK_S)


def _under_way(mark: str, manager: Manager) -> list[Process]:
    """Leaders of sessions that carry the mark and whose command line ends in one of these actions: an interpreter may stand before."""
    endings = tuple("".join(f"{word}\0" for word in manager.command(action)).encode() for action in (START, STOP))
    found = []
    for process in proc.every_process():
        if process.pid == process.session:
            with suppress(OSError):
                environment = proc.read_environment(process.pid)
                if environment is not None and has_mark(environment, mark) and proc.read_command(process.pid).endswith(endings):
                    found.append(process)
    return found

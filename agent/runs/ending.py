"""Having the processes of a run end: woken, asked or killed, until none of them is left."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from contextlib import suppress

from agent.runs import proc
from agent.runs.group import Group
from agent.runs.manager import Refused

_LOOK_S, _ASKED_S_MAX, _KILLED_S_MAX = 0.01, 0.1, 1.0  # between two looks: at first, and at most; each is twice the one before


async def ask_all(group: Group, look: Callable[[], Awaitable[None]]) -> None:
    """Until they have ended; the end of the grace interrupts it. look: learns the cgroup, and may raise OSError and Refused."""
    pause_s, asked = _LOOK_S, set[int]()
    while True:
        with suppress(OSError, Refused):
            if not asked:
                await look()
            live = group.live()
            if not live:
                return
            for process in (proc.read_process(pid) for pid in live if pid not in asked):
                if process is not None:
                    proc.send(process, signal.SIGTERM)
                    proc.send(process, signal.SIGCONT)  # as systemd.kill(5) has it: one that is stopped would hear of it only then
            asked |= set(live)
        await asyncio.sleep(pause_s)
        pause_s = min(_ASKED_S_MAX, 2 * pause_s)


def wake_all(group: Group) -> None:
    """Those that are stopped would hear only then what their stop action asks of them."""
    with suppress(OSError):
        for process in group.left():
            proc.send(process, signal.SIGCONT)


async def kill_all(group: Group) -> None:
    pause_s = _LOOK_S
    while True:
        with suppress(OSError):  # what cannot be looked at is not gone
            left = group.left()
            if not left:
                return
            group.kill(left)
        await asyncio.sleep(pause_s)
        pause_s = min(_KILLED_S_MAX, 2 * pause_s)

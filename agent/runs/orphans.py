"""Children of ours that nobody else waits for: descendants of applications whose own parents have died.

A dead one must be collected soon, for until then it exists: whoever waits for its pid to vanish, as stop scripts do, waits for us.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
from contextlib import suppress
from weakref import WeakSet

from agent.runs import cgroups, proc
from agent.runs.proc import Process

ORPHAN_S = 1.0  # dead for so long and not asked for its status: nobody's but ours
_SOON_S = 0.005  # many die at once, and an application that waits to be started comes first
_PR_SET_CHILD_SUBREAPER = 36

_dead_since: dict[tuple[int, int], float] = {}
_listening: WeakSet[asyncio.AbstractEventLoop] = WeakSet()
_timers: dict[float, asyncio.TimerHandle] = {}


def adopt_orphans() -> None:
    """Have the kernel hand us the descendants whose parents die, so that they can be seen and collected (prctl(2))."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def listen() -> None:
    """Collect orphans as they die, from now on, on the loop that runs."""
    loop = asyncio.get_running_loop()
    if loop not in _listening:
        _listening.add(loop)
        _timers.clear()
        with suppress(RuntimeError, ValueError):  # not in the main thread: then once a second or so
            loop.add_signal_handler(signal.SIGCHLD, _on_death, loop)


def _on_death(loop: asyncio.AbstractEventLoop) -> None:
    """At once those that are known for orphans, and after a while those that turn out to be."""
    for delay_s in (_SOON_S, ORPHAN_S + _SOON_S):
        if delay_s not in _timers:
            _timers[delay_s] = loop.call_later(delay_s, _collect, loop, delay_s)


def _collect(loop: asyncio.AbstractEventLoop, delay_s: float) -> None:
    del _timers[delay_s]
    reap_orphans(loop.time())
    if _dead_since:
        _on_death(loop)


def reap_orphans(now_s: float) -> None:
    """Collect the orphans that have died. Leaders are collected by their runs, and whoever else starts a program waits
    for it at once: so what is in an application's cgroup or session, or has been dead for ORPHAN_S seconds, is waited for by nobody."""
    dead: dict[tuple[int, int], Process] = {}
    for pid in set(proc.children_of(os.getpid()) or ()) - proc.leaders:
        with suppress(OSError):
            process = proc.read_process(pid)
            if process is not None and process.is_dead:
                dead[pid, process.start_ticks] = process
    for key in list(_dead_since):
        if key not in dead:
            del _dead_since[key]
    for key, process in dead.items():
        if now_s - _dead_since.setdefault(key, now_s) >= ORPHAN_S or process.session in proc.sessions or cgroups.is_in_ours(process.pid):
            with suppress(ChildProcessError):
                os.waitpid(process.pid, os.WNOHANG)
            _dead_since.pop(key, None)

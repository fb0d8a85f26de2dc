"""Children of ours that nobody waits for: descendants of applications whose own parents have died."""

from __future__ import annotations

import ctypes
import os
from contextlib import suppress

from agent.runs import proc

ORPHAN_S = 5.0  # dead for so long and not asked for its status: nobody's but ours
_PR_SET_CHILD_SUBREAPER = 36

_dead_since: dict[tuple[int, int], float] = {}


def adopt_orphans() -> None:
    """Have the kernel hand us the descendants whose parents die, so that they can be seen and collected (prctl(2))."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def reap_orphans(now_s: float) -> None:
    """Collect the orphans that have died; called every second or so. Leaders are collected by their runs, and whoever else starts a
    program waits for it at once: so what has been dead for ORPHAN_S seconds is waited for by nobody."""
    dead = set()
    for pid in set(proc.children_of(os.getpid()) or ()) - proc.leaders:
        with suppress(OSError):
            process = proc.read_process(pid)
            if process is not None and process.is_dead:
                dead.add((pid, process.start_ticks))
    for key in list(_dead_since):
        if key not in dead:
            del _dead_since[key]
    for key in dead:
        if now_s - _dead_since.setdefault(key, now_s) >= ORPHAN_S:
            with suppress(ChildProcessError):
                os.waitpid(key[0], os.WNOHANG)

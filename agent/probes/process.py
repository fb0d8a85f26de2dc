"""The process probe: a process of the application's that has this name."""

from __future__ import annotations

import os

from agent.probes.context import ProbeContext, Wrong
from core.application import Probe

COMM_CHARS = 15  # the kernel keeps no more of a name (proc(5), /proc/pid/comm)
MEMBERS_MAX = 1000  # looked at; of a larger group one is among them, or it is not found


async def ask_process(probe: Probe, context: ProbeContext) -> None:
    """Raises Wrong: none of that name, or every one is stopped. A zombie is no process any more; a traced one (state t) lives."""
    assert probe.process is not None, "the model sees to it"
    stopped = 0
    for pid in list(context.members())[:MEMBERS_MAX]:
        state, comm = _state_and_comm(pid)
        if state in "ZX" or not _is_named(pid, comm, probe.process):
            continue
        if state != "T":
            return
        stopped += 1
    raise Wrong(f"is stopped ({stopped} of that name)" if stopped else "is not there")


def _state_and_comm(pid: int) -> tuple[str, str]:
    """X for one that is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            head, _, tail = file.read().rpartition(b")")
    except OSError:
        return "X", ""
    return tail.split()[0].decode(), head.partition(b"(")[2].decode("utf-8", "replace")


def _is_named(pid: int, comm: str, name: str) -> bool:
    if comm == name[:COMM_CHARS]:
        return True
    try:
        program = os.path.basename(os.readlink(f"/proc/{pid}/exe"))
    except OSError:
        return False
    return program.removesuffix(" (deleted)") == name

"""Putting a program that has just begun where it belongs: into its cgroup, and out of the agent's protection."""

from __future__ import annotations

import errno
import threading
from typing import Protocol

from agent.runs import cgroups, launch, proc
from agent.runs.group import Group

LOOKS_MAX = 50  # at who is there, of a program that starts others all the time; then it is found by its marks


class Settling(Protocol):
    pid: int

    def start_ticks(self) -> int: ...


def settle(leader: Settling, members: Group) -> None:
    """In a thread, for the kernel takes some milliseconds to move a process to another cgroup. The program runs all the while."""
    leader.start_ticks()
    protected = launch.protected_from_oom()
    if members.leads and (members.cgroup is not None or protected):
        threading.Thread(target=_settle, args=(leader.pid, members, protected), name=f"settle {members.mark}", daemon=True).start()


def _settle(leader: int, members: Group, protected: bool) -> None:
    """The leader, and whom it has started before that took effect: they may have started others meanwhile."""
    done, gone = set[int](), set[int]()
    waiting = [leader]
    try:
        for _ in range(LOOKS_MAX):
            for pid in waiting:
                done.add(pid)
                _put(pid, members, protected)
            inside = set(members.cgroup.members()) if members.cgroup is not None else set()
            near = members.near(leader)
            waiting = [pid for pid in near if pid not in done | inside]
            dead = {pid for pid in near if not _lives(pid)}
            if not waiting and dead <= gone:
                members.enclosed = members.cgroup is not None
                return
            # The children of whoever died during this look may have become ours after ours were listed, and so be in neither list.
            gone |= dead
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENODEV):
            cgroups.forget(members.mark)


def _lives(pid: int) -> bool:
    process = proc.read_process(pid)
    return process is not None and not process.is_dead


def _put(pid: int, members: Group, protected: bool) -> None:
    """Raises OSError."""
    try:
        if protected:
            launch.unprotect(pid)
        if members.cgroup is not None:
            members.cgroup.place(pid)
    except ProcessLookupError:
        return  # it has ended

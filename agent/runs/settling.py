"""Putting a program that has just begun where it belongs: into its cgroup, and out of the agent's protection."""

from __future__ import annotations

import errno
import threading
from typing import Protocol

from agent.runs import cgroups, launch
from agent.runs.group import Group


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
    done: set[int] = set()
    waiting = [leader]
    try:
        while waiting:
            for pid in waiting:
                done.add(pid)
                _put(pid, members, protected)
            inside = set(members.cgroup.members()) if members.cgroup is not None else set()
            waiting = [pid for pid in members.near(leader) if pid not in done | inside]
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENODEV):
            cgroups.forget(members.mark)
        return  # found by its marks, then
    members.enclosed = members.cgroup is not None


def _put(pid: int, members: Group, protected: bool) -> None:
    """Raises OSError."""
    try:
        if protected:
            launch.unprotect(pid)
        if members.cgroup is not None:
            members.cgroup.place(pid)
    except ProcessLookupError:
        return  # it has ended

"""Who belongs to a run. Four ways to know, for each alone can be escaped: its cgroup, its session, its mark, and being our orphan."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable
from contextlib import suppress

from agent.runs import proc
from agent.runs.cgroups import Cgroup
from agent.runs.proc import Process
from agent.runs.state import CannotTell, has_mark

MARKED_EVERY_S = 5.0  # looking for marks reads every process's environment


class Group:
    """The members of one run. session: the pid of its leader, None when not known.

    A program may leave its session and write over its environment (each process of PostgreSQL does both), so that only a cgroup
    holds it for certain. Where there is none, an orphan of ours without session and mark escapes: it could be anybody's.
    """

    def __init__(self, mark: str, session: int | None, cgroup: Cgroup | None, *, leads: bool = True) -> None:
        """leads: the leader is there, if only waiting to be collected, so that the session's number is nobody else's."""
        self.mark, self.cgroup = mark, cgroup
        self._session, self.leads = session, leads
        # Whoever is being killed has no environment any more, and for a moment yet its files and ports (exit(2) in that order).
        self._killed: set[tuple[int, int]] = set()
        self._marked: tuple[float, list[int]] = (-MARKED_EVERY_S, [])
        self.enclosed = False  # everybody is known to be in the cgroup, so that nobody has to be looked for elsewhere

    def live(self) -> list[int]:
        """The members of a run that lives, as cheaply as can be: this is asked every second or so. Raises OSError."""
        if self.cgroup is not None and (inside := self.cgroup.members()):
            return sorted(inside, key=lambda pid: pid != self._session)
        if self._session is None:
            return []
        table = proc.recent_table()
        found = {self._session}
        while more := {pid for pid, process in table.items() if process.parent in found or process.session == self._session} - found:
            found |= more
        return sorted(found if self.leads else found - {self._session}, key=lambda pid: pid != self._session)

    def marked(self, now_s: float) -> list[int]:
        """The members of a run that has neither cgroup nor session, as of a moment ago. Raises OSError."""
        if now_s - self._marked[0] >= MARKED_EVERY_S:
            self._marked = now_s, [process.pid for process in self.left()]
        return self._marked[1]

    def left(self) -> list[Process]:
        """All that live, found by a look at the whole machine. Raises OSError when it cannot be looked at."""
        inside = set(self.cgroup.members()) if self.cgroup is not None else set()
        return self._noted([process for process in proc.every_process() if process.pid in inside or self._is_ours(process)])

    def left_of_child(self) -> list[Process]:
        """The same, of a leader that was our child: without a look at the whole machine. Raises OSError.

        As a subreaper (prctl(2)) we are handed every descendant whose parent died: so each line of descent that
        lives begins with a child of ours, or is in the cgroup.
        """
        inside = self.cgroup.members() if self.cgroup is not None and not self.cgroup.is_empty() else []
        children = [] if self.enclosed else proc.children_of(os.getpid())
        if children is None:
            return self.left()
        near = _living({*children, *inside} - proc.leaders)
        return self._noted([process for process in near if process.pid in inside or self._is_ours(process)])

    def near(self, leader: int) -> list[int]:
        """The descendants of a leader that has just begun, and the orphans of ours that are its. Raises OSError."""
        orphans = _living(set(proc.children_of(os.getpid()) or ()) - proc.leaders)
        found, waiting = set[int](), [leader, *(process.pid for process in orphans if self._is_ours(process))]
        while waiting:
            found.add(pid := waiting.pop())
            waiting += [child for child in proc.children_of_all_threads(pid) if child not in found]
        return sorted(found)

    def kill(self, members: list[Process]) -> None:
        """At once where the kernel can, and one by one for those elsewhere."""
        if self.cgroup is not None:
            with suppress(OSError):
                self.cgroup.kill()
        for process in members:
            self._killed.add((process.pid, process.start_ticks))
            proc.send(process, signal.SIGKILL)

    def _noted(self, found: list[Process]) -> list[Process]:
        """A session without members is over: its number may be given to others from now on."""
        if not self.leads and not any(process.session == self._session for process in found):
            self._session = None
        return found

    def _is_ours(self, process: Process) -> bool:
        if self._session is not None and process.session == self._session:
            return True
        if (process.pid, process.start_ticks) in self._killed:
            return True
        try:
            environment = proc.read_environment(process.pid)
        except OSError:
            return False  # of another user, for the most part: `find` is where that matters
        return environment is not None and has_mark(environment, self.mark)


def _living(pids: Iterable[int]) -> list[Process]:
    return [process for pid in pids if (process := proc.read_process(pid)) is not None and not process.is_dead]


def find(mark: str, *, user: int, since_ticks: int) -> list[Process]:
    """Everybody who carries that mark, the oldest first. A mark that ends in `/` is a prefix.

    Raises CannotTell when a process that may be one cannot be asked: of that user, and not older than since_ticks; the first process of
    all is none. OSError likewise.
    """
    found = []
    for process in proc.every_process():
        try:
            environment = proc.read_environment(process.pid)
        except PermissionError as error:
            if process.pid != 1 and process.start_ticks >= since_ticks and proc.real_user(process.pid) == user:
                raise CannotTell(f"process {process.pid} may be one of {mark}: its environment cannot be read") from error
            continue
        if environment is not None and has_mark(environment, mark):
            found.append(process)
    return sorted(found, key=lambda process: process.start_ticks)


def is_session_of(mark: str, pid: int) -> bool:
    """Whether the session of that number, whose leader is gone, is the one that this mark's leader had: the number may have been given
    to others since. A member says so by its mark, or by having written over its environment."""
    for process in proc.every_process():
        if process.session == pid:
            environment = proc.read_environment(process.pid)
            return process.pid != pid and environment is not None and (has_mark(environment, mark) or b"=" not in environment)
    return False

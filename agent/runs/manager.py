"""What differs between those who start and stop an application for us: resource agents, init scripts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from agent.runs.actions import Acted
from agent.runs.cgroups import Cgroup
from core.node.health import ProbeResult

START, STOP = "start", "stop"


class Refused(Exception):
    """It cannot be started as it is set up: no such agent, a parameter that it does not know. Says which."""


@dataclass(frozen=True, slots=True)
class Came:
    """How a start ended. trouble: it failed, why; degraded: it is up, but not well, in its own words."""

    trouble: str | None = None
    degraded: str | None = None


class Manager(Protocol):
    """is_ours: what its start action starts belongs to the agent, which gives it a cgroup and knows it by its mark.

    asks_processes: they are asked to end by signals of the agent's, and its stop action tidies up after them.
    """

    is_ours: bool
    asks_processes: bool
    user: str | None  # whom its actions run as
    directory: str
    monitor_action: str

    async def prepare(self) -> None:
        """Whatever must be known or checked before anything else. Raises Refused, OSError."""

    def command(self, action: str) -> Sequence[str]: ...

    def environment(self, action: str) -> Mapping[str, str]: ...

    def timeout_s(self, action: str) -> float: ...

    def came(self, acted: Acted) -> Came:
        """What the end of its start means."""

    def stop_trouble(self, acted: Acted) -> str | None:
        """Why the end of its stop does not mean that it has stopped; None: it has."""

    def judged(self, acted: Acted) -> ProbeResult: ...

    def is_stopped(self, acted: Acted) -> bool:
        """Whether a monitor action says for certain that it does not run."""

    def pids(self) -> list[int]:
        """Its processes as far as it says itself (a pidfile)."""

    async def look(self) -> None:
        """Learn what the answers below tell. Raises Refused, OSError."""

    def main_pid(self) -> int | None:
        """0: it has none now; None: it has no such thing, its oldest process counts."""

    def cgroup(self) -> Cgroup | None:
        """One that it has, and that is not ours."""

    def is_up(self) -> bool: ...

    def is_down(self) -> bool:
        """By `look`, and for certain; neither up nor down: it is on its way."""

    def last_words(self) -> str:
        """Why it ended, if it says."""

    def name(self) -> str | None:
        """By which systemd knows this run of it."""


class Scripted:
    """The answers of those who have only actions to tell by: whatever else there is to know is seen from its processes."""

    is_ours = True
    asks_processes = False

    async def look(self) -> None:
        return None

    def main_pid(self) -> int | None:
        return None

    def cgroup(self) -> Cgroup | None:
        return None

    def is_up(self) -> bool:
        return True

    def is_down(self) -> bool:
        return False

    def last_words(self) -> str:
        return ""

    def name(self) -> str | None:
        return None

"""What differs between those who start and stop an application for us: resource agents, init scripts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from agent.runs.actions import Acted
from core.health import ProbeResult

START, STOP = "start", "stop"


class Refused(Exception):
    """It cannot be started as it is set up: no such agent, a parameter that it does not know. Says which."""


@dataclass(frozen=True, slots=True)
class Came:
    """How a start ended. trouble: it failed, why; degraded: it is up, but not well, in its own words."""

    trouble: str | None = None
    degraded: str | None = None


class Manager(Protocol):
    program: str  # its path, by which an action that is under way is recognized
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

"""What a service of the stand-in for systemd does to the world, so that its rules can be tried without processes."""

from __future__ import annotations

from typing import Protocol

from lab.machines.unit import Command, Unit


class SpawnFailed(Exception):
    """The program could not be started; the text says why."""


class Hands(Protocol):
    """What a service does to the world."""

    def prepare(self, unit: Unit) -> None:
        """Make what the unit wants to find before its first command. Raises SpawnFailed."""

    def spawn(self, unit: Unit, command: Command) -> int:
        """Start a command among the unit's processes; its process id. Raises SpawnFailed."""

    def kill(self, pid: int, number: int) -> None: ...

    def members(self, unit: Unit) -> list[int]:
        """Every living process of the unit."""

    def tidy(self, unit: Unit, *, comes_back: bool) -> None:
        """The unit is down; comes_back: it will be started again by itself."""

    def say(self, text: str) -> None: ...

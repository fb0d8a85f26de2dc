"""Keeps an assembly's folder of state: there before its applications start, and safe when they have stopped."""

from __future__ import annotations

from typing import Any, Protocol

from agent.keeping.keeper import Keeper
from core.node.decision import Kept, Memory

__all__ = ["Keeper", "StateKeeper"]


class StateKeeper(Protocol):
    """One task of the agent, whatever the state is kept on. `look` is called after each cycle and returns at once."""

    def look(self, memory: Memory, *, runs: bool) -> None: ...

    def seen(self) -> Kept:
        """What the cycle decides on."""

    def told(self) -> dict[str, Any]:
        """For /v1/status and metrics, as plain values."""

    async def run(self) -> None:
        """Never returns."""

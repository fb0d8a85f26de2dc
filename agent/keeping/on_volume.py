"""Keeps the assembly's folder of state on its volume: mounted before anything starts under a permit, unmounted when all has stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from agent.beat import set_within
from agent.log import Log, Once
from agent.off_loop import Shortage, Threads
from agent.volume import CHECK_S, NoDevice, NotMounted, close_volume, open_volume
from core.node.decision import Kept, Memory

TRY_EVERY_S = 0.5  # the volume is attached meanwhile: our share of a recovery
_TROUBLE = (NoDevice, NotMounted, OSError, LookupError, Shortage, TimeoutError)


class VolumeKeeper:
    """One task of the agent. `look` is called after each cycle and returns at once; `seen` is what the cycle decides on."""

    def __init__(
        self,
        volume: str,
        path: str,
        *,
        user: str | None,
        log: Log,
        clock: Callable[[], float],
        changed: Callable[[], None],
        opening: Callable[..., str] = open_volume,
        closing: Callable[[str], None] = close_volume,
    ) -> None:
        self._volume, self._path, self._user = volume, path, user
        self._log, self._clock, self._changed = log, clock, changed
        self._opening, self._closing = opening, closing
        self._threads = Threads("volume", 1)
        self._memory = Memory(instance="")
        self._wake = asyncio.Event()
        self._once = Once(log, "volume")
        self._kept = Kept(why="no permit names this node yet")
        self._opened_s: float | None = None

    def look(self, memory: Memory, *, runs: bool) -> None:
        """What the cycle concluded."""
        before, self._memory = self._memory, memory
        if (before.epoch, before.confirmed, before.given_up, before.quiet_since_s) != (
            memory.epoch,
            memory.confirmed,
            memory.given_up,
            memory.quiet_since_s,
        ):
            self._wake.set()

    def seen(self) -> Kept:
        return self._kept

    def told(self) -> dict[str, Any]:
        """For /v1/status and metrics, as plain values."""
        return {
            "path": self._path,
            "volume": self._volume,
            "open": self._kept.epoch > 0,
            "reason": self._kept.why or self._kept.trouble,
            "opened_s": self._opened_s,
        }

    async def run(self) -> None:
        while True:
            self._wake.clear()
            memory = self._memory
            if memory.confirmed and memory.epoch > memory.given_up and self._kept.epoch != memory.epoch and memory.quiet_since_s is None:
                await self._open(memory.epoch)
            elif memory.quiet_since_s is not None and self._kept.epoch and self._kept.began_s < memory.quiet_since_s:
                await self._close(self._kept.epoch)
            else:
                await self._wake.wait()

    async def _open(self, epoch: int) -> None:
        began_s = self._clock()
        try:
            done = await self._work(lambda: self._opening(self._volume, self._path, user=self._user, say=self._say_why))
        except _TROUBLE as error:
            if not isinstance(error, NoDevice):  # waiting for the attachment is no trouble
                self._once.trouble(error)
            self._now(Kept(why=str(error) or type(error).__name__, broken=isinstance(error, NotMounted)))
            await set_within(self._wake, TRY_EVERY_S if isinstance(error, NoDevice) else 4 * TRY_EVERY_S)
            return
        self._once.well()
        self._opened_s = round(self._clock() - began_s, 3)
        self._log.say("volume-open", volume=self._volume, path=self._path, how=done, took_s=self._opened_s)
        self._now(Kept(epoch=epoch))

    async def _close(self, epoch: int) -> None:
        """Until nobody uses it: the cycle waits for so long as it may, and then leaves without."""
        began_s = self._clock()
        try:
            await self._work(lambda: self._closing(self._path))
        except _TROUBLE as error:
            self._once.trouble(error)
            self._now(Kept(epoch=epoch, trouble=f"its volume cannot be unmounted: {error}"))
            await set_within(self._wake, 4 * TRY_EVERY_S)
            return
        self._once.well()
        self._log.say("volume-closed", volume=self._volume, path=self._path)
        self._now(Kept(epoch=epoch, began_s=began_s))

    async def _work(self, work: Callable[[], Any]) -> Any:
        return await self._threads.run("volume", work, CHECK_S)

    def _say_why(self, why: str) -> None:
        """From the thread that opens it: a value is put in place of another, nothing more."""
        self._kept = Kept(why=why)

    def _now(self, kept: Kept) -> None:
        if kept != self._kept:
            self._kept = kept
            self._changed()

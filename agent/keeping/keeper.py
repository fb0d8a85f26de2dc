"""Keeps the assembly's folder of state: opens it under each permit, saves it every few seconds, and once more when all has stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from agent.beat import set_within
from agent.keeping.mark import tell_saved
from agent.keeping.opening import Place, Waits, open_folder
from agent.keeping.reading import TooMuch
from agent.keeping.saver import Saved, Saver, Superseded
from agent.keeping.snapshot import NoSnapshot, make_snapshot
from agent.keeping.store import Overtaken, Store
from agent.keeping.walk import NoFolder
from agent.log import Log, Once
from agent.off_loop import Shortage, Threads
from agent.ports import Refused, Unreachable
from core.kept.manifest import BadManifest
from core.kept.rules import rest_s, trouble
from core.kept.tree import BadTree
from core.node.decision import Kept, Memory

T = TypeVar("T")
WORK_S_MAX = 24 * 3600.0  # a first save of many gigabytes; whatever hangs in it has its own limit
_PASSING = (Unreachable, Refused, Overtaken, OSError, LookupError, Shortage, NoFolder)
_BROKEN = (Waits, BadManifest, BadTree)


@dataclass(slots=True)
class Tally:
    """For people and metrics. puts: requests that cost a put."""

    saves: int = 0
    unchanged: int = 0
    errors: int = 0
    puts: int = 0
    took_s: float = 0.0
    opened_s: float = 0.0


class Keeper:
    """One task of the agent. `look` is called after each cycle and returns at once; `seen` is what the cycle decides on."""

    def __init__(
        self,
        place: Place,
        store: Store,
        *,
        deployable: str,
        assembly: str,
        instance: str,
        saved_file: Path,
        environment: Mapping[str, str],
        log: Log,
        clock: Callable[[], float],
        changed: Callable[[], None],
    ) -> None:
        self._place, self._store, self._log, self._clock, self._changed = place, store, log, clock, changed
        self._deployable, self._assembly, self._instance = deployable, assembly, instance
        self._saved_file, self._environment = saved_file, dict(environment)
        self._threads = Threads("state", 1)
        self._memory, self._runs = Memory(instance=instance), False
        self._wake = asyncio.Event()
        self._once = Once(log, "kept")
        self._kept = Kept(why="no permit names this node yet")
        self._saved: Saved | None = None
        self._failures, self._last = 0, ""
        self._superseded_at = 0  # the epoch under which this node was overtaken
        self.tally = Tally()

    # --- as the cycle sees it ------------------------------------------------------------------------------------------

    def look(self, memory: Memory, *, runs: bool) -> None:
        """What the cycle concluded: whose the permit is, and whether anything runs."""
        before, self._memory, self._runs = self._memory, memory, runs
        if (before.epoch, before.confirmed, before.given_up, before.quiet_since_s) != (
            memory.epoch,
            memory.confirmed,
            memory.given_up,
            memory.quiet_since_s,
        ):
            self._wake.set()

    def seen(self) -> Kept:
        kept = self._kept
        said = trouble(self._clock() - kept.began_s, self._failures, self._last) if kept.epoch else ""
        return kept if not said else Kept(epoch=kept.epoch, superseded=kept.superseded, began_s=kept.began_s, trouble=said)

    def told(self) -> dict[str, Any]:
        """For /v1/status and metrics, as plain values."""
        saved, kept = self._saved, self._kept
        return {
            "path": self._place.state.path,
            "open": kept.epoch > 0,
            "reason": kept.superseded or kept.why or self.seen().trouble,
            "saved_age_s": round(self._clock() - kept.began_s, 1) if saved is not None else None,
            "number": saved.manifest.number if saved is not None else None,
            "settled": saved.settled if saved is not None else None,
            "entries": saved.manifest.entries if saved is not None else None,
            "bytes": saved.manifest.size if saved is not None else None,
            "left_out": saved.left_out_count if saved is not None else None,
            "saves": self.tally.saves,
            "unchanged": self.tally.unchanged,
            "errors": self.tally.errors,
            "puts": self.tally.puts,
            "took_s": round(self.tally.took_s, 3),
            "opened_s": round(self.tally.opened_s, 3),
        }

    # --- its life ------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        while True:
            while not self._may_work(self._memory.epoch):
                self._wake.clear()
                await self._wake.wait()
            epoch = self._memory.epoch
            saver = Saver(self._store, self._deployable, self._assembly, instance=self._instance, epoch=epoch)
            if await self._open(saver):
                await self._keep(saver)

    def _may_work(self, epoch: int) -> bool:
        memory = self._memory
        return memory.confirmed and memory.epoch == epoch > max(memory.given_up, self._superseded_at)

    async def _open(self, saver: Saver) -> bool:
        """Try until it is open; False when it is no longer this node's."""
        began_s, failures = self._clock(), 0
        while self._may_work(saver.epoch):
            self._now(Kept(why="what is saved is being looked for"))
            try:
                done = await self._work(lambda: open_folder(saver, self._place, runs=self._runs, say=self._say_why))
            except Superseded as error:
                self._overtaken(saver.epoch, error)
                return False
            except (*_PASSING, *_BROKEN) as error:
                failures += 1
                self._once.trouble(error)
                self._now(Kept(why=str(error), broken=isinstance(error, _BROKEN)))
                await self._rest(rest_s(0.0, 0.0, failures))
                continue
            self.tally.opened_s = self._clock() - began_s
            self._once.well()
            self._saved = None
            with suppress(OSError):
                self._saved_file.unlink(missing_ok=True)
            base = saver.base
            self._log.say(
                "kept-open",
                how=done.do.value,
                reason=done.why,
                entries=base.entries if base is not None else 0,
                bytes=base.size if base is not None else 0,
                took_s=round(self.tally.opened_s, 3),
            )
            self._now(Kept(epoch=saver.epoch))
            return True
        return False

    async def _keep(self, saver: Saver) -> None:
        """Save until it is no longer this node's."""
        self._failures = 0
        while self._may_work(saver.epoch):
            began_s = self._clock()
            try:
                saved = await self._save(saver)
            except Superseded as error:
                self._overtaken(saver.epoch, error)
                return
            except (*_PASSING, BadManifest, TooMuch, NoSnapshot) as error:
                self._failures, self._last = self._failures + 1, str(error) or type(error).__name__
                self.tally.errors += 1
                self._once.trouble(self._last)
                self._changed()
            else:
                self._note(saver.epoch, saved)
            self.tally.puts = saver.pieces.puts
            await self._rest(rest_s(self._place.state.every_s, self._clock() - began_s, self._failures))

    async def _save(self, saver: Saver) -> Saved:
        folder, command = self._place.folder, self._place.state.snapshot
        began_s = self._clock()
        if command is None:
            saved = await self._work(lambda: saver.save(folder))
        else:
            copy = await make_snapshot(command, folder, self._environment)
            made = await self._work(lambda: saver.save(copy))
            saved = Saved(made.manifest, began_s, made.took_s, True, made.wrote, made.left_out, made.left_out_count)
        if saved.wrote:
            await self._tidy(saver)
        return saved

    async def _tidy(self, saver: Saver) -> None:
        """What cannot be given back now is given back after a later save."""
        try:
            await self._work(saver.tidy)
        except (Unreachable, Refused) as error:
            self._log.say("kept-untidy", reason=str(error))

    def _note(self, epoch: int, saved: Saved) -> None:
        self._once.well()
        first, self._saved = self._saved is None, saved
        self._failures, self.tally.took_s = 0, saved.took_s
        self.tally.saves += saved.wrote
        self.tally.unchanged += not saved.wrote
        if first and saved.left_out_count:
            self._log.say("kept-left-out", count=saved.left_out_count, such_as=list(saved.left_out))
        told = {
            "epoch": epoch,
            "number": saved.manifest.number,
            "began_monotonic_s": saved.began_s,
            "at_ms": saved.manifest.at_ms,
            "settled": saved.settled,
        }
        try:
            tell_saved(self._saved_file, told)
        except OSError as error:
            self._log.say("runtime-trouble", reason=str(error))
        quiet_since_s = self._memory.quiet_since_s
        if quiet_since_s is not None and saved.began_s >= quiet_since_s > self._kept.began_s:
            self._log.say("kept-saved-last", number=saved.manifest.number, bytes=saved.manifest.size)
        self._now(Kept(epoch=epoch, began_s=saved.began_s))

    async def _rest(self, seconds: float) -> None:
        """At most so long: not at all while everything has stopped and what it left is not saved."""
        self._wake.clear()
        quiet_since_s = self._memory.quiet_since_s
        if quiet_since_s is not None and self._kept.epoch and self._kept.began_s < quiet_since_s:
            seconds = 1.0 if self._failures else 0.0
        await set_within(self._wake, seconds)

    async def _work(self, work: Callable[[], T]) -> T:
        return await self._threads.run("state", work, WORK_S_MAX)

    def _overtaken(self, epoch: int, error: Superseded) -> None:
        self._log.say("kept-superseded", reason=str(error))
        self._superseded_at = epoch
        self._now(Kept(epoch=epoch, superseded=str(error)))

    def _say_why(self, why: str) -> None:
        """From the thread that opens it: a value is put in place of another, nothing more."""
        self._kept = Kept(why=why)

    def _now(self, kept: Kept) -> None:
        self._kept = kept
        self._changed()

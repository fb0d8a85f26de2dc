"""Measures that may hang or are costly, taken in threads of their own; whoever asks gets the last one at once."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Generic, TypeVar

from agent.off_loop import Shortage, Threads

T = TypeVar("T")
EVERY_S = 5.0
KEPT_S = 30.0  # an older one tells nothing any more
THREADS = Threads("measure", 8)
_PAUSES = 20  # a look that took a second is repeated after twenty


@dataclass(frozen=True, slots=True)
class _Look(Generic[T]):
    result: T | None
    took_s: float


class Background(Generic[T]):
    """The latest result of one kind of look, begun again at the earliest after every_s. Looks of the same key are shared."""

    def __init__(self, key: Hashable, look: Callable[[], T | None], *, every_s: float = EVERY_S) -> None:
        """look: None says that it could not be told. Raises nothing."""
        self._key, self._look, self._every_s = key, look, every_s
        self._under_way: Future[_Look[T]] | None = None
        self._begun_at_s = self._next_at_s = float("-inf")
        self._latest: tuple[float, T] | None = None

    def latest(self, *, now_s: float) -> T | None:
        """Begin another look when one is due. None: none yet, or none for KEPT_S."""
        if self._under_way is not None and self._under_way.done():
            self._take(self._under_way.result())
            self._under_way = None
        if self._under_way is None and now_s >= self._next_at_s:
            with contextlib.suppress(Shortage):  # later, then
                self._under_way = THREADS.begin(self._key, self._timed)
                self._begun_at_s = now_s
        return self._latest[1] if self._latest is not None and now_s - self._latest[0] <= KEPT_S else None

    @property
    def hangs(self) -> bool:
        """A look was begun and is not done."""
        return self._under_way is not None and self._under_way.running()

    def _take(self, look: _Look[T]) -> None:
        self._next_at_s = self._begun_at_s + max(self._every_s, _PAUSES * look.took_s)
        if look.result is not None:
            self._latest = self._begun_at_s, look.result

    def _timed(self) -> _Look[T]:
        began_s = time.monotonic()
        return _Look(self._look(), time.monotonic() - began_s)

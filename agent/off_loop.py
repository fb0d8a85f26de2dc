"""Work that may hang (a look at a dead disk, a locked process) in threads of its own: so many, and no more."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")
WAITING_MAX = 1000


class Shortage(Exception):
    """The work was not begun: every thread hangs already, or none can be had. Tells nothing of what was asked."""


class Threads:
    """At most `most` threads that run work by key; one hangs alone, and work of the same key waits for it.

    Not concurrent.futures' pool: that one waits for its threads at exit, and would keep the agent from ending. Idle, there are no threads.
    """

    def __init__(self, name: str, most: int) -> None:
        self._name, self._most = name, most
        self._lock = threading.Lock()
        self._running = 0
        self._waiting: deque[tuple[Hashable, Callable[[], Any], Future[Any]]] = deque()
        self._under_way: dict[Hashable, Future[Any]] = {}

    def begin(self, key: Hashable, work: Callable[[], T]) -> Future[T]:
        """Have it done; returns at once, with the former work of that key if that is still under way. Raises Shortage."""
        with self._lock:
            former = self._under_way.get(key)
            if former is not None:
                return former
            if len(self._waiting) >= WAITING_MAX:
                raise Shortage(f"{self._running} looks hang and {WAITING_MAX} wait")
            future: Future[T] = Future()
            self._under_way[key] = future
            self._waiting.append((key, work, future))
            if self._running < self._most:
                try:
                    threading.Thread(target=self._work, name=self._name, daemon=True).start()
                except RuntimeError as error:  # the kernel has no thread for us
                    if self._running == 0:
                        self._waiting.remove((key, work, future))
                        del self._under_way[key]
                        raise Shortage(str(error)) from error
                else:
                    self._running += 1
        return future

    async def run(self, key: Hashable, work: Callable[[], T], timeout_s: float) -> T:
        """Do it now, after the former work of that key. Raises what it raises, TimeoutError, and Shortage: not begun in time."""
        mine: Future[T] | None = None
        try:
            async with asyncio.timeout(timeout_s):
                while (former := self._under_way.get(key)) is not None:
                    await _done(former)
                mine = self.begin(key, work)
                await _done(mine)
        except TimeoutError:
            if mine is not None and self._withdraw(key, mine):
                raise Shortage(f"{self._running} looks hang already") from None
            raise
        except asyncio.CancelledError:
            if mine is not None:
                self._withdraw(key, mine)
            raise
        return mine.result()

    def _withdraw(self, key: Hashable, future: Future[Any]) -> bool:
        """False: it was begun, and goes on."""
        with self._lock:
            if not future.cancel():
                return False
            self._waiting = deque(waiting for waiting in self._waiting if waiting[2] is not future)
            self._under_way.pop(key, None)
            return True

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._running -= 1
                    return
                key, work, future = self._waiting.popleft()
                future.set_running_or_notify_cancel()
            try:
                result, error = work(), None
            except BaseException as trouble:  # handed to whoever asked
                result, error = None, trouble
            with self._lock:
                del self._under_way[key]
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)


async def _done(future: Future[Any]) -> None:
    """Wait for it, whatever comes of it."""
    loop, event = asyncio.get_running_loop(), asyncio.Event()

    def tell(_: Future[Any]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(event.set)

    future.add_done_callback(tell)
    await event.wait()

"""asyncio in virtual time, as far as the agent's parts use it: they are given this module for that one."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator
from math import ceil
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simulation.schedule import Schedule

CALL_S = 0.02  # what a thread's call of the table, the disk or the metadata takes
_running: Loop | None = None


class Loop:
    """One life of one agent: what has begun in it ends with it. While its machine is frozen nothing of it goes on.

    offset_s: what its clock shows more than the world's, for no two machines' moments fall together.
    """

    def __init__(self, schedule: Schedule, runs: Callable[[], bool], offset_s: float) -> None:
        self._schedule, self._runs, self._offset_s = schedule, runs, offset_s
        self._late: list[Callable[[], None]] = []
        self._parts: list[Part] = []
        self.closed = False

    def time(self) -> float:
        return self._schedule.now_ms / 1000 + self._offset_s

    def call_later(self, seconds: float, act: Callable[[], None]) -> Timer:
        timer = Timer(act)
        self.after(seconds, timer.due)
        return timer

    def after(self, seconds: float, act: Callable[[], None]) -> None:
        """Not in the same millisecond: on a real machine time passes, however short a rest is."""
        self._schedule.at(self._schedule.now_ms + max(1, ceil(seconds * 1000)), lambda: self.enter(act))

    def call_soon(self, act: Callable[[], None]) -> None:
        self._schedule.at(self._schedule.now_ms, lambda: self.enter(act))

    call_soon_threadsafe = call_soon

    def enter(self, act: Callable[[], None]) -> None:
        """Do it as this loop; later, where the machine is frozen."""
        global _running
        if self.closed:
            return
        if not self._runs():
            self._late.append(act)
            return
        before, _running = _running, self
        try:
            act()
        finally:
            _running = before

    def begin(self, coroutine: Coroutine[Any, Any, Any], done: Callable[[], None] = lambda: None) -> None:
        part = Part(coroutine, done)
        self._parts.append(part)
        self.call_soon(part.go_on)

    def thawed(self) -> None:
        late, self._late = self._late, []
        for act in late:
            self.call_soon(act)

    def close(self) -> None:
        """As a process that is killed: nothing of it is told."""
        self.closed = True
        self._late.clear()
        for part in self._parts:
            part.end()


class Timer:
    __slots__ = ("_act",)

    def __init__(self, act: Callable[[], None]) -> None:
        self._act: Callable[[], None] | None = act

    def due(self) -> None:
        if self._act is not None:
            self._act()

    def cancel(self) -> None:
        self._act = None


class Part:
    """One task of the agent. It yields what is to be told whom to wake, and rests until then."""

    __slots__ = ("_coroutine", "_done", "_going")

    def __init__(self, coroutine: Coroutine[Any, Any, Any], done: Callable[[], None]) -> None:
        self._coroutine, self._done, self._going = coroutine, done, False

    def go_on(self) -> None:
        self._going = True
        try:
            rest = self._coroutine.send(None)
        except StopIteration:
            self._done()
            return
        finally:
            self._going = False
        rest(self)

    def end(self) -> None:
        if not self._going:
            self._coroutine.close()


class _Rest:
    __slots__ = ("_until",)

    def __init__(self, until: Callable[[Part], None]) -> None:
        self._until = until

    def __await__(self) -> Generator[Callable[[Part], None], None, None]:
        yield self._until


# --- what a module finds in asyncio's place ----------------------------------------------------------------------------


def get_running_loop() -> Loop:
    assert _running is not None, "no loop runs"
    return _running


class Event:
    __slots__ = ("_is_set", "_loop", "_waiting")

    def __init__(self) -> None:
        self._loop, self._is_set = get_running_loop(), False
        self._waiting: list[Part] = []

    def set(self) -> None:
        self._is_set = True
        waiting, self._waiting = self._waiting, []
        for part in waiting:
            self._loop.call_soon(part.go_on)

    def clear(self) -> None:
        self._is_set = False

    def is_set(self) -> bool:
        return self._is_set

    async def wait(self) -> bool:
        if not self._is_set:
            await _Rest(self._waiting.append)
        return True


async def sleep(seconds: float) -> None:
    loop = get_running_loop()
    await _Rest(lambda part: loop.after(seconds, part.go_on))


class Unanswered(Exception):
    """Raised by what a thread calls: error is what comes of it, seconds later."""

    def __init__(self, error: Exception, seconds: float) -> None:
        super().__init__(str(error))
        self.error, self.seconds = error, seconds


async def to_thread(act: Callable[..., Any], *arguments: Any) -> Any:
    await sleep(CALL_S)
    try:
        return act(*arguments)
    except Unanswered as silence:
        await sleep(silence.seconds)
        raise silence.error from silence


async def gather(*parts: Coroutine[Any, Any, Any]) -> list[Any]:
    """One after the other: nobody here gathers any."""
    return [await part for part in parts]


class timeout:
    """By asyncio's own name. Nothing that is called within one takes long here."""

    def __init__(self, _seconds: float) -> None: ...

    async def __aenter__(self) -> None: ...

    async def __aexit__(self, *_: object) -> None: ...


class Threads:
    """agent.off_loop's, with a thread for each work."""

    def __init__(self, _name: str, _most: int) -> None: ...

    async def run(self, _key: object, work: Callable[[], Any], _timeout_s: float) -> Any:
        return await to_thread(work)

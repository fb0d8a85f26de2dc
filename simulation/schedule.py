"""Virtual time: what happens when, in one order; and tasks, which wait in the middle of shipped code while the world goes on."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Any

from greenlet import getcurrent, greenlet

EPOCH_MS = 1_800_000_000_000


class Ended(BaseException):
    """Thrown into a task that is cut off: no handler may catch it, as none can catch its process's end."""


class Schedule:
    """Acts in the order of their times, those of the same moment in the order in which they were given."""

    def __init__(self) -> None:
        self.now_ms = EPOCH_MS
        self.hub = getcurrent()
        self.tasks: set[Task] = set()  # those that have begun and not ended
        self.keep: Callable[[], Callable[[], None]] | None = None  # sets aside what a task's modules hold; called, it brings it back
        self._due: list[tuple[int, int, Callable[[], None]]] = []
        self._given = 0

    def at(self, at_ms: int, act: Callable[[], None]) -> None:
        self._given += 1
        heapq.heappush(self._due, (max(at_ms, self.now_ms), self._given, act))

    def later(self, seconds: float, act: Callable[[], None]) -> None:
        self.at(self.now_ms + int(seconds * 1000), act)

    def clear(self) -> None:
        """Nothing more happens. A task that waits is ended, for one that is only forgotten keeps its world in memory."""
        self._due.clear()
        for waiting in list(self.tasks):
            waiting.cut_off("the history is over")
        self._due.clear()

    def run(self, until_ms: int, enough: Callable[[], bool] | None = None, every_ms: int = 5000) -> None:
        """Until then, or until `enough`, which is asked every so often."""
        ask_ms = self.now_ms
        due, pop = self._due, heapq.heappop
        while due and due[0][0] <= until_ms:
            if enough is not None and due[0][0] >= ask_ms:
                if enough():
                    return
                ask_ms = due[0][0] + every_ms
            self.now_ms, _, act = pop(due)
            act()
        self.now_ms = max(self.now_ms, until_ms)


class Task(greenlet):  # type: ignore[misc]  # it ships no types of its own
    """One call of one function. skew_ms: what its machine's clock is ahead of the world's."""

    def __init__(self, schedule: Schedule, name: str, work: Callable[[], Any], done: Callable[[Any, BaseException | None], None]) -> None:
        super().__init__(parent=schedule.hub)
        self.schedule, self.name, self.skew_ms, self.owes_s = schedule, name, 0, 0.0
        self.data: Any = None
        self._work, self._done, self._turn = work, done, 0

    def run(self) -> None:
        self.schedule.tasks.add(self)
        try:
            answer = self._work()
        except (Exception, Ended) as error:
            self._done(None, error)
        else:
            self._done(answer, None)
        finally:
            self.schedule.tasks.discard(self)

    def begin(self) -> None:
        self.switch()

    def sleep(self, seconds: float) -> None:
        """Called from within: the world goes on, this task after so long."""
        turn = self._turn
        self.schedule.later(seconds, lambda: self.resume(turn))
        self._let_others()

    def wait(self, start: Callable[[Callable[[Any], None]], None]) -> Any:
        """Called from within: start something and wait for the one answer that it hands over; later ones are left."""
        turn = self._turn
        start(lambda answer: self.schedule.at(self.schedule.now_ms, lambda: self.resume(turn, answer)))
        return self._let_others()

    def _let_others(self) -> Any:
        """A function's process keeps what it keeps in its modules to itself; here they all share them."""
        if self.schedule.keep is None:
            return self.schedule.hub.switch()
        mine = self.schedule.keep()
        try:
            return self.schedule.hub.switch()
        finally:
            mine()

    def resume(self, turn: int, answer: Any = None) -> None:
        if turn == self._turn and not self.dead:
            self._turn += 1
            self.switch(answer)

    def cut_off(self, why: str) -> None:
        """Called from outside."""
        if not self.dead:
            self._turn += 1
            self.throw(Ended(why))


def task() -> Task | None:
    """Who calls; None from outside any task."""
    current = getcurrent()
    return current if isinstance(current, Task) else None

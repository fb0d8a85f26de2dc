"""How much a group of processes waited for a core: starved, it cannot answer, and that is not its fault."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from agent.measure.files import read_or_none
from agent.measure.process import Process

TASKS_MAX = 256  # looked at in one measure; of more, those of the first processes: then the result is too low


@dataclass(frozen=True, slots=True)
class _Task:
    """run_ns, delay_ns, slices: /proc/PID/schedstat. credited_ns: waited, and not yet in delay_ns."""

    run_ns: int
    delay_ns: int
    slices: int
    credited_ns: int = 0


class Waiting:
    """Between two measures: the time its tasks were runnable without running, over the time that passed; summed over tasks.

    The kernel adds a wait to a task's run_delay only when it ends, when the task gets its core. One that has not had any
    since the last measure, and is runnable (state R), has waited all the time: that is credited at once, and taken off
    what the kernel adds later (kernel/sched/stats.h, sched_info_arrive).
    """

    def __init__(self, proc: str) -> None:
        self._proc = proc
        self._tasks: dict[tuple[int, int], _Task] = {}
        self._measured_at_s: float | None = None

    def share(self, processes: Iterable[Process], *, now_s: float, closely: bool) -> float | None:
        """closely: look at the state of those that did not run; of no use while nobody waits. None: at first, or not told here."""
        passed_ns = 0 if self._measured_at_s is None else round((now_s - self._measured_at_s) * 1e9)
        before, self._tasks, self._measured_at_s = self._tasks, {}, now_s
        waited_ns, told = 0, False
        for key, folder in self._folders(processes):
            task = _read_task(folder)
            if task is None:
                continue
            told = told or task.slices > 0
            former = before.get(key)
            if former is not None:
                lies_still = (task.run_ns, task.delay_ns, task.slices) == (former.run_ns, former.delay_ns, former.slices)
                if not lies_still:
                    waited_ns += min(max(0, task.delay_ns - former.delay_ns - former.credited_ns), passed_ns)
                elif closely and _is_runnable(folder):
                    waited_ns += passed_ns
                    task = replace(former, credited_ns=former.credited_ns + passed_ns)
                else:
                    task = former
            self._tasks[key] = task
        return waited_ns / passed_ns if told and before and passed_ns > 0 else None

    def _folders(self, processes: Iterable[Process]) -> Iterator[tuple[tuple[int, int], str]]:
        left = TASKS_MAX
        for process in processes:
            folder = f"{self._proc}/{process.pid}"
            if process.threads == 1:
                yield (process.start_ticks, process.pid), folder
                left -= 1
            else:
                try:
                    tasks = os.listdir(f"{folder}/task")
                except OSError:
                    continue
                for task in tasks[:left]:
                    yield (process.start_ticks, int(task)), f"{folder}/task/{task}"
                left -= len(tasks)
            if left <= 0:
                return


def _read_task(folder: str) -> _Task | None:
    words = (read_or_none(f"{folder}/schedstat") or b"").split()
    return _Task(int(words[0]), int(words[1]), int(words[2])) if len(words) == 3 else None


def _is_runnable(folder: str) -> bool:
    stat = read_or_none(f"{folder}/stat") or b""
    return stat[stat.rfind(b")") + 2 :].startswith(b"R")

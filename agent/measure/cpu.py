"""CPU time used by a group of processes whose members come and go."""

from __future__ import annotations

from collections.abc import Sequence

from agent.measure.process import TICKS_PER_S, Process


class CpuUse:
    """Cores used between two measures."""

    def __init__(self) -> None:
        self._before: dict[tuple[int, int], Process] = {}
        self._cgroup_s: float | None = None
        self._measured_at_s: float | None = None

    def cores(self, processes: Sequence[Process], *, cgroup_s: float | None, now_s: float) -> float | None:
        """cgroup_s: what its own cgroup has used so far, which is exact; None: add up the processes. None: the first measure."""
        now = {(process.pid, process.start_ticks): process for process in processes}
        before, self._before = self._before, now
        former_s, self._cgroup_s = self._cgroup_s, cgroup_s
        measured_at_s, self._measured_at_s = self._measured_at_s, now_s
        if measured_at_s is None or now_s <= measured_at_s:
            return None
        if cgroup_s is not None:
            return None if former_s is None else max(0.0, cgroup_s - former_s) / (now_s - measured_at_s)
        return max(0, _ticks_since(before, now)) / TICKS_PER_S / (now_s - measured_at_s)


def _ticks_since(before: dict[tuple[int, int], Process], now: dict[tuple[int, int], Process]) -> int:
    """A child that was waited for hands its ticks to its parent: those that were counted already are taken off again."""
    parents = {pid for pid, _ in now}
    used = sum(process.ticks - (before[key].ticks if key in before else 0) for key, process in now.items())
    return used - sum(process.ticks for key, process in before.items() if key not in now and process.parent in parents)

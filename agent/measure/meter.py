"""All measures of one application, from its processes and its cgroup."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Sequence

from agent.measure.background import EVERY_S, Background
from agent.measure.cgroups import Cgroup, cgroup_path_of
from agent.measure.cpu import CpuUse
from agent.measure.disks import Disks
from agent.measure.files import numbers_in
from agent.measure.pressure import Pressure, cgroup_pressure, machine_pressure
from agent.measure.process import Process, counts_by_size, open_files, open_files_limit, pss_bytes, read_process
from agent.measure.waiting import Waiting
from core.application import Application
from core.bounds import ThresholdKind
from core.node.thresholds import Measures

MEMBERS_MAX = 500  # some 20 us each
PSS_UNWATCHED_S = 20.0  # where no threshold is set it is only told; the kernel walks all of its pages for it
LIMITS_KEPT_S = 60.0  # what is allowed changes seldom
RATE_S_MIN = 0.1  # CPU is counted in hundredths of a second: over a shorter time a rate says nothing, and the last one stands
SOMEBODY_WAITS = 0.01  # CPU pressure below which no task of the machine is starved


class Meter:
    """Measures one application again and again. Nothing in it blocks for longer than a read of /proc takes.

    note: what the last measure left out, "" when nothing.
    """

    def __init__(
        self, application: Application, *, proc: str = "/proc", cgroups: str = "/sys/fs/cgroup", clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.note = ""
        self._proc, self._cgroups, self._clock = proc, cgroups, clock
        self._memory_limit = application.limits.memory_bytes
        watched = any(threshold.kind is ThresholdKind.MEMORY for threshold in application.thresholds)
        self._pss_every_s = EVERY_S if watched else PSS_UNWATCHED_S
        self._disks = Disks(threshold.path for threshold in application.thresholds if threshold.path is not None)
        self._by_size = counts_by_size(proc)
        self._leader: tuple[int, int, str | None] | None = None
        self._allowed_at_s = self._rated_at_s = float("-inf")
        self._rates: tuple[float | None, float | None] = (None, None)
        self._memory_allowed: int | None = None
        self._files_limits: dict[tuple[int, int], int | None] = {}
        self._cores = 1
        self._begin_anew([], None)

    def measure(self, members: Sequence[int], cgroup: str | None) -> Measures:
        """members: its pids, leader first. cgroup: its own, None: it shares another's.

        Rates are of the time since the last call, if that was RATE_S_MIN ago.
        """
        now_s = self._clock()
        self.note = f"{MEMBERS_MAX} of {len(members)} processes were measured" if len(members) > MEMBERS_MAX else ""
        found = (read_process(self._proc, pid) for pid in members[:MEMBERS_MAX])
        self._processes = processes = [process for process in found if process is not None]
        leader = (processes[0].pid, processes[0].start_ticks, cgroup) if processes else None
        if leader != self._leader:
            self._leader = leader
            self._begin_anew(processes, cgroup)
        if now_s - self._allowed_at_s > LIMITS_KEPT_S:
            self._learn_what_is_allowed(now_s)
        pressure = self._pressure()
        if now_s - self._rated_at_s >= RATE_S_MIN:
            self._rated_at_s = now_s
            self._rates = self._rated(processes, now_s, closely=pressure.cpu is None or pressure.cpu >= SOMEBODY_WAITS)
        files, files_limit = self._open_files(processes)
        return Measures(
            memory_bytes=self._memory_bytes(processes, now_s),
            memory_limit_bytes=self._memory_allowed,
            memory_pressure=pressure.memory,
            cpu_pressure=pressure.cpu,
            io_pressure=pressure.io,
            cpu_cores=self._rates[0],
            cpu_waiting=self._rates[1],
            cores=self._cores,
            open_files=files,
            open_files_limit=files_limit,
            threads=sum(process.threads for process in processes),
            processes=len(processes),
            disks=self._disks.uses(now_s=now_s),
            stopped=bool(processes) and all(process.state in "Tt" for process in processes),
        )

    def _begin_anew(self, processes: list[Process], cgroup: str | None) -> None:
        """Another run: nothing that was measured of the former one counts."""
        self._shared = Cgroup(self._cgroups, cgroup_path_of(self._proc, processes[0].pid) if processes else "")
        self._own = Cgroup(self._cgroups, cgroup) if cgroup is not None else None
        self._pressure_folder = self._own.pressure_folder() if self._own else None
        self._processes = processes
        self._cpu, self._waiting = CpuUse(), Waiting(self._proc)
        self._pss = Background[int](object(), self._pss_bytes, every_s=self._pss_every_s)
        self._rates = (None, None)
        self._allowed_at_s = self._rated_at_s = float("-inf")

    def _rated(self, processes: list[Process], now_s: float, *, closely: bool) -> tuple[float | None, float | None]:
        """Cores used, and waited for."""
        used_s = self._own.cpu_s() if self._own else None
        return self._cpu.cores(processes, cgroup_s=used_s, now_s=now_s), self._waiting.share(processes, now_s=now_s, closely=closely)

    def _learn_what_is_allowed(self, now_s: float) -> None:
        self._allowed_at_s = now_s
        machine = numbers_in(f"{self._proc}/meminfo").get(b"MemTotal:")
        groups = [group for group in (self._shared, self._own) if group is not None]
        limits = [self._memory_limit, machine * 1024 if machine is not None else None, *(group.memory_limit_bytes() for group in groups)]
        self._memory_allowed = min((limit for limit in limits if limit is not None), default=None)
        self._files_limits = {}
        quotas = [quota for group in groups if (quota := group.cpu_quota()) is not None]
        self._cores = min(_affinity(self._processes), *(max(1, math.floor(quota)) for quota in quotas), 1 << 20)

    def _pressure(self) -> Pressure:
        return cgroup_pressure(self._pressure_folder) if self._pressure_folder is not None else machine_pressure(self._proc)

    def _memory_bytes(self, processes: list[Process], now_s: float) -> int | None:
        own = self._own.memory_bytes() if self._own else None
        if own is not None:
            return own
        return self._pss.latest(now_s=now_s) if processes else 0

    def _pss_bytes(self) -> int:
        return sum(pss_bytes(self._proc, process) for process in self._processes)

    def _open_files(self, processes: list[Process]) -> tuple[int | None, int | None]:
        """Of the process nearest to its limit."""
        fullest: tuple[float, int, int | None] = (-1.0, 0, None)
        for process in processes:
            count = open_files(self._proc, process.pid, by_size=self._by_size)
            if count is not None:
                key = (process.pid, process.start_ticks)
                if key not in self._files_limits:
                    self._files_limits[key] = open_files_limit(self._proc, process.pid)
                limit = self._files_limits[key]
                fullest = max(fullest, (count / limit if limit else 0.0, count, limit), key=lambda found: found[:2])
        return (fullest[1], fullest[2]) if fullest[0] >= 0.0 else (None, None)


def _affinity(processes: list[Process]) -> int:
    """Cores the leader may run on."""
    try:
        return len(os.sched_getaffinity(processes[0].pid if processes else 0))
    except OSError:
        return os.cpu_count() or 1

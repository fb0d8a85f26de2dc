"""What a cgroup uses and may use, in version 2 (one tree) and version 1 (a tree for each controller, systemd's among them)."""

from __future__ import annotations

import os
from collections.abc import Iterator

from agent.measure.files import number_in, numbers_in, read_or_none

# What the kernel takes back when memory is short is not the application's need: file pages and reclaimable slab.
_RECLAIMABLE = (b"inactive_file", b"active_file", b"slab_reclaimable")  # v2, memory.stat
_RECLAIMABLE_V1 = (b"total_inactive_file", b"total_active_file")


class Cgroup:
    """One cgroup. root: where they are mounted; path: of this one in it, or in any of version 1's trees. None: could not be told.

    https://docs.kernel.org/admin-guide/cgroup-v2.html, https://docs.kernel.org/admin-guide/cgroup-v1/
    """

    def __init__(self, root: str, path: str) -> None:
        self._root = root
        self._is_v2 = os.path.exists(f"{root}/cgroup.controllers")
        parts = [part for part in path.removeprefix(root).split("/") if part]
        if not self._is_v2 and parts and not os.path.exists(f"{root}/memory/{parts[0]}") and os.path.isdir(f"{root}/{parts[0]}"):
            del parts[0]  # the tree's own name
        # Seen from inside another cgroup namespace a path may lead out of what is mounted: then the whole mount is ours.
        self._parts = [] if ".." in parts else parts

    def memory_bytes(self) -> int | None:
        """In use, without what can be taken back: a program that reads many files is not one that leaks."""
        folder = self._folder("memory")
        used = number_in(f"{folder}/{'memory.current' if self._is_v2 else 'memory.usage_in_bytes'}")
        if used is None:
            return None
        stat = numbers_in(f"{folder}/memory.stat")
        return max(0, used - sum(stat.get(name, 0) for name in (_RECLAIMABLE if self._is_v2 else _RECLAIMABLE_V1)))

    def memory_limit_bytes(self) -> int | None:
        """The lowest, its parents' included; None: none."""
        name = "memory.max" if self._is_v2 else "memory.limit_in_bytes"
        limits = [number_in(f"{folder}/{name}") for folder in self._upwards("memory")]
        return min((limit for limit in limits if limit is not None), default=None)

    def cpu_s(self) -> float | None:
        """Used so far."""
        if self._is_v2:
            used_us = numbers_in(f"{self._folder('cpu')}/cpu.stat").get(b"usage_usec")
            return used_us / 1e6 if used_us is not None else None
        used_ns = number_in(f"{self._folder('cpuacct')}/cpuacct.usage")
        return used_ns / 1e9 if used_ns is not None else None

    def cpu_quota(self) -> float | None:
        """Cores it may use at most, its parents' quota included; None: no quota."""
        quotas = [self._quota(folder) for folder in self._upwards("cpu")]
        return min((quota for quota in quotas if quota is not None), default=None)

    def pressure_folder(self) -> str | None:
        """Where its own pressure files are: version 2 only, and where both are mounted in its tree."""
        folders = (self._folder(""), "/".join([f"{self._root}/unified", *self._parts]))
        return next((folder for folder in folders if os.path.exists(f"{folder}/memory.pressure")), None)

    def _quota(self, folder: str) -> float | None:
        if self._is_v2:
            words = (read_or_none(f"{folder}/cpu.max") or b"").split()
            return int(words[0]) / int(words[1]) if len(words) == 2 and all(map(bytes.isdigit, words)) and int(words[1]) else None
        quota_us, period_us = number_in(f"{folder}/cpu.cfs_quota_us"), number_in(f"{folder}/cpu.cfs_period_us")
        return quota_us / period_us if quota_us is not None and quota_us > 0 and period_us else None

    def _folder(self, controller: str, depth: int | None = None) -> str:
        tree = self._root if self._is_v2 or not controller else f"{self._root}/{controller}"
        return "/".join([tree, *self._parts[:depth]])

    def _upwards(self, controller: str) -> Iterator[str]:
        for depth in range(len(self._parts), -1, -1):
            yield self._folder(controller, depth)


def cgroup_path_of(proc: str, pid: int) -> str:
    """Where that process is, in version 2 or else in memory's tree; "" when it cannot be told (cgroups(7), /proc/pid/cgroup)."""
    paths = {}
    for line in (read_or_none(f"{proc}/{pid}/cgroup") or b"").decode("utf-8", "replace").splitlines():
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        for controller in controllers.split(","):
            paths["unified" if number == "0" else controller] = path
    return paths.get("memory") or paths.get("unified") or ""

"""How full the file systems of named paths are."""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import partial

from agent.measure.background import Background
from core.node.thresholds import DiskUse


class Disks:
    """Looked at in the background: a mount whose server is gone hangs one thread, and its path is then not told."""

    def __init__(self, paths: Iterable[str]) -> None:
        self._disks = {path: Background(("disk", path), partial(disk_use, path)) for path in sorted(set(paths))}

    def uses(self, *, now_s: float) -> dict[str, DiskUse]:
        found = ((path, disk.latest(now_s=now_s)) for path, disk in self._disks.items())
        return {path: use for path, use in found if use is not None}


def disk_use(path: str) -> DiskUse | None:
    """Of what an unprivileged program could use, as df(1) counts. None: not there. A file system without inodes of its own has all free."""
    try:
        disk = os.statvfs(path)
    except OSError:
        return None
    used, inodes = disk.f_blocks - disk.f_bfree, disk.f_files - disk.f_ffree
    usable, usable_inodes = used + disk.f_bavail, inodes + disk.f_favail
    return DiskUse(used / usable if usable > 0 else 0.0, inodes / usable_inodes if usable_inodes > 0 else 0.0)

"""A machine's root disk: a file system in memory that outlives the machine's boots, until the instance is terminated.

It is mounted in the lab's own mount namespace; whatever a machine mounts on top of it is in the machine's own and goes with that boot.
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Stop_Start.html: what is on an EBS root volume is there after a stop and a start.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

from lab.machines.rootfs import MS_NODEV, MS_NOSUID, mount, unmount

_MACHINES = Path("/run/lab-machines")


def disk_of(instance_id: str) -> Path:
    """Where it is mounted; made when it is not there yet."""
    disk = _MACHINES / instance_id
    disk.mkdir(parents=True, exist_ok=True)
    if not os.path.ismount(disk):
        mount("machine", disk, "tmpfs", MS_NOSUID | MS_NODEV, "size=2g,mode=755")
    return disk


def discard(instance_id: str) -> None:
    """Give its memory back; harmless when there is none.

    It is emptied first: another process's mount namespace may hold a copy of the mount for as long as that process lives.
    """
    disk = _MACHINES / instance_id
    if not os.path.ismount(disk):
        return
    for entry in os.scandir(disk):
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path, ignore_errors=True)
        else:
            with contextlib.suppress(OSError):
                os.unlink(entry.path)
    unmount(disk)
    disk.rmdir()

"""A volume on this machine: its device, the file system on it, and where it is mounted. Blocks; its programs are the image's own.

https://docs.aws.amazon.com/ebs/latest/userguide/ebs-using-volumes.html
"""

from __future__ import annotations

import os
import pwd
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

# udev names a Nitro instance's volumes by their serial number, which is the volume's id without its dash:
# https://docs.aws.amazon.com/ebs/latest/userguide/identify-nvme-ebs-device.html
BY_ID = "/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_{serial}"
XEN_DEVICE = "/dev/xvdf"  # what a Xen instance makes of /dev/sdf; on Nitro there is none of that name
KIND = "ext4"
BRIEF_S = 10.0
CHECK_S = 3600.0  # a large volume after a crash; who starts the node waits no longer than its start grace anyway
MADE_WITH_IT = "lost+found"
_LOOK_BYTES = 1 << 20
_CHECKED = 1  # e2fsck(8): errors were corrected; 0: there were none


class NoDevice(Exception):
    """It is not attached to this machine, or not yet."""


class NotMounted(Exception):
    """It is here, and cannot be mounted as it is: says what was found, or what a program said."""


def device_of(volume: str) -> Path:
    """Raises NoDevice."""
    for path in (Path(BY_ID.format(serial=volume.replace("-", ""))), Path(XEN_DEVICE)):
        if path.exists():
            return path
    raise NoDevice(f"{volume} is not attached to this machine yet")


def is_mounted(path: str) -> bool:
    """By the kernel's own list (proc(5), mountinfo): what is mounted there, not what lies in the folder."""
    wanted = path.replace(" ", r"\040")
    return any(line.split()[4] == wanted for line in Path("/proc/self/mountinfo").read_text().splitlines())


def open_volume(volume: str, path: str, *, user: str | None, say: Callable[[str], None]) -> str:
    """Mount it at the folder unless it is; what was done, in words. A blank one gets a file system, any other is only checked.

    user: whose its root is, as long as nothing is kept in it. Raises NoDevice, NotMounted, OSError, LookupError.
    """
    if is_mounted(path):
        return "it was mounted already"
    device = device_of(volume)
    kind = _kind_of(device)
    if kind is None:
        say(f"making a file system on {volume}, which is blank")
        run(["mkfs.ext4", "-q", "-m", "0", "-L", "understudy", str(device)], CHECK_S)
        done = "it was blank and has a file system now"
    elif kind == KIND:
        say(f"checking the file system on {volume}")
        done = _checked(device)
    else:
        raise NotMounted(f"{volume} holds {kind}, not {KIND}: it is left as it is")
    place = Path(path)
    place.mkdir(parents=True, exist_ok=True, mode=0o755)
    run(["mount", "-t", KIND, "-o", "noatime,nodev,nosuid", str(device), path], BRIEF_S)
    if not set(os.listdir(place)) - {MADE_WITH_IT}:
        # By what is in it, not by who made it: an agent may have died between making the file system and this.
        place.chmod(0o750)
        if user is not None:
            account = pwd.getpwnam(user)
            os.chown(place, account.pw_uid, account.pw_gid)
    return done


def close_volume(path: str) -> None:
    """Unmount it, with all that was written. Raises NotMounted: somebody still uses it."""
    if is_mounted(path):
        run(["umount", path], CHECK_S)


def _kind_of(device: Path) -> str | None:
    """What is on it; None when it is blank beyond doubt, and only then.

    blkid(8) gives 2 both for nothing found and for a device that it cannot read: so its beginning and its end are read too.
    """
    asked = ["blkid", "-p", "-o", "value", "-s", "TYPE", str(device)]
    done = subprocess.run(asked, capture_output=True, text=True, timeout=BRIEF_S, check=False)
    found = done.stdout.strip()
    if done.returncode == 0 and found:
        return found
    if done.returncode != 2:
        raise NotMounted(f"it cannot be told what is on {device}: blkid ended with {done.returncode}: {done.stderr.strip()[:200]}")
    if not _is_zero(device):
        raise NotMounted(f"{device} holds something that nobody knows: it is left as it is")
    return None


def _is_zero(device: Path) -> bool:
    """Its first and its last mebibyte."""
    with device.open("rb", buffering=0) as reading:
        size = reading.seek(0, os.SEEK_END)
        for at in (0, max(0, size - _LOOK_BYTES)):
            reading.seek(at)
            left = min(_LOOK_BYTES, size)
            while left > 0:
                part = reading.read(left)
                if not part or part.count(0) != len(part):
                    return False
                left -= len(part)
    return size > 0 and (stat.S_ISBLK(device.stat().st_mode) or stat.S_ISREG(device.stat().st_mode))


def _checked(device: Path) -> str:
    """Replays its journal and repairs what can be repaired without asking (e2fsck(8), -p). Raises NotMounted: a person must."""
    done = _ended(["e2fsck", "-p", str(device)], CHECK_S)
    if done.returncode == 0:
        return "its file system is whole"
    if done.returncode == _CHECKED:
        return "its file system was repaired"
    raise NotMounted(f"e2fsck -p ended with {done.returncode}: {(done.stdout + done.stderr).strip()[:300]}")


def run(argv: list[str], within_s: float) -> None:
    done = _ended(argv, within_s)
    if done.returncode != 0:
        raise NotMounted(f"{argv[0]}: {(done.stderr or done.stdout).strip()[:300] or f'ended with {done.returncode}'}")


def _ended(argv: list[str], within_s: float) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(argv, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=within_s, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotMounted(f"{argv[0]}: {error}") from error

"""A lab's folder: whose it is while that lab runs, and that nothing of it stays afterwards."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from pathlib import Path

OWNER = "owner"  # locked as long as the lab runs; holds who to ask to end it


class Taken(Exception):
    """A lab of this name runs already; the text is for the user."""


def claim(lab_dir: Path) -> int:
    """Take the folder, emptied, until this process ends; gives the descriptor that holds it. Raises Taken, OSError.

    The kernel lets a lock go when its process ends, however it ends (flock(2)): what a killed lab leaves is free.
    """
    while True:
        lab_dir.mkdir(parents=True, exist_ok=True)
        try:
            lock = os.open(lab_dir / OWNER, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except FileNotFoundError:
            continue  # its last owner took the folder away between our two steps
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            name = lab_dir.name
            text = (
                f"the lab {name!r} is already up (process {owner(lab_dir) or 'unknown'}): end it with `understudy lab down --name {name}`"
            )
            raise Taken(f"{text}, or give this one another --name") from None
        with contextlib.suppress(OSError):
            if os.fstat(lock).st_ino == (lab_dir / OWNER).stat().st_ino:
                break
        os.close(lock)
    for path in lab_dir.iterdir():
        if path.name != OWNER:
            _delete(path)
    os.ftruncate(lock, 0)
    os.write(lock, f"{os.getpid()} {_started(os.getpid())}".encode())
    return lock


def runs(lab_dir: Path) -> bool:
    """Whether a lab lives in this folder now."""
    try:
        lock = os.open(lab_dir / OWNER, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def owner(lab_dir: Path) -> int:
    """The process that holds the folder; 0 when it cannot be seen from here (another container, say)."""
    try:
        pid, started = (lab_dir / OWNER).read_text().split()
    except (OSError, ValueError):
        return 0
    return int(pid) if _started(int(pid)) == started else 0


def release(lab_dir: Path) -> None:
    """Keep the folder for a person to read; no later lab takes it away, but a new one of its name."""
    (lab_dir / OWNER).unlink(missing_ok=True)


def sweep(labs: Path) -> None:
    """Take away what labs left whose process was killed."""
    for lab_dir in labs.iterdir() if labs.is_dir() else ():
        if (lab_dir / OWNER).exists() and not runs(lab_dir):
            remove(lab_dir)


def remove(lab_dir: Path) -> bool:
    """Take the folder away; harmless when it is gone already. Whether it is gone."""
    shutil.rmtree(lab_dir, ignore_errors=True)
    return not lab_dir.exists()


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()


def _started(pid: int) -> str:
    """What tells one life of a process id from another: its start time in clock ticks (proc(5), stat field 22)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[19]
    except OSError:
        return ""

"""Bounded text files that the guest's init writes: one journal per unit, and what user data printed."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

FILE_BYTES_MAX = 1 << 20  # then it becomes FILE.1, and the former FILE.1 is gone


class JournalFile:
    """Appends; two files of FILE_BYTES_MAX at most."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("ab", buffering=0)
        self._size = path.stat().st_size

    def write(self, data: bytes) -> None:
        """A full disk must not stop the machine: what cannot be written is lost."""
        if self._size + len(data) > FILE_BYTES_MAX:
            self._file.close()
            self._path.replace(self._path.with_name(self._path.name + ".1"))
            self._file, self._size = self._path.open("ab", buffering=0), 0
        with contextlib.suppress(OSError):
            self._size += self._file.write(data) or 0


def stamp() -> str:
    now = time.time()
    return time.strftime("%H:%M:%S", time.gmtime(now)) + f".{int(now % 1 * 1000):03d}"

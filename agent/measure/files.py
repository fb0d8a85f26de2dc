"""Small files of /proc and of cgroups, read cheaply."""

from __future__ import annotations

import os

_BYTES_MAX = 16_384


def read(path: str) -> bytes:
    """In one piece, as these files come. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(descriptor, _BYTES_MAX)
    finally:
        os.close(descriptor)


def read_or_none(path: str) -> bytes | None:
    try:
        return read(path)
    except OSError:
        return None


def number_in(path: str) -> int | None:
    """None: not there, or 'max', which is what cgroups say for unlimited."""
    text = read_or_none(path)
    try:
        return int(text) if text is not None else None
    except ValueError:
        return None


def numbers_in(path: str) -> dict[bytes, int]:
    """Lines of 'name number'; others are left out."""
    numbers = {}
    for line in (read_or_none(path) or b"").splitlines():
        words = line.split()
        if len(words) >= 2 and words[1].isdigit():
            numbers[words[0]] = int(words[1])
    return numbers

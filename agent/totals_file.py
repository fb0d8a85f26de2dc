"""Totals that an application writes to a file: a JSON object of counters, each a whole number from 0."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping, Set
from dataclasses import dataclass

BYTES_MAX = 65_536
NAME_CHARS_MAX = 100


@dataclass(frozen=True, slots=True)
class Totals:
    """trouble: why they could not be read, "" when they were."""

    by_name: Mapping[str, int]
    trouble: str = ""


def read_totals(path: str, most: int, wanted: Set[str]) -> Totals:
    """Of at most so many counters, the wanted ones first. Raises nothing; a file half written is trouble that passes."""
    try:
        text = _text(path)
    except FileNotFoundError:
        return Totals({}, "is not there")
    except OSError as error:
        return Totals({}, f"cannot be read: {error.strerror or error}")
    if len(text) > BYTES_MAX:
        return Totals({}, f"is longer than {BYTES_MAX} bytes")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        return Totals({}, f"is not JSON: {str(error)[:100]}")
    if not isinstance(found, dict):
        return Totals({}, "is not an object of totals")
    for name, total in found.items():
        if len(name) > NAME_CHARS_MAX or type(total) is not int or total < 0:
            said = type(total).__name__ if isinstance(total, (dict, list)) else repr(total)[:40]
            return Totals({}, f"says {name[:NAME_CHARS_MAX]!r} is {said}: expected a whole number from 0")
    names = sorted(found, key=lambda name: name not in wanted)[:most]
    return Totals({name: found[name] for name in names})


def _text(path: str) -> bytes:
    """Raises OSError. A pipe would keep us waiting for a writer, and is not read."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError("it is no file")
        return os.read(descriptor, BYTES_MAX + 1)
    finally:
        os.close(descriptor)

"""Times and ages in few words, the same in every command for operators."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any


def at(ms: int) -> str:
    """A moment, in UTC: an operator at night and a log must mean the same hour."""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")


def clock(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%H:%M:%S")


def long(seconds: float) -> str:
    """`4.2 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`."""
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    for big, small, size in (("min", "s", 60), ("h", "min", 3600), ("d", "h", 86400)):
        if seconds < size * (24 if big == "h" else 60) or big == "d":
            whole, rest = divmod(round(seconds), size)
            part = rest // {"min": 1, "h": 60, "d": 3600}[big]
            return f"{whole} {big}" + (f" {part} {small}" if part else "")
    raise AssertionError("days are last")


def ago(ms: int, now_ms: int) -> str:
    return f"{long(max(0, now_ms - ms) / 1000)} ago"


def rows(table: Iterable[tuple[str, str]], indent: str = "  ") -> Iterator[str]:
    """Label and text, the texts below each other; a label said twice is written once."""
    found = list(table)
    width = max((len(label) for label, _ in found), default=0)
    before = ""
    for label, text in found:
        yield f"{indent}{('' if label == before else label).ljust(width)}  {text}".rstrip()
        before = label


def print_json(value: Any) -> None:
    print(json.dumps(value, indent=2, default=str))

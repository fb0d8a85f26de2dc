"""What happened in the lab, as JSON lines: the one source of timelines, judges and AWS's column.

Two kinds of line:
  {"kind": "event", "at": 1700000000.123, "who": "group", "what": "launching i-0abc", ...data}
  {"kind": "delay", "at": START, "until": END, "name": "boot", "subject": "i-0abc", "source": "https://..."}
`at` and `until` are real seconds since the Unix epoch. A delay line is written when the delay begins.
"""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path
from typing import Any

BYTES_MAX = 32 << 20  # days of a lab at rest, and far more than any drill writes; then it becomes FILE.1, and the former FILE.1 is gone


class Journal:
    """Append-only; safe to write from any thread or process (one write() per line, O_APPEND); two files of BYTES_MAX at most."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._file = path.open("a", buffering=1, encoding="utf-8")

    def say(self, who: str, what: str, **data: Any) -> None:
        """Record an event now. who: a part ("group", "alarm", "recover_assembly", an instance id)."""
        self._write({"kind": "event", "at": time.time(), "who": who, "what": what, **data})

    def delay(self, name: str, subject: str, *, start: float, end: float, source: str) -> None:
        """Record that AWS itself takes from start to end: its own column in every result."""
        self._write({"kind": "delay", "at": start, "until": end, "name": name, "subject": subject, "source": source})

    def _write(self, line: dict[str, Any]) -> None:
        text = json.dumps(line, default=str) + "\n"
        with self._lock:
            if os.fstat(self._file.fileno()).st_size + len(text) > BYTES_MAX:
                self._file.close()
                self.path.replace(self.path.with_name(self.path.name + ".1"))
                self._file = self.path.open("a", buffering=1, encoding="utf-8")
            self._file.write(text)


def read(path: Path, offset: int = 0) -> tuple[list[dict[str, Any]], int]:
    """Whole lines from a byte offset on, and the offset to go on from; from the start of a file that was begun anew."""
    with path.open("rb") as file:
        if offset > os.fstat(file.fileno()).st_size:
            offset = 0
        file.seek(offset)
        data = file.read()
    end = data.rfind(b"\n") + 1
    return [json.loads(line) for line in data[:end].splitlines()], offset + end

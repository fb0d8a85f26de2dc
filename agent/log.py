"""The agent's log: one line of JSON for each decision, and the last of them kept as evidence."""

from __future__ import annotations

import json
import sys
import time
from collections import deque
from typing import Any, TextIO

LINES_KEPT = 200
LINE_CHARS_MAX = 2000


class Log:
    """Writes to the journal (standard output) and remembers the last lines. `context` goes into every line."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream if stream is not None else sys.stdout
        self._kept: deque[str] = deque(maxlen=LINES_KEPT)
        self.context: dict[str, Any] = {}

    def say(self, event: str, **fields: Any) -> None:
        at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime()) + f".{time.time_ns() // 1_000_000 % 1000:03d}Z"
        line = json.dumps({"at": at, "event": event, **self.context, **fields}, default=str)
        if len(line) > LINE_CHARS_MAX:
            line = json.dumps({"at": at, "event": event, "cut": line[: LINE_CHARS_MAX - 200]})
        self._kept.append(line)
        try:
            print(line, file=self._stream, flush=True)
        except OSError:
            return  # a journal that is gone must not take the applications with it; the tail still goes to the bucket

    def tail(self) -> bytes:
        """The last lines, oldest first."""
        return "".join(f"{line}\n" for line in self._kept).encode()


class Once:
    """Says a trouble when it begins and when it ends, not while it lasts."""

    def __init__(self, log: Log, subject: str) -> None:
        self._log, self._subject, self._trouble = log, subject, False

    def trouble(self, reason: object) -> None:
        if not self._trouble:
            self._log.say(f"{self._subject}-trouble", reason=str(reason))
        self._trouble = True

    def well(self) -> None:
        if self._trouble:
            self._log.say(f"{self._subject}-well-again")
        self._trouble = False

"""The agent's log: one line of JSON for each decision, and the last of them kept as evidence."""

from __future__ import annotations

import json
import logging
import sys
import threading
import time
from collections import deque
from contextlib import suppress
from typing import Any, TextIO

LINES_KEPT = 200
LINE_CHARS_MAX = 2000
TEXT_CHARS_MAX = 600  # of what a library says, so that the line is not cut
LINES_WAITING_MAX = 1000  # some 200 KB; a journal that takes nothing for longer gets told how many it missed


class Log:
    """Writes to the journal (standard output) and remembers the last lines. `context` goes into every line.

    A thread does the writing: a journal that is stuck blocks whoever writes to it, and that must not be the cycle.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream if stream is not None else sys.stdout
        self._kept: deque[str] = deque(maxlen=LINES_KEPT)
        self._waiting: deque[str] = deque()
        self._dropped = 0
        self._changed = threading.Condition()
        self._writer: threading.Thread | None = None
        self.context: dict[str, Any] = {}

    def say(self, event: str, **fields: Any) -> None:
        """Never waits, never fails."""
        line = self._line(event, **fields)
        self._kept.append(line)
        with self._changed:
            if len(self._waiting) >= LINES_WAITING_MAX:
                self._dropped += 1
                return
            self._waiting.append(line)
            if self._writer is None:
                self._begin()
            self._changed.notify_all()

    def flush(self, timeout_s: float = 1.0) -> bool:
        """Wait until all is written, so long at most; whether it is."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._waiting, timeout_s)

    def tail(self) -> bytes:
        """The last lines, oldest first."""
        return "".join(f"{line}\n" for line in self._kept).encode()

    def _line(self, event: str, **fields: Any) -> str:
        now_ns = time.time_ns()
        at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now_ns // 10**9)) + f".{now_ns // 10**6 % 1000:03d}Z"
        line = json.dumps({"at": at, "event": event, **self.context, **fields}, default=str)
        if len(line) > LINE_CHARS_MAX:
            line = json.dumps({"at": at, "event": event, "cut": line[: LINE_CHARS_MAX - 200]})
        return line

    def _begin(self) -> None:
        thread = threading.Thread(target=self._write, name="log", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            return  # no thread to be had: the lines wait, and the next one tries again
        self._writer = thread

    def _write(self) -> None:
        """Lines stay in the queue until they are written, so that `flush` knows."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: bool(self._waiting))
                lines = list(self._waiting)
            for line in lines:
                # A journal that is gone must not take the applications with it; the tail still goes to the bucket.
                with suppress(OSError, ValueError):
                    print(line, file=self._stream, flush=True)
                with self._changed:
                    self._waiting.popleft()
                    if self._dropped and not self._waiting:
                        self._waiting.append(self._line("lines-dropped", count=self._dropped))
                        self._dropped = 0
                    self._changed.notify_all()


class FromLibraries(logging.Handler):
    """What asyncio and the AWS client complain of, among it a fault in a callback of ours: one line of JSON each, and bounded.

    Left alone, Python writes such to standard error, tracebacks on many lines, by whoever complains and as long as that takes.
    """

    def __init__(self, log: Log) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        # Of a traceback the end: it tells where it was raised, and what.
        traceback = logging.Formatter().formatException(record.exc_info)[-TEXT_CHARS_MAX:] if record.exc_info else ""
        self._log.say("library", by=record.name, reason=record.getMessage()[:TEXT_CHARS_MAX], traceback=traceback)


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

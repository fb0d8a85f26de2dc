"""The HA port's own log, off unless a folder is named (the seed's mz.ha.log_file): verdicts, refusals, statistics.

Bounded in lines a second, in bytes and in files. A disk that is full, read-only or slow costs lines, never an answer.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from pathlib import Path

from agent.ha_port import HaServer
from core.node.ha_port import Told, one_line

FILE_BYTES_MAX = 1 << 20
FILES_KEPT = 3  # besides the one that is written
LINES_WAITING_MAX = 100  # for the next writing; more are counted, not kept
LOOK_S = 1.0
STATISTICS_S = 60.0
STATISTICS_CHARS_MAX = 4000


class HaLog:
    """Looks at one HA port each second, and writes what changed into FOLDER/NAME.log."""

    def __init__(self, folder: str, name: str, server: HaServer) -> None:
        self._path = Path(folder) / f"{name}.log"
        self._server = server
        self._lines: deque[str] = deque(maxlen=LINES_WAITING_MAX)
        self._lost = 0  # lines that could not be written, or not kept until they could
        self._told: Told | None = None
        self._counts = (0, 0)
        server.refused = self.refused

    async def run(self) -> None:
        """Until cancelled."""
        statistics_at_s = 0.0
        while True:
            self._note_changes()
            if time.monotonic() >= statistics_at_s:
                statistics_at_s = time.monotonic() + STATISTICS_S
                self._note_statistics()
            if self._lines:
                lines, lost = list(self._lines), self._lost
                self._lines.clear()
                self._lost = 0
                if not await asyncio.to_thread(self._write, lines, lost):
                    self._lost += lost + len(lines)
            await asyncio.sleep(LOOK_S)

    def refused(self, what: str) -> None:
        """A line or a connection that the port refused."""
        self._say("debug", f"refused: {one_line(what)}")

    def _note_changes(self) -> None:
        told = self._server.view().subject
        if self._told is None or (told.verdict, told.reason) != (self._told.verdict, self._told.reason):
            self._told = told
            self._say("threshold", f"{told.verdict.value}: {one_line(told.reason)}" if told.reason else told.verdict.value)
        server = self._server
        counts = (server.evicted, server.starved)
        if counts != self._counts:
            self._say("debug", f"closed to make room: {counts[0]}, without a descriptor: {counts[1]}, since the start")
            self._counts = counts

    def _note_statistics(self) -> None:
        server = self._server
        numbers = {
            "connections": server.connections,
            "opened": server.opened,
            "evicted": server.evicted,
            "pings": server.pings,
            "lines": server.lines,
            "errors": server.errors,
        }
        text = json.dumps({**numbers, "status": server.view().status}, default=str)
        self._say("statistics", text if len(text) <= STATISTICS_CHARS_MAX else json.dumps(numbers))

    def _say(self, kind: str, text: str) -> None:
        if len(self._lines) == LINES_WAITING_MAX:
            self._lost += 1  # the oldest makes room
        self._lines.append(f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {kind} {text}\n")

    def _write(self, lines: list[str], lost: int) -> bool:
        """In a thread, for a disk may hang."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a", encoding="ascii", errors="replace") as file:
                file.writelines([f"... {lost} lines lost\n", *lines] if lost else lines)
                size = file.tell()
            if size >= FILE_BYTES_MAX:
                self._rotate()
        except OSError:
            return False
        return True

    def _rotate(self) -> None:
        for number in range(FILES_KEPT, 0, -1):
            older = self._path.with_suffix(f".log.{number}")
            newer = self._path if number == 1 else self._path.with_suffix(f".log.{number - 1}")
            if newer.exists():
                newer.replace(older)

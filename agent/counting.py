"""Adapter: what an application counts for itself, heard on a socket in statsd's words and read from a file of totals.

A counter is a line `name:value|c`, sampled ones `name:value|c|@rate`, several lines to a datagram (statsd's metric types:
https://github.com/statsd/statsd/blob/master/docs/metric_types.md). Anything else is ignored and counted: an application may send
whatever it likes. Each line adds value / rate, cut to millionths. Who sends should not wait for us (MSG_DONTWAIT), and should name the
path each time: the socket is a new one after the agent was started again.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import socket
import stat
import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

from agent.measure.background import Background
from agent.probes.users import run_as
from agent.totals_file import Totals, read_totals
from core.application import Application

SOCKET = "UNDERSTUDY_COUNTERS"  # environment variables of the application
FILE = "UNDERSTUDY_COUNTERS_FILE"
FOLDER = Path("/run/understudy/counters")
DATAGRAM_BYTES_MAX = 1432  # what statsd's clients keep to, for it fits an Ethernet frame
COUNTERS_MAX = 100
DATAGRAMS_AT_ONCE = 64  # then others have their turn
TELL_EVERY_S = 1.0
READ_EVERY_S = 1.0
_MILLIONTHS = 1_000_000
# No sign: a counter only grows. Tags (|#...) are DogStatsD's, and say nothing here.
_LINE = re.compile(rb"([!-9;-{}~]{1,100}):(\d{1,15}(?:\.\d{1,9})?)\|c(?:\|@([01]?(?:\.\d{1,6})?))?(?:\|#[ -{}~]*)?\r?")


class Counting:
    """Counters of one application, over all its runs since the agent began.

    ignored: lines that were no counters, and those of one counter too many. changed: called when something was heard, once a second
    at most.
    """

    def __init__(self, application: Application, changed: Callable[[], None] | None = None, *, folder: Path = FOLDER) -> None:
        self.ignored = 0
        self._counters, self._user, self._changed = application.counters, application.user, changed
        rules = self._counters.rules if self._counters is not None else ()
        self._wanted = {rule.name for rule in rules} | {rule.needs[0] for rule in rules if rule.needs is not None}
        self._path = folder / f"{application.name}.sock"
        self._socket: socket.socket | None = None
        self._inode = 0
        self._cannot_listen = ""
        self._heard: dict[str, int] = {}  # in millionths
        self._telling: asyncio.TimerHandle | None = None
        self._file = self._counters.file if self._counters is not None else None
        self._reading = Background[Totals]((FILE, self._path), self._read_file, every_s=READ_EVERY_S)
        self._read = Totals({})

    def open(self) -> None:
        """Listen from now on, where the settings ask for counters. Raises nothing: what does not work is said in `trouble`."""
        if self._counters is None or self._socket is not None:
            return
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        try:
            self._bind(listener)
        except (OSError, LookupError) as error:
            listener.close()
            self._cannot_listen = f"counters cannot be heard at {self._path}: {error}"
            return
        self._cannot_listen, self._socket = "", listener
        asyncio.get_running_loop().add_reader(listener, self._on_datagrams)

    def close(self) -> None:
        """Listen no more. What was counted stays."""
        if self._telling is not None:
            self._telling.cancel()
            self._telling = None
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None
            with contextlib.suppress(OSError):
                if self._path.stat().st_ino == self._inode:
                    self._path.unlink()

    @property
    def environment(self) -> dict[str, str]:
        """What the application is told."""
        if self._counters is None:
            return {}
        return {SOCKET: str(self._path)} | ({FILE: self._file} if self._file is not None else {})

    @property
    def totals(self) -> dict[str, int]:
        """By counter, what was heard and what the file says added up. Looks at the file again when it is time to."""
        totals = {name: millionths // _MILLIONTHS for name, millionths in self._heard.items()}
        self._look()
        for name, total in self._read.by_name.items():
            totals[name] = totals.get(name, 0) + total
        return totals

    @property
    def trouble(self) -> str:
        """Why counters cannot be heard or read at present; "" when all is well. The file's last good totals stand meanwhile."""
        of_file = f"counters' file {self._file} {self._read.trouble}" if self._file is not None and self._read.trouble else ""
        return "; ".join(text for text in (self._cannot_listen, of_file) if text)

    def _read_file(self) -> Totals:
        return read_totals(self._file or "", COUNTERS_MAX, self._wanted)

    def _look(self) -> None:
        if self._file is None:
            return
        found = self._reading.latest(now_s=time.monotonic())
        if found is None and self._reading.hangs:
            found = Totals({}, "cannot be read: the look hangs")
        if found is not None:
            self._read = Totals(self._read.by_name, found.trouble) if found.trouble else found

    def _bind(self, listener: socket.socket) -> None:
        """Open to the application's user and nobody else; whoever had the path before is gone with its agent."""
        self._path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            if not stat.S_ISSOCK(self._path.lstat().st_mode):
                raise OSError("it is there, and is no socket")
            self._path.unlink()
        os.fchmod(listener.fileno(), 0o600)  # before it has a name, so that it is never open to others (unix(7))
        listener.bind(str(self._path))
        self._path.chmod(0o600)
        who = run_as(self._user)
        if who.user is not None and who.group is not None:
            os.chown(self._path, who.user, who.group)
        self._inode = self._path.stat().st_ino

    # --- statsd --------------------------------------------------------------------------------------------------

    def _on_datagrams(self) -> None:
        assert self._socket is not None, "it is read only while it is open"
        for _ in range(DATAGRAMS_AT_ONCE):
            try:
                datagram = self._socket.recv(DATAGRAM_BYTES_MAX + 1)
            except OSError:  # none left, above all
                break
            self.heed(datagram)
        if self._changed is not None and self._telling is None:
            self._telling = asyncio.get_running_loop().call_later(TELL_EVERY_S, self._tell)

    def _tell(self) -> None:
        self._telling = None
        if self._changed is not None:
            self._changed()

    def heed(self, datagram: bytes) -> None:
        """Count what one datagram says. Never raises."""
        if len(datagram) > DATAGRAM_BYTES_MAX:
            self.ignored += 1
            return
        for line in datagram.split(b"\n"):
            if line.strip(b"\r") and not self._count(line):
                self.ignored += 1

    def _count(self, line: bytes) -> bool:
        match = _LINE.fullmatch(line)
        if match is None:
            return False
        name, value, rate = match[1].decode("ascii"), match[2].decode("ascii"), match[3]
        if name not in self._heard and name not in self._wanted and len(self._heard) >= COUNTERS_MAX:
            return False
        if rate is None:
            millionths = Fraction(value) * _MILLIONTHS if "." in value else int(value) * _MILLIONTHS
        else:
            share = Fraction(rate.decode("ascii")) if rate.strip(b".") else Fraction(0)
            if not 0 < share <= 1:
                return False
            millionths = Fraction(value) / share * _MILLIONTHS
        self._heard[name] = self._heard.get(name, 0) + int(millionths)
        return True

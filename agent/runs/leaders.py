"""The first process of a run that no systemd holds: our own child, or that of an agent which is no more."""

from __future__ import annotations

import subprocess
from typing import Protocol

from agent.runs import proc
from agent.runs.proc import Process
from agent.runs.state import ADOPTED_END, words_for_wait


class Leader(Protocol):
    """The first process of a run."""

    pid: int

    def start_ticks(self) -> int:
        """When it began; 0 once nobody can tell, which no process of a later agent has."""

    def collect(self) -> str:
        """It has ended: why. Its pid may belong to anybody from now on."""


class Own:
    """Our child."""

    def __init__(self, popen: subprocess.Popen[bytes]) -> None:
        self._popen, self.pid, self._ticks = popen, popen.pid, 0
        proc.leaders.add(self.pid)
        proc.sessions.add(self.pid)

    def start_ticks(self) -> int:
        if self._ticks == 0 and self._popen.returncode is None:
            process = proc.read_process(self.pid)
            self._ticks = 0 if process is None else process.start_ticks
        return self._ticks

    def collect(self) -> str:
        status = self._popen.wait()
        proc.leaders.discard(self.pid)
        return words_for_wait(status)


class Adopted:
    """A child of an agent that is no more: whoever collects its status, it is not us."""

    def __init__(self, process: Process) -> None:
        self.pid, self._ticks = process.pid, process.start_ticks

    def start_ticks(self) -> int:
        return self._ticks

    def collect(self) -> str:
        return ADOPTED_END

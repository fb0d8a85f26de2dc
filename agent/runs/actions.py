"""One action of a resource agent or an init script: run to its end or to its deadline, what it said kept within bounds."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from agent.runs import files, launch, proc

SAID_BYTES_MAX = 1 << 18  # meta-data of the longest agent there is takes a sixth of it
LOOK_S = 0.02  # between two looks at how much it has said: what fits in between is the most it can have said past its bound
KILLED_S = 1.0  # one that is killed and not gone by then hangs in the kernel; it is collected when it ends
_NAME = "said by an action"


@dataclass(frozen=True, slots=True)
class Acted:
    """status: of its exit, negative for a signal; None: it was killed at its deadline. said: what it wrote, cut at SAID_BYTES_MAX."""

    status: int | None
    said: str
    took_s: float


class Action:
    """A program in a session of its own. Use: `acted = await action.end(timeout_s)`; cancelled or late, its whole session is killed."""

    def __init__(self, argv: Sequence[str], *, environment: Mapping[str, str], directory: str, user: str | None, output: int | None = None):
        """output: where it writes; None: it is kept. Raises OSError: no such program, user, directory, not permitted.

        What is kept goes to a file in memory and not through a pipe: a daemon that an action leaves behind inherits it, and would
        be killed by SIGPIPE once nobody reads. The file is sealed (memfd_create(2)) when it has grown to its bound, or the action
        has ended: past that a writer is told EPERM. It is not made of its full size at first, for whoever appends begins at
        the end: any program may have its standard error do that, as perl does, for all who share it.
        """
        self._loop = asyncio.get_running_loop()
        self._began_s = self._loop.time()
        who = launch.account(user)
        before = files.launcher(argv[0], directory=directory, environment=environment)
        self._said = os.memfd_create(_NAME, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING) if output is None else None
        try:
            if self._said is not None:
                fcntl.fcntl(self._said, fcntl.F_SETFL, os.O_APPEND)
            self._popen = subprocess.Popen(
                [*before, *argv],
                env={**launch.home_of(who), **environment},
                cwd=directory,
                stdin=subprocess.DEVNULL,
                stdout=self._said if output is None else output,
                stderr=self._said if output is None else output,
                start_new_session=True,
                umask=launch.UMASK,
                **launch.identity_of(who),
            )
        except OSError:
            self._forget()
            raise
        proc.leaders.add(self._popen.pid)
        self.pid = self._popen.pid

    def start_ticks(self) -> int:
        process = proc.read_process(self.pid)
        return 0 if process is None else process.start_ticks

    async def end(self, timeout_s: float) -> Acted:
        """Raises OSError: it could not be run after all, or cannot be waited for (no descriptors left); it is killed then."""
        status, name = None, ""
        try:
            if await self._gone(timeout_s):
                name = files.name_of(self.pid)
                status = self._popen.wait()
            took_s = self._loop.time() - self._began_s
        finally:
            if self._popen.poll() is None:
                self._kill()
                await self._gone(KILLED_S)
                self._popen.poll()
            proc.leaders.discard(self.pid)
            said = self._read()
            self._forget()
        if files.in_vain(name, status):
            raise OSError(said.strip())
        return Acted(status, said, took_s)

    async def _gone(self, timeout_s: float) -> bool:
        pidfd = os.pidfd_open(self.pid)
        gone = asyncio.Event()
        self._loop.add_reader(pidfd, gone.set)
        self._keep_within_bound()
        try:
            async with asyncio.timeout(timeout_s):
                await gone.wait()
        except TimeoutError:
            return False
        finally:
            self._loop.remove_reader(pidfd)
            os.close(pidfd)
            self._next_look.cancel()
        return True

    def _keep_within_bound(self) -> None:
        self._next_look = self._loop.call_later(LOOK_S, self._keep_within_bound)
        if self._said is not None and os.fstat(self._said).st_size > SAID_BYTES_MAX:
            self._seal()

    def _seal(self) -> None:
        if self._said is not None:
            fcntl.fcntl(self._said, fcntl.F_ADD_SEALS, fcntl.F_SEAL_GROW)

    def _kill(self) -> None:
        """With whatever of its session lives; what has left the session is the caller's."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        with suppress(OSError):
            for process in proc.every_process():
                if process.session == self.pid:
                    proc.send(process, signal.SIGKILL)

    def _read(self) -> str:
        if self._said is None:
            return ""
        self._seal()
        return os.pread(self._said, SAID_BYTES_MAX, 0).decode(errors="replace")

    def _forget(self) -> None:
        if self._said is not None:
            os.close(self._said)
            self._said = None

"""A short-lived program that a probe runs: its output bounded, its end learnt from the kernel, its whole group killed with it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence

from agent.probes.users import RunAs
from agent.runs import files

OUTPUT_BYTES_MAX = 4096  # kept; the rest is read and dropped, so that a talkative program does not wait for us
STUCK_MAX = 16  # killed, and not gone: they hang in the kernel
_CHUNK_BYTES = 65_536
_awaited: set[int] = set()
_killed: set[int] = set()


def awaited_pids() -> frozenset[int]:
    """Children whose exit status a probe waits for: whoever collects orphans leaves them alone."""
    return frozenset(_awaited)


def stuck() -> int:
    return len(_killed)


class Child:
    """One run of a program, in a session of its own."""

    def __init__(self, argv: Sequence[str], *, environment: Mapping[str, str], directory: str, run_as: RunAs) -> None:
        """Start it now. Raises OSError, ValueError (a NUL in an argument)."""
        before = files.launcher(argv[0], directory=directory, environment=environment)
        self._loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[int | None] = self._loop.create_future()  # exit status, -number for a signal, None: unknown
        self.in_vain = False  # it could not be run after all: `first_line` says why
        self._output = b""
        self._reading, writing = os.pipe()
        try:
            os.set_blocking(self._reading, False)
            self._process = subprocess.Popen(
                [*before, *argv],
                env=dict(environment),
                cwd=directory,
                stdin=subprocess.DEVNULL,
                stdout=writing,
                stderr=writing,
                start_new_session=True,
                user=run_as.user,
                group=run_as.group,
                extra_groups=run_as.groups,
            )
        except BaseException:  # whatever it is, it is the caller's; the pipe must not stay open
            os.close(self._reading)
            raise
        finally:
            os.close(writing)
        try:
            self._pidfd = os.pidfd_open(self._process.pid)
        except OSError:
            self._signal_group()
            self._process.wait()
            os.close(self._reading)
            raise
        _awaited.add(self._process.pid)
        self._loop.add_reader(self._pidfd, self._on_exit)
        self._loop.add_reader(self._reading, self._on_output)

    def kill(self) -> None:
        """Kill the whole group, unless it has ended. Returns at once: it is collected whenever the kernel lets go of it."""
        if not self._collected:
            _killed.add(self._process.pid)
            self._signal_group()

    def first_line(self) -> str:
        """Of its output, the first that is not blank."""
        lines = (line.strip() for line in self._output.decode("utf-8", "replace").splitlines())
        return next((line for line in lines if line), "")

    @property
    def _collected(self) -> bool:
        return self._process.pid not in _awaited

    def _signal_group(self) -> None:
        """Safe from a reused pid: until it is collected the leader's pid, and with it the group's, is not given away."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def _on_output(self) -> None:
        try:
            chunk = os.read(self._reading, _CHUNK_BYTES)
        except BlockingIOError:
            return
        if not chunk:
            self._loop.remove_reader(self._reading)
        elif len(self._output) < OUTPUT_BYTES_MAX:
            self._output += chunk[: OUTPUT_BYTES_MAX - len(self._output)]

    def _on_exit(self) -> None:
        """The leader has ended: what it left behind goes with it, and what it said last is read."""
        self._loop.remove_reader(self._pidfd)
        self._signal_group()
        self._on_output()
        self._loop.remove_reader(self._reading)
        os.close(self._reading)
        name, status = files.name_of(self._process.pid), None
        with contextlib.suppress(ChildProcessError):
            _, code = os.waitpid(self._process.pid, 0)
            status = os.waitstatus_to_exitcode(code)
        self.in_vain = files.in_vain(name, status)
        self._process.returncode = 0 if status is None else status  # Popen is told, so that it looks for it no more
        os.close(self._pidfd)
        _awaited.discard(self._process.pid)
        _killed.discard(self._process.pid)
        if not self.ended.done():
            self.ended.set_result(status)

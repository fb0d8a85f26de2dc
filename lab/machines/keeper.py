"""One small process per unit that all of the unit's processes descend from: the place of a control group.

It is a child subreaper (prctl(2)), so a process that loses its parent becomes the keeper's child and not the init's:
the unit's processes are exactly the keeper's descendants.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import select
import signal
import socket
from typing import Any, NoReturn

from lab.machines.hands import SpawnFailed

_PR_SET_NO_NEW_PRIVS, _PR_SET_CHILD_SUBREAPER = 38, 36  # linux/prctl.h
_MESSAGE_BYTES = 131072
_EXIT_EXEC = 203  # systemd.exec(5), "Process Exit Codes"
_libc = ctypes.CDLL(None, use_errno=True)


class Keeper:
    """The init's handle on a unit's keeper: starts programs there, tells of exits, lists the processes."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._orders, orders = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.exits, exits = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        output, output_end = os.pipe()
        self.output = output  # what the unit's processes write, both streams
        self.pid = os.fork()
        if self.pid == 0:
            try:
                _keep(orders, exits, output_end)
            finally:
                os._exit(0)
        for ours in (orders, exits):
            ours.close()
        os.close(output_end)
        os.set_blocking(self.output, False)
        self.exits.setblocking(False)
        self._orders.settimeout(10)

    def spawn(self, wish: dict[str, Any]) -> int:
        """Start a program: argv, env, cwd, umask, nice, oom_score_adjust, open_files, no_new_privileges. Raises SpawnFailed."""
        data = json.dumps(wish).encode()
        if len(data) > _MESSAGE_BYTES:
            raise SpawnFailed(f"command line and environment take {len(data)} bytes, {_MESSAGE_BYTES} at most")
        try:
            self._orders.send(data)
            reply = json.loads(self._orders.recv(_MESSAGE_BYTES) or b'{"error": "its keeper is gone"}')
        except OSError as error:
            raise SpawnFailed(f"its keeper does not answer: {error}") from error
        if "error" in reply:
            raise SpawnFailed(reply["error"])
        return int(reply["pid"])

    def ended(self) -> list[tuple[int, int]]:
        """(pid, return code; negative: a signal) of whoever ended since the last call."""
        result: list[tuple[int, int]] = []
        while True:
            try:
                data = self.exits.recv(_MESSAGE_BYTES)
            except BlockingIOError:
                return result
            if not data:
                return result
            pid, code = json.loads(data)
            result.append((pid, code))

    def close(self) -> None:
        self._orders.close()
        self.exits.close()
        os.close(self.output)


def _keep(orders: socket.socket, exits: socket.socket, output: int) -> None:
    """Live in the forked child: start what is asked for, reap all, until the init is gone."""
    _forget_other_descriptors({orders.fileno(), exits.fileno(), output})
    _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    os.setsid()
    wake, wake_end = os.pipe()
    os.set_blocking(wake, False)
    os.set_blocking(wake_end, False)
    signal.set_wakeup_fd(wake_end, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    while True:
        readable, _, _ = select.select([orders.fileno(), wake], [], [])
        if orders.fileno() in readable:
            data = orders.recv(_MESSAGE_BYTES)
            if not data:
                return
            orders.send(json.dumps(_start(json.loads(data), output)).encode())
        if wake in readable:
            with contextlib.suppress(BlockingIOError):
                os.read(wake, 4096)
        for pid, code in _reap():
            exits.send(json.dumps([pid, code]).encode())


def _reap() -> list[tuple[int, int]]:
    ended: list[tuple[int, int]] = []
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ended
        if pid == 0:
            return ended
        ended.append((pid, os.waitstatus_to_exitcode(status)))


def _start(wish: dict[str, Any], output: int) -> dict[str, Any]:
    """Fork and exec; the answer waits for the exec, as Type=exec does, and tells why it failed."""
    told, tell = os.pipe()  # close-on-exec: end of file means that the program runs
    pid = os.fork()
    if pid == 0:
        try:
            os.close(told)
            _become(wish, output)
        except OSError as error:
            os.write(tell, str(error).encode()[:1000])
        finally:
            os._exit(_EXIT_EXEC)
    os.close(tell)
    with os.fdopen(told, "rb") as file:
        trouble = file.read(1000)
    if trouble:
        return {"error": f"{wish['argv'][0]}: {trouble.decode(errors='replace')}"}
    return {"pid": pid}


def _become(wish: dict[str, Any], output: int) -> NoReturn:
    """Turn this process into the program; returns only through an exception."""
    os.setsid()
    nothing = os.open("/dev/null", os.O_RDONLY)
    for source, target in ((nothing, 0), (output, 1), (output, 2)):
        os.dup2(source, target)
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    os.umask(wish["umask"])
    os.nice(wish["nice"])
    if wish["open_files"] is not None:
        resource.setrlimit(resource.RLIMIT_NOFILE, tuple(wish["open_files"]))
    if wish["oom_score_adjust"] is not None:
        # Lowering it takes a capability in the host's own user namespace, which only real root has.
        with contextlib.suppress(PermissionError), open("/proc/self/oom_score_adj", "w") as file:
            file.write(str(wish["oom_score_adjust"]))
    if wish["no_new_privileges"]:
        _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    os.chdir(wish["cwd"])
    environment = dict(wish["env"])
    if environment.get("WATCHDOG_USEC"):
        environment["WATCHDOG_PID"] = str(os.getpid())
    os.execve(wish["argv"][0], wish["argv"], environment)  # noqa: S606 - an argument list, as the unit says


def _forget_other_descriptors(keep: set[int]) -> None:
    for name in os.listdir("/proc/self/fd"):
        if int(name) > 2 and int(name) not in keep:
            with contextlib.suppress(OSError):
                os.close(int(name))

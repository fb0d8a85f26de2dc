"""The agent's side of its local socket: looks at once, does what it is asked, answers when it is done."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.connection import Connection
from agent.ports import Holder, Trouble
from agent.serving import PortInUse, Server

CONNECTIONS_MAX = 32
REQUEST_BYTES_MAX = 4096
IDLE_S = 10.0  # a program asks at once
ACTION_S_MAX = 900.0
ACTIONS = frozenset({"offline", "clean", "online"})
LOOKS = frozenset({"status", "why"})


class BadRequest(ValueError):
    """Names the key and the value."""


@dataclass(frozen=True, slots=True)
class Request:
    """One line, taken apart. application: None means all."""

    do: str
    application: str | None
    timeout_s: float


def parse_request(line: bytes, holder: Holder, by_port: Mapping[int, str | None]) -> Request:
    """by_port: whom each HA port stands for, None: the node. Raises BadRequest."""
    try:
        asked = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"not JSON: {error}") from error
    if not isinstance(asked, dict):
        raise BadRequest(f"{asked!r:.80}: expected an object")
    unknown = asked.keys() - {"do", "application", "port", "timeout_s"}
    if unknown:
        raise BadRequest(f"unknown key {min(unknown)!r:.80}")
    do, application, timeout_s = asked.get("do"), asked.get("application"), asked.get("timeout_s", ACTION_S_MAX)
    if not isinstance(do, str) or do not in ACTIONS | LOOKS:
        raise BadRequest(f"do is {do!r:.80}: use one of {sorted(ACTIONS | LOOKS)}")
    if type(timeout_s) not in (int, float) or not 0 < timeout_s <= ACTION_S_MAX:
        raise BadRequest(f"timeout_s is {timeout_s!r:.80}: use more than 0 and at most {ACTION_S_MAX:g}")
    if "port" in asked:
        if application is not None or type(asked["port"]) is not int or asked["port"] not in by_port:
            raise BadRequest(f"port is {asked['port']!r:.80}: use an HA port, one of {sorted(by_port)}, in place of application")
        application = by_port[asked["port"]]
    names = list(holder.view().applications)
    if application is not None and application not in names:
        raise BadRequest(f"application is {application!r:.80}: use one of {names}")
    return Request(do, application, float(timeout_s))


class ControlServer(Server):
    def __init__(self, holder: Holder, by_port: Mapping[int, str | None]) -> None:
        super().__init__("control socket", _ControlConnection, connections_max=CONNECTIONS_MAX, idle_s=IDLE_S)
        self.holder, self.by_port = holder, by_port
        self._path: Path | None = None
        self._inode = 0
        self._acting: set[asyncio.Task[str]] = set()
        self._answering: set[asyncio.Task[None]] = set()

    @property
    def is_open(self) -> bool:
        return self._path is not None

    async def open_at(self, path: Path) -> None:
        """Listen at a path, which what a dead agent left there gives way to. Raises PortInUse."""
        listener = socket.socket(socket.AF_UNIX)
        try:
            path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            _clear(path)
            os.fchmod(listener.fileno(), 0o600)  # before it has a name, so that it is never open to others (unix(7))
            listener.bind(str(path))
            path.chmod(0o600)
            listener.listen(CONNECTIONS_MAX)
        except (OSError, PortInUse) as error:
            listener.close()
            raise PortInUse(f"control socket {path}: {getattr(error, 'strerror', None) or error}") from error
        self._path, self._inode = path, path.stat().st_ino
        self.listen(listener)

    async def close(self) -> None:
        """What is under way is given up with the agent; a socket that is no longer ours stays."""
        if self._path is not None:
            with contextlib.suppress(OSError):
                if self._path.stat().st_ino == self._inode:
                    self._path.unlink()
        tasks = [*self._answering, *self._acting]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await super().close()

    def answer(self, request: Request, connection: _ControlConnection) -> None:
        """Begin it, and have the connection told when it is done."""
        task = self._loop.create_task(self._answer(request, connection), name=f"{request.do}, asked at the control socket")
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)

    def look(self, request: Request) -> dict[str, Any]:
        if request.do == "why":
            names = [request.application] if request.application is not None else list(self.holder.view().applications)
            return {"ok": True, "why": {name: self.holder.why(name) for name in names}}
        return {"ok": True, "status": dict(self.holder.view(request.application).status)}

    async def _answer(self, request: Request, connection: _ControlConnection) -> None:
        act = self._loop.create_task(getattr(self.holder, request.do)(request.application), name=request.do)
        self._acting.add(act)
        act.add_done_callback(self._acting.discard)
        # Whoever asked may lose patience or leave; what was begun is brought to its end, for half of it helps nobody.
        done, _ = await asyncio.wait({act}, timeout=request.timeout_s)
        if not done:
            connection.say({"ok": False, "under_way": True, "error": f"still under way after {request.timeout_s:g} s"})
            return
        try:
            connection.say({"ok": True, "done": act.result()})
        except Trouble as trouble:
            connection.say({"ok": False, "error": str(trouble)})


class _ControlConnection(Connection):
    __slots__ = ("_acting", "_unfinished")
    server: ControlServer

    def __init__(self, server: Server) -> None:
        super().__init__(server)
        self._unfinished = b""
        self._acting = False

    def patience_s(self) -> float:
        return ACTION_S_MAX + IDLE_S if self._acting else IDLE_S

    def eof_received(self) -> bool:
        return self._acting

    def received(self, data: bytes) -> None:
        self._unfinished += data
        self.resumed()

    def resumed(self) -> None:
        """One request after the other; what comes meanwhile waits in the kernel."""
        while not (self._acting or self.slow or self.transport.is_closing()) and b"\n" in self._unfinished:
            line, _, self._unfinished = self._unfinished.partition(b"\n")
            self.heard()
            try:
                if len(line) > REQUEST_BYTES_MAX:
                    raise BadRequest(f"line longer than {REQUEST_BYTES_MAX} bytes")
                request = parse_request(line, self.server.holder, self.server.by_port)
            except BadRequest as error:
                self._write({"ok": False, "error": str(error)})
                continue
            if request.do in LOOKS:
                self._write(self.server.look(request))
            else:
                self._acting = True
                self.transport.pause_reading()
                self.server.answer(request, self)
        if len(self._unfinished) > 2 * REQUEST_BYTES_MAX:
            self._write({"ok": False, "error": f"line longer than {REQUEST_BYTES_MAX} bytes"})
            self._unfinished = b""
            self.dismiss()

    def say(self, answer: Mapping[str, Any]) -> None:
        """What was asked for is done, or will not be."""
        self._acting = False
        if not self.transport.is_closing():
            self.heard()
            self._write(answer)
            self.transport.resume_reading()
            self.resumed()

    def _write(self, answer: Mapping[str, Any]) -> None:
        self.transport.write(json.dumps(answer, separators=(",", ":"), default=str).encode() + b"\n")


def _clear(path: Path) -> None:
    """Remove the socket of an agent that is gone. Raises PortInUse when one listens, or when it is no socket."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise PortInUse("it is there, and is no socket")
    with socket.socket(socket.AF_UNIX) as other:
        other.settimeout(1.0)
        try:
            other.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
        except OSError as error:
            raise PortInUse(f"it cannot be told whether another agent listens: {error}") from error
        else:
            raise PortInUse("another agent listens")

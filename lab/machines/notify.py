"""The socket of sd_notify(3): datagrams with the sender's process id, as systemd receives them."""

from __future__ import annotations

import os
import socket
import struct
from pathlib import Path

_CREDENTIALS = struct.Struct("iII")  # struct ucred: pid, uid, gid
_DATAGRAM_BYTES = 4096
_DATAGRAMS_AT_ONCE = 256


class NotifySocket:
    """Bound at a path (NOTIFY_SOCKET); never blocks."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self.socket.bind(str(path))
        path.chmod(0o777)

    def received(self) -> list[tuple[int, dict[str, str]]]:
        """(process id, fields) of the datagrams that wait, oldest first."""
        result: list[tuple[int, dict[str, str]]] = []
        while len(result) < _DATAGRAMS_AT_ONCE:
            try:
                data, ancillary, flags, _ = self.socket.recvmsg(
                    _DATAGRAM_BYTES, socket.CMSG_SPACE(_CREDENTIALS.size) + socket.CMSG_SPACE(64)
                )
            except BlockingIOError:
                break
            pid = _taken(ancillary)
            if pid is not None and not flags & socket.MSG_TRUNC:
                result.append((pid, parse(data)))
        return result


def parse(data: bytes) -> dict[str, str]:
    """KEY=VALUE lines; others are ignored, as systemd does."""
    pairs = (line.partition("=") for line in data.decode(errors="replace").splitlines())
    return {key: value for key, separator, value in pairs if separator}


def _taken(ancillary: list[tuple[int, int, bytes]]) -> int | None:
    """The sender's pid. Descriptors are closed at once: that is what BARRIER=1 waits for, and we store none."""
    pid = None
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            for (number,) in struct.iter_unpack("i", data[: len(data) - len(data) % 4]):
                os.close(number)
        elif level == socket.SOL_SOCKET and kind == socket.SCM_CREDENTIALS:
            pid = _CREDENTIALS.unpack(data[: _CREDENTIALS.size])[0]
    return pid

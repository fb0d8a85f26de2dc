"""The HA port on a socket: an asyncio server around core.node.ha_port."""

from __future__ import annotations

import time
from collections.abc import Callable

from agent.connection import WRITE_BUFFER_BYTES, Connection
from agent.serving import Server
from core.node.ha_port import ERRORS_MAX, LineReader, LineTooLong, View, answer

IDLE_S = 60.0  # a person at a terminal thinks for so long; a prober asks and closes
NODE_CONNECTIONS_MAX = 1100  # a thousand who stay, and room for those who ask and leave
APPLICATION_CONNECTIONS_MAX = 256
EVICTED = b"ERROR too many connections; this one was silent longest\r\n"
# What machines send, and nothing else: answered without taking it apart.
_PINGS = (b"ping\r\n", b"ping\n", b"PING\r\n", b"PING\n")
_PING_BYTES = frozenset(map(len, _PINGS))


class HaServer(Server):
    """Answers from the view as it is at each line. A view that is the same object again has the same answer to `ping`."""

    def __init__(self, view: Callable[[], View], purpose: str, connections_max: int) -> None:
        super().__init__(purpose, _HaConnection, connections_max=connections_max, idle_s=IDLE_S)
        self.view = view
        self.refused: Callable[[str], None] = lambda what: None  # told of each line refused
        self.pings = self.lines = self.errors = 0  # since the start; a ping is a line too
        self._pinged: View | None = None
        self._ping = b""

    def ping(self) -> bytes:
        view = self.view()
        if view is not self._pinged:
            self._pinged, self._ping = view, answer("ping", view).text.encode("ascii")
        self.pings += 1
        return self._ping


class _HaConnection(Connection):
    __slots__ = ("_errors", "_left", "_lines")
    server: HaServer

    def __init__(self, server: Server) -> None:
        super().__init__(server)
        self._lines, self._errors = LineReader(), 0
        self._left: list[str] = []  # lines to be answered once the other side reads again

    def buffer_updated(self, nbytes: int) -> None:
        if nbytes in _PING_BYTES and self.server.bytes[:nbytes] in _PINGS and self._lines.at_rest and self.lingering is None:
            self.heard_at_s = time.monotonic()
            self.transport.write(self.server.ping())
        else:
            super().buffer_updated(nbytes)

    def received(self, data: bytes) -> None:
        try:
            lines = self._lines.feed(data)
        except LineTooLong as error:
            self._refuse(str(error))
            self.transport.write(f"ERROR {error}\r\n".encode())
            self.dismiss()
            return
        if lines:
            self.heard()
            self._answer(lines)

    def resumed(self) -> None:
        lines, self._left = self._left, []
        self._answer(lines)

    def evicted(self) -> None:
        self.transport.write(EVICTED)
        self.transport.close()

    def _answer(self, lines: list[str]) -> None:
        """All answers in one piece, unless they are large: then as the other side takes them."""
        view, texts, chars = self.server.view(), list[str](), 0
        self.server.lines += len(lines)
        for index, line in enumerate(lines):
            said = answer(line, view)
            texts.append(said.text)
            chars += len(said.text)
            if said.error:
                self._refuse(line)
            if said.close or self._errors >= ERRORS_MAX:
                self.transport.write("".join(texts).encode("ascii", "replace"))
                self.dismiss()
                return
            if chars > WRITE_BUFFER_BYTES:
                self.transport.write("".join(texts).encode("ascii", "replace"))
                texts, chars = [], 0
                if self.slow or self.transport.is_closing():  # it does not read, or has left
                    self._left = lines[index + 1 :]
                    self.server.lines -= len(self._left)
                    return
        if texts:
            self.transport.write("".join(texts).encode("ascii", "replace"))

    def _refuse(self, what: str) -> None:
        self._errors += 1
        self.server.errors += 1
        self.server.refused(what)


def ha_server(view: Callable[[], View], purpose: str, connections_max: int = NODE_CONNECTIONS_MAX) -> HaServer:
    return HaServer(view, purpose, connections_max)

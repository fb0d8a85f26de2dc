"""One connection to a port of ours: how long it may be silent, how much may wait for it, and how it is ended."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol

WRITE_TIMEOUT_S = 5.0
WRITE_BUFFER_BYTES = 16384
# Closing while unread input is there resets the connection, and the last answer with it (RFC 2525 2.17): after a refusal
# the rest is read and thrown away, for so long and so much.
LINGER_S = 1.0
SWEEP_S_MAX = 1.0
LINGER_BYTES = 256 << 10


def sweep_s(idle_s: float) -> float:
    """Between two looks at who has taken too long: often enough that none has much more than its time."""
    return max(0.01, min(SWEEP_S_MAX, idle_s / 4, WRITE_TIMEOUT_S / 4))


class Owner(Protocol):
    """The port that a connection came in by. buffer: all its connections share it, for it is emptied before the next is read."""

    idle_s: float
    buffer: memoryview

    def let_in(self, connection: Connection) -> None: ...

    def forget(self, connection: Connection) -> None: ...


class Connection(asyncio.BufferedProtocol):
    """One connection. Its kind says what `received` bytes are answered with; this says how long it may take."""

    __slots__ = ("address", "heard_at_s", "lingering", "server", "slow", "transport")
    transport: asyncio.Transport
    server: Owner

    def __init__(self, server: Owner) -> None:
        self.server, self.address = server, ""
        self.heard_at_s = time.monotonic()
        self.slow = False  # it does not read what we write
        self.lingering: int | None = None  # bytes that may still be thrown away; None: it is listened to

    def heard(self) -> None:
        """It said something whole: it is the last to be closed now."""
        self.heard_at_s = time.monotonic()

    # --- what a kind of connection says ---------------------------------------------------------------------

    def received(self, data: bytes) -> None:
        raise NotImplementedError

    def resumed(self) -> None:
        """The other side reads again: go on with what was left."""

    def patience_s(self) -> float:
        """How long it may be silent now."""
        return self.server.idle_s

    def evicted(self) -> None:
        """Room is needed: say so, if there is a way."""
        self.transport.close()

    def dismiss(self) -> None:
        """The last word was said; whatever the other side still sends is not listened to."""
        if self.lingering is None and not self.transport.is_closing():
            self.lingering = LINGER_BYTES
            self.heard()
            if self.transport.can_write_eof():
                self.transport.write_eof()
            else:
                self.transport.close()

    # --- what asyncio asks of it ----------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.set_write_buffer_limits(high=WRITE_BUFFER_BYTES)
        self.server.let_in(self)

    def connection_lost(self, error: Exception | None) -> None:
        self.server.forget(self)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self.server.buffer

    def buffer_updated(self, nbytes: int) -> None:
        if self.lingering is None:
            self.received(bytes(self.server.buffer[:nbytes]))
            return
        self.lingering -= nbytes
        if self.lingering < 0:
            self.transport.abort()

    def pause_writing(self) -> None:
        self.slow = True
        self.heard()
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        self.slow = False
        self.heard()
        if not self.transport.is_closing():
            self.transport.resume_reading()
            if self.lingering is None:
                self.resumed()

    def overdue(self, now_s: float) -> bool:
        if self.slow or self.transport.is_closing():
            return now_s - self.heard_at_s > WRITE_TIMEOUT_S
        return now_s - self.heard_at_s > (LINGER_S if self.lingering is not None else self.patience_s())

    def give_up(self) -> None:
        """It took too long: nothing more is said to one who does not read."""
        if self.slow or self.lingering is not None or self.transport.is_closing():
            self.transport.abort()
        else:
            self.heard()  # and now it has so long to take what is left
            self.transport.close()

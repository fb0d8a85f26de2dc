"""What every port of ours keeps to: so many connections, so long, so little memory each, and a slow reader is dropped.

A newcomer is always let in. When there is no room, the connection that has been silent longest is closed, of the address
that holds the most: whoever parks connections crowds out his own, and neither a balancer's check nor probe_nodes, which
ask and leave, can be locked out.
"""

from __future__ import annotations

import asyncio
import errno
import resource
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from operator import attrgetter

from agent.connection import Connection, sweep_s

# In the kernel, each way. Left to itself it keeps up to 4 MiB for a reader who takes nothing (tcp_wmem), and a thousand of
# them would leave no TCP memory to anybody on the machine (tcp_mem in tcp(7)).
SOCKET_BYTES = 65536
READ_BYTES = 4096  # at a time; all connections of a port share the buffer, for it is emptied before the next is read
ACCEPT_AT_ONCE = 64  # so that a flood of newcomers leaves turns to those who are in
BACKLOG = 1024
STARVED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
STARVED_PAUSE_S = 0.2  # without a free descriptor accept fails at once, again and again: it must not spin
DESCRIPTORS_KEPT = 256  # for everything else that the agent opens: files, pidfds, AWS
HANDSHAKE_S = 5.0


class PortInUse(Exception):
    """A port that cannot be bound: names what it is for, the address and why."""


class Server:
    """One port, on one or more addresses. Whatever goes wrong with a connection stays with that one."""

    def __init__(
        self,
        purpose: str,
        kind: Callable[[Server], Connection],
        *,
        connections_max: int,
        idle_s: float,
        tls: Callable[[], ssl.SSLContext] | None = None,
    ) -> None:
        """tls: gives the context for the next connection."""
        self._purpose, self._kind, self._tls = purpose, kind, tls
        self._loop = asyncio.get_running_loop()
        self.idle_s = idle_s
        self.connections_max = min(connections_max, max(16, (resource.getrlimit(resource.RLIMIT_NOFILE)[0] - DESCRIPTORS_KEPT) // 2))
        self.bytes = bytearray(READ_BYTES)
        self.buffer = memoryview(self.bytes)
        self.opened = self.evicted = self.starved = 0  # since the start
        self._listeners: list[socket.socket] = []
        self._by_address: dict[str, set[Connection]] = {}
        self._connections = 0
        self._arriving: set[Connection] = set()  # accepted, not yet told so; over TLS that may take HANDSHAKE_S
        self._opening: set[asyncio.Task[None]] = set()
        self._sweep: asyncio.TimerHandle | None = None

    @property
    def port(self) -> int:
        return int(self._listeners[0].getsockname()[1])

    @property
    def connections(self) -> int:
        return self._connections

    async def open(self, hosts: Sequence[str], port: int) -> None:
        """Listen on all of them. Raises PortInUse."""
        for host in dict.fromkeys(hosts):
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            try:
                listener = socket.create_server((host, port), family=family, backlog=BACKLOG)
            except OSError as error:
                await self.close()
                raise PortInUse(f"{self._purpose}: cannot listen on {host} port {port}: {error.strerror or error}") from error
            for buffer in (socket.SO_SNDBUF, socket.SO_RCVBUF):
                listener.setsockopt(socket.SOL_SOCKET, buffer, SOCKET_BYTES)  # handed on to each connection
            self.listen(listener)

    def listen(self, listener: socket.socket) -> None:
        """Serve a socket that listens already."""
        listener.setblocking(False)
        self._listeners.append(listener)
        self._loop.add_reader(listener, self._accept, listener)

    async def close(self) -> None:
        for listener in self._listeners:
            self._loop.remove_reader(listener)
            listener.close()
        self._listeners.clear()
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None
        for task in self._opening:
            task.cancel()
        for connections in list(self._by_address.values()):
            for connection in list(connections):
                connection.transport.abort()
        while self._connections or self._opening:
            await asyncio.sleep(0)  # each is told that it is lost

    # --- letting in and out ---------------------------------------------------------------------------------

    def _accept(self, listener: socket.socket) -> None:
        for _ in range(ACCEPT_AT_ONCE):
            try:
                peer, _address = listener.accept()
            except OSError as error:
                # Anything else is about that one newcomer, who has left again (accept(2), "Error handling").
                if error.errno in STARVED:
                    self._starve(listener)
                return
            if self._connections + len(self._arriving) >= self.connections_max and not self._evict():
                peer.close()  # all are still arriving
                continue
            connection = self._kind(self)
            self._arriving.add(connection)
            task = self._loop.create_task(self._open(connection, peer))
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)

    async def _open(self, connection: Connection, peer: socket.socket) -> None:
        try:
            context = None if self._tls is None else self._tls()
            limit_s = None if context is None else HANDSHAKE_S
            await self._loop.connect_accepted_socket(lambda: connection, peer, ssl=context, ssl_handshake_timeout=limit_s)
        except OSError:
            peer.close()  # it left before it was in, or speaks no TLS
        finally:
            self._arriving.discard(connection)

    def _starve(self, listener: socket.socket) -> None:
        self.starved += 1
        self._evict()
        self._loop.remove_reader(listener)
        self._loop.call_later(STARVED_PAUSE_S, self._listen_again, listener)

    def _listen_again(self, listener: socket.socket) -> None:
        if listener in self._listeners:
            self._loop.add_reader(listener, self._accept, listener)

    def _evict(self) -> bool:
        """Close the longest silent of the address that holds the most; False when there is none."""
        if not self._by_address:
            return False
        most = max(self._by_address, key=lambda address: len(self._by_address[address]))
        # Looked for when it is needed: to keep them in order would cost each answer more than this costs a newcomer.
        connection = min(self._by_address[most], key=attrgetter("heard_at_s"))
        self.evicted += 1
        self.forget(connection)
        if connection.lingering is None and not connection.transport.is_closing():
            connection.evicted()
        else:
            connection.transport.abort()
        if connection.transport.get_write_buffer_size():
            connection.transport.abort()  # nobody watches it any more, so it is not left waiting for its reader
        return True

    def let_in(self, connection: Connection) -> None:
        peer = connection.transport.get_extra_info("peername")
        connection.address = str(peer[0]) if isinstance(peer, tuple) else ""
        self._by_address.setdefault(connection.address, set()).add(connection)
        self._arriving.discard(connection)
        self._connections += 1
        self.opened += 1
        if self._sweep is None:
            self._sweep_later()

    def forget(self, connection: Connection) -> None:
        connections = self._by_address.get(connection.address)
        if connections is not None and connection in connections:
            connections.remove(connection)
            self._connections -= 1
            if not connections:
                del self._by_address[connection.address]

    # --- time -----------------------------------------------------------------------------------------------

    def _sweep_later(self) -> None:
        self._sweep = self._loop.call_later(sweep_s(self.idle_s), self._sweep_now)

    def _sweep_now(self) -> None:
        self._sweep = None
        now_s = time.monotonic()
        overdue = [connection for connections in self._by_address.values() for connection in connections if connection.overdue(now_s)]
        for connection in overdue:
            connection.give_up()
        if self._connections:
            self._sweep_later()

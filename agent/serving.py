"""What every port of ours keeps to: so many connections, so long, and a slow reader is dropped."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

CONNECTIONS_MAX = 32  # per port; probe_nodes and a front's check need two or three
WRITE_TIMEOUT_S = 5.0
WRITE_BUFFER_BYTES = 16384

Handle = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class PortInUse(Exception):
    """A port that cannot be bound: names what it is for, the address and why."""


class Server:
    """One listening port. `handle` serves a connection; whatever goes wrong with one stays with that one."""

    def __init__(self, purpose: str, handle: Handle, *, refusal: bytes, read_bytes_max: int) -> None:
        self._purpose, self._handle, self._refusal, self._limit = purpose, handle, refusal, read_bytes_max
        self._connections: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def open(self, hosts: Sequence[str], port: int) -> None:
        """Raises PortInUse."""
        try:
            self._server = await asyncio.start_server(self._serve, list(dict.fromkeys(hosts)), port, limit=self._limit, backlog=64)
        except OSError as error:
            raise PortInUse(f"{self._purpose}: cannot listen on {', '.join(hosts)} port {port}: {error.strerror or error}") from error

    @property
    def port(self) -> int:
        assert self._server is not None
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.set_write_buffer_limits(high=WRITE_BUFFER_BYTES)
        if len(self._connections) >= CONNECTIONS_MAX:
            writer.write(self._refusal)
            writer.close()
            return
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            await self._handle(reader, writer)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            writer.transport.abort()
        except asyncio.CancelledError:
            # Only close() cancels; a task that ends cancelled would be reported as an unhandled error.
            writer.transport.abort()
        finally:
            self._connections.discard(task)
            writer.close()


async def send(writer: asyncio.StreamWriter, data: bytes) -> None:
    """Raises TimeoutError when the reader is too slow."""
    writer.write(data)
    async with asyncio.timeout(WRITE_TIMEOUT_S):
        await writer.drain()

"""The way out: services inside the lab, reachable from the host's loopback.

A socket belongs to the network namespace it was made in. So the outer process makes the listening
socket on the host's 127.0.0.1 and hands it in; the inner process accepts there and connects here.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass

GATEWAY_FD_VARIABLE = "LAB_GATEWAY_FD"
CONNECTIONS_MAX = 256
IDLE_S = 300.0
CONNECT_S = 10.0
_MESSAGE_BYTES = 512
_CHUNK_BYTES = 65536


class PortInUse(Exception):
    """The host port that was asked for is taken; the text names it and says what to do."""


class GatewayHost:
    """The outer half, in the host's network: makes listening sockets on request and hands them in."""

    def __init__(self) -> None:
        self._ours, self._theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.inner_fd = self._theirs.fileno()

    def start(self) -> None:
        """Serve requests in a thread. The inner end is closed here: it lives on in the child."""
        self._theirs.close()
        threading.Thread(target=self._serve, name="gateway-host", daemon=True).start()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._ours.shutdown(socket.SHUT_RDWR)
        self._ours.close()
        self._theirs.close()

    def _serve(self) -> None:
        while True:
            try:
                data = self._ours.recv(_MESSAGE_BYTES)
                if not data:
                    return
                self._answer(int(json.loads(data)["port"]))
            except OSError:
                return

    def _answer(self, port: int) -> None:
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        with listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind(("127.0.0.1", port))
                listener.listen(64)
            except (OSError, OverflowError) as error:
                self._ours.send(json.dumps({"error": str(error)}).encode())
                return
            reply = json.dumps({"port": listener.getsockname()[1]}).encode()
            socket.send_fds(self._ours, [reply], [listener.fileno()])


@dataclass(eq=False, slots=True)
class _Door:
    """One exposed service: where connections from the host are taken to."""

    listener: socket.socket
    find: Callable[[], str]
    port: int
    task: asyncio.Task[None] | None = None


class Gateway:
    """The inner half: exposes (address, port) of the lab on a port of the host's loopback.

    One per lab: it owns the descriptor named by LAB_GATEWAY_FD.
    """

    def __init__(self, fd: int | None = None) -> None:
        number = fd if fd is not None else int(os.environ[GATEWAY_FD_VARIABLE])
        self._host = socket.socket(fileno=os.dup(number))
        os.set_inheritable(number, False)  # what we start later has no business with it
        self._lock = threading.Lock()
        self._doors: dict[int, _Door] = {}
        self._open = 0
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name="gateway", daemon=True).start()

    def expose(self, address: str | Callable[[], str], port: int, *, host_port: int = 0) -> int:
        """Forward 127.0.0.1:host_port of the host (0: a free one) to the address; gives the port. Raises PortInUse.

        address: or what gives it, asked for each connection, where it changes; it may block, and raise OSError while there is none.
        """
        with self._lock:
            self._host.send(json.dumps({"port": host_port}).encode())
            data, fds, _flags, _from = socket.recv_fds(self._host, _MESSAGE_BYTES, 1)
        if not data:
            raise ConnectionError("the lab's outer process is gone: no port can be opened on the host")
        reply = json.loads(data)
        if "error" in reply:
            raise PortInUse(f"port {host_port} on 127.0.0.1 cannot be used ({reply['error']}): choose another, or 0 for any free one")
        listener = socket.socket(fileno=fds[0])
        listener.setblocking(False)
        door = _Door(listener, _finder(address), port)
        asyncio.run_coroutine_threadsafe(self._open_door(door), self._loop).result(CONNECT_S)
        chosen = int(reply["port"])
        self._doors[chosen] = door
        return chosen

    def withdraw(self, host_port: int) -> None:
        """Stop listening there; connections that are open go on. Harmless when not exposed."""
        door = self._doors.pop(host_port, None)
        if door is not None:
            asyncio.run_coroutine_threadsafe(self._close_door(door), self._loop).result(CONNECT_S)

    def redirect(self, host_port: int, address: str, port: int) -> None:
        """Take new connections of an exposed port elsewhere."""
        door = self._doors[host_port]
        door.find, door.port = _finder(address), port

    async def _open_door(self, door: _Door) -> None:
        door.task = asyncio.get_running_loop().create_task(self._accept(door))

    async def _close_door(self, door: _Door) -> None:
        if door.task is not None:
            door.task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await door.task
        door.listener.close()

    async def _accept(self, door: _Door) -> None:
        loop = asyncio.get_running_loop()
        visits: set[asyncio.Task[None]] = set()
        while True:
            try:
                client, _ = await loop.sock_accept(door.listener)
            except OSError:
                await asyncio.sleep(0.1)  # out of descriptors, or the visitor left again: neither is the end
                continue
            if self._open >= CONNECTIONS_MAX:
                client.close()
                continue
            self._open += 1
            visit = loop.create_task(self._carry(client, door.find, door.port))
            visits.add(visit)
            visit.add_done_callback(visits.discard)

    async def _carry(self, client: socket.socket, find: Callable[[], str], port: int) -> None:
        writers: list[asyncio.StreamWriter] = []
        try:
            outer_reader, outer_writer = await asyncio.open_connection(sock=client)
            writers.append(outer_writer)
            address = await asyncio.to_thread(find)
            inner_reader, inner_writer = await asyncio.wait_for(asyncio.open_connection(address, port), CONNECT_S)
            writers.append(inner_writer)
            await asyncio.gather(_pump(outer_reader, inner_writer), _pump(inner_reader, outer_writer))
        except (OSError, TimeoutError):
            pass  # refused, reset or idle: the client sees its connection close
        finally:
            self._open -= 1
            for writer in writers:
                writer.transport.abort() if writer.transport.is_closing() else writer.close()
            if not writers:
                client.close()


def _finder(address: str | Callable[[], str]) -> Callable[[], str]:
    return (lambda: address) if isinstance(address, str) else address


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Carry bytes one way until the end of the stream, then say so; TimeoutError when nothing moves."""
    while True:
        data = await asyncio.wait_for(reader.read(_CHUNK_BYTES), IDLE_S)
        if not data:
            break
        writer.write(data)
        await asyncio.wait_for(writer.drain(), IDLE_S)
    with contextlib.suppress(OSError):
        if writer.can_write_eof():
            writer.write_eof()

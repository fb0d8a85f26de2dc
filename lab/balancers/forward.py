"""Passing a client's connection on to a target: as bytes for TCP, a request at a time for HTTP.

Not played: that an NLB's targets see the client's own address (here they see the balancer's), HTTP/2 and kept connections on an ALB.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass, field

from lab.balancers.targets import Pool, Target

# https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-troubleshooting.html ("HTTP 504"): ten seconds.
CONNECT_S = 10.0
HEAD_S = 60.0  # the idle timeout that an ALB has unless told otherwise
HEAD_BYTES = 64 * 1024
_PIECE = 64 * 1024
_HOP = ("connection", "keep-alive", "proxy-connection", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-port")
_WORDS = {301: "Moved Permanently", 302: "Found", 400: "Bad Request"}
_WORDS |= {502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout"}


@dataclass(slots=True)
class Rule:
    """What a listener does: forwards to the pool that `pool` gives, or redirects to `redirect`: (status, protocol, port)."""

    protocol: str
    port: int
    pool: Callable[[], Pool | None]
    redirect: tuple[int, str, str] | None = None
    open: set[tuple[str, asyncio.WriteTransport]] = field(default_factory=set)  # (target, a side of a connection to it)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection of a client, to its end."""
        try:
            await (self._tcp if self.protocol == "TCP" else self._http)(reader, writer)
        except (OSError, EOFError, asyncio.LimitOverrunError, TimeoutError):
            reset(writer)
        finally:
            with contextlib.suppress(OSError):
                writer.close()

    def cut(self, target: str) -> None:
        """End the connections to a target that was taken out."""
        for name, transport in list(self.open):
            if name == target:
                transport.abort()

    async def _tcp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        pool = self.pool()
        target = pool.choose() if pool else None
        if target is None:
            reset(writer)
            return
        inner = await asyncio.wait_for(asyncio.open_connection(target.address, target.port), CONNECT_S)
        await self._relay(target, (reader, writer), inner)

    async def _http(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), HEAD_S)
        lines = head[:-4].decode("latin-1").split("\r\n")
        words = lines[0].split()
        if len(words) != 3 or not words[2].startswith("HTTP/1."):
            await _say(writer, 400)
        elif self.redirect is not None:
            await _say(writer, self.redirect[0], f"Location: {_location(self.redirect, lines, words[1])}\r\n")
        else:
            await self._request(lines, reader, writer)

    async def _request(self, lines: list[str], reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        pool = self.pool()
        target = pool.choose() if pool else None
        if target is None:
            await _say(writer, 503)
            return
        try:
            inner = await asyncio.wait_for(asyncio.open_connection(target.address, target.port), CONNECT_S)
        except TimeoutError:
            await _say(writer, 504)
            return
        except OSError:
            await _say(writer, 502)
            return
        inner[1].write(self._rewritten(lines, str(writer.get_extra_info("peername")[0])))
        if not await self._relay(target, (reader, writer), inner):
            await _say(writer, 502)

    def _rewritten(self, lines: list[str], client: str) -> bytes:
        """https://docs.aws.amazon.com/elasticloadbalancing/latest/application/x-forwarded-headers.html"""
        upgrade = any(line.lower().startswith("upgrade:") for line in lines[1:])
        kept = [line for line in lines if line.partition(":")[0].strip().lower() not in _HOP]
        before = [line.partition(":")[2].strip() for line in lines[1:] if line.lower().startswith("x-forwarded-for:")]
        more = [
            f"X-Forwarded-For: {', '.join([*before, client])}",
            f"X-Forwarded-Proto: {self.protocol.lower()}",
            f"X-Forwarded-Port: {self.port}",
            f"Connection: {'upgrade' if upgrade else 'close'}",
        ]
        return ("\r\n".join([*kept, *more]) + "\r\n\r\n").encode("latin-1")

    async def _relay(
        self,
        target: Target,
        outer: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        inner: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> bool:
        """Both ways until the target has said all; gives whether it said anything."""
        sides = {(target.id, writer.transport) for writer in (outer[1], inner[1])}
        self.open |= sides
        upwards = asyncio.create_task(_pump(outer[0], inner[1]))
        try:
            return await _pump(inner[0], outer[1])
        except OSError:
            return False
        finally:
            upwards.cancel()
            await asyncio.gather(upwards, return_exceptions=True)
            inner[1].transport.abort()
            self.open -= sides


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> bool:
    """Until the source ends, which is then said to the sink; gives whether anything came."""
    said = False
    while piece := await source.read(_PIECE):
        said = True
        sink.write(piece)
        await sink.drain()
    if sink.can_write_eof():
        sink.write_eof()
    return said


def _location(redirect: tuple[int, str, str], lines: list[str], path: str) -> str:
    _, protocol, port = redirect
    host = next((line.partition(":")[2].strip() for line in lines[1:] if line.lower().startswith("host:")), "")
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    return f"{protocol.lower()}://{name}:{port}{path}"


async def _say(writer: asyncio.StreamWriter, status: int, more: str = "") -> None:
    body = f"{status} {_WORDS[status]}\r\n"
    head = f"HTTP/1.1 {status} {_WORDS[status]}\r\nServer: awselb/2.0\r\nContent-Type: text/plain\r\n{more}"
    writer.write(f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode("latin-1"))
    await writer.drain()


def reset(writer: asyncio.StreamWriter) -> None:
    """Leave with a TCP reset, as an NLB does."""
    sock = writer.get_extra_info("socket")
    if sock is not None:
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()

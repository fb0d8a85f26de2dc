"""Asking one node from outside: its HA port and its HTTP, both at once, both bounded."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

from core.outlook import OK, SAYS, judge_look
from core.records import Look

TIMEOUT_S = 2.0  # for connecting and answering together
ANSWER_BYTES_MAX = 512  # an answer is a line; more is not read


@dataclass(frozen=True, slots=True)
class Address:
    """Where a node says it is. network: where its deployable's nodes are; nothing outside it is asked, whatever a report says."""

    host: str
    ha_port: int
    http_port: int
    network: IPv4Network


async def look_from_outside(address: Address, *, now_ms: Callable[[], int]) -> Look:
    """One look. A handshake alone counts for nothing: a stopped process still completes it."""
    if not _is_in(address.host, address.network):
        said = f"{address.host[:40]} is not in {address.network}"
        return Look(at_ms=now_ms(), verdict=judge_look(said, said), ha=said, http=said)
    ha, http = await asyncio.gather(
        _bounded(lambda: _ping(address.host, address.ha_port)), _bounded(lambda: _healthz(address.host, address.http_port))
    )
    return Look(at_ms=now_ms(), verdict=judge_look(ha, http), ha=ha, http=http)


def _is_in(host: str, network: IPv4Network) -> bool:
    try:
        return IPv4Address(host) in network
    except ValueError:
        return False


async def _bounded(ask: Callable[[], Awaitable[str]]) -> str:
    try:
        async with asyncio.timeout(TIMEOUT_S):
            return await ask()
    except TimeoutError:
        return f"no answer within {TIMEOUT_S:g} s"
    except (OSError, ValueError, asyncio.IncompleteReadError) as error:
        return f"{type(error).__name__}: {error}"[:100]


async def _ping(host: str, port: int) -> str:
    line = (await _first_line(host, port, b"ping\r\n")).strip()
    if line.upper() == "OK":
        return OK
    return f"{SAYS}{line[:80]}" if line else "closed without an answer"


async def _healthz(host: str, port: int) -> str:
    """A node whose settings name a certificate speaks TLS, which its report does not say: what answers no HTTP is asked again so."""
    request = f"GET /healthz HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()
    line = ""
    with contextlib.suppress(ConnectionResetError):
        line = await _first_line(host, port, request)
    if not line.startswith("HTTP/"):
        with contextlib.suppress(ssl.SSLError, ConnectionResetError):
            line = await _first_line(host, port, request, _any_certificate())
    words = line.split()
    if len(words) < 2 or not words[0].startswith("HTTP/"):
        return "no HTTP answer"
    return OK if words[1] == "200" else f"status {words[1][:3]}"


def _any_certificate() -> ssl.SSLContext:
    """The node is known by its address in its deployable's own network; a name to check there is none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


async def _first_line(host: str, port: int, question: bytes, tls: ssl.SSLContext | None = None) -> str:
    reader, writer = await asyncio.open_connection(host, port, limit=ANSWER_BYTES_MAX, ssl=tls)
    try:
        writer.write(question)
        await writer.drain()
        return (await reader.readline()).decode("latin-1")
    finally:
        # Not closed politely: waiting for a hung peer's goodbye would cost what the timeout saves.
        writer.transport.abort()

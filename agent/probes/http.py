"""The http probe: one GET, judged by status, a header and the body. The grammar is h11's."""

from __future__ import annotations

import asyncio
import socket

import h11

from agent.probes.addresses import READ_BYTES_MAX, connect, http_address
from agent.probes.context import ProbeContext, Wrong
from agent.probes.tcp import shown
from core.application import Probe

WELL = range(200, 400)  # without a list of its own


async def ask_http(probe: Probe, _context: ProbeContext) -> None:
    """Ask, and read no further than the verdict needs: the body only where one is looked for, 64 KB at most.

    Raises Wrong, OSError; cancelled at the deadline.
    """
    assert probe.http is not None, "the model sees to it"
    address = http_address(probe.http)
    grammar = h11.Connection(our_role=h11.CLIENT, max_incomplete_event_size=READ_BYTES_MAX)
    request = h11.Request(
        method="GET",
        target=address.target,
        headers=[("Host", address.netloc), ("User-Agent", "understudy"), ("Accept", "*/*"), ("Connection", "close")],
    )
    question = (grammar.send(request) or b"") + (grammar.send(h11.EndOfMessage()) or b"")
    with await connect(address) as connection:
        await asyncio.get_running_loop().sock_sendall(connection, question)
        try:
            _judge_head(probe, await _response(grammar, connection))
            if probe.body:
                await _find(probe.body.encode(), grammar, connection)
        except h11.RemoteProtocolError as error:
            raise Wrong(f"not an HTTP answer: {error}") from error


async def _response(grammar: h11.Connection, connection: socket.socket) -> h11.Response:
    """The final one; those that say 'go on' (1xx) are passed over."""
    while True:
        event = await _next(grammar, connection)
        if isinstance(event, h11.Response):
            return event
        if not isinstance(event, h11.InformationalResponse):
            raise Wrong("closed without an answer")


def _judge_head(probe: Probe, response: h11.Response) -> None:
    status = response.status_code
    if status not in (probe.status or WELL):
        raise Wrong(f"HTTP {status}")
    if probe.header is not None:
        name, wanted = header_of(probe.header)
        values = [value.decode("latin-1") for key, value in response.headers if key == name.lower().encode()]
        if not any(wanted in value for value in values):
            raise Wrong(f"HTTP {status}, header {name} is {', '.join(map(repr, values)) or 'absent'}, not {wanted!r}")


async def _find(wanted: bytes, grammar: h11.Connection, connection: socket.socket) -> None:
    body = b""
    while len(body) < READ_BYTES_MAX:
        event = await _next(grammar, connection)
        if not isinstance(event, h11.Data):
            break
        body += bytes(event.data)
        if wanted in body[:READ_BYTES_MAX]:
            return
    raise Wrong(f"the body has no {wanted.decode()!r}: {shown(body)}")


async def _next(grammar: h11.Connection, connection: socket.socket) -> object:
    """The next event; h11.ConnectionClosed at the end."""
    while (event := grammar.next_event()) is h11.NEED_DATA:
        data = await asyncio.get_running_loop().sock_recv(connection, READ_BYTES_MAX)
        if not data and grammar.their_state is h11.SEND_RESPONSE and grammar.trailing_data == (b"", False):
            raise Wrong("closed without an answer")
        grammar.receive_data(data)
    return event


def header_of(text: str) -> tuple[str, str]:
    """'Name: value' taken apart. Raises ValueError."""
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise ValueError(f"{text!r} is not 'Name: value'")
    return name.strip(), value.strip()

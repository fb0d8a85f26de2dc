"""The tcp probe: a connection, and an answer where one is expected."""

from __future__ import annotations

import asyncio

from agent.probes.addresses import READ_BYTES_MAX, connect, tcp_address
from agent.probes.context import ProbeContext, Wrong
from core.application import Probe

SHOWN_CHARS_MAX = 60


async def ask_tcp(probe: Probe, _context: ProbeContext) -> None:
    """Connect; send; read until the expected text was seen, or, with `send` alone, until anything was.

    A connection proves little: the kernel completes handshakes for a process that is stopped (listen(2), backlog).
    Raises Wrong, OSError; cancelled at the deadline.
    """
    assert probe.tcp is not None, "the model sees to it"
    loop = asyncio.get_running_loop()
    with await connect(tcp_address(probe.tcp)) as connection:
        if probe.send is None and probe.expect is None:
            return
        if probe.send is not None:
            await loop.sock_sendall(connection, probe.send.encode())
        expected, answer = (probe.expect or "").encode(), b""
        while len(answer) < READ_BYTES_MAX:
            more = await loop.sock_recv(connection, READ_BYTES_MAX - len(answer))
            answer += more
            if answer and expected in answer:
                return
            if not more:
                break
        raise Wrong(f"answered {shown(answer)}, not {probe.expect!r}" if answer else "closed without an answer")


def shown(answer: bytes) -> str:
    """The beginning of an answer, fit for a reason."""
    text = repr(answer[:SHOWN_CHARS_MAX].decode("utf-8", "replace"))
    return text + ("..." if len(answer) > SHOWN_CHARS_MAX else "")

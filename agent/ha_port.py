"""The HA port on a socket: an asyncio server around core.ha_port."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from agent.serving import Server, send
from core.ha_port import ERRORS_MAX, LINE_BYTES_MAX, LineReader, LineTooLong, View, answer

IDLE_S = 60.0  # a person at a terminal thinks for so long; a prober asks and closes
READ_BYTES = 1024


def ha_server(view: Callable[[], View], purpose: str) -> Server:
    """A server that answers from the view as it is at each line."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines, errors = LineReader(), 0
        while True:
            async with asyncio.timeout(IDLE_S):
                data = await reader.read(READ_BYTES)
            if not data:
                return
            try:
                for line in lines.feed(data):
                    said = answer(line, view())
                    errors += said.error
                    await send(writer, said.text.encode("ascii", "replace"))
                    if said.close or errors >= ERRORS_MAX:
                        return
            except LineTooLong as error:
                await send(writer, f"ERROR {error}\r\n".encode())
                return

    return Server(purpose, handle, refusal=b"ERROR too many connections\r\n", read_bytes_max=4 * LINE_BYTES_MAX)

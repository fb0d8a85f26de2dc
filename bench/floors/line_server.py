"""Floor: the least asyncio server that answers lines. Whatever the line, the answer is OK.

python line_server.py PORT
"""

from __future__ import annotations

import asyncio
import sys


class Lines(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport, self.rest = transport, b""

    def data_received(self, data: bytes) -> None:
        *lines, self.rest = (self.rest + data).split(b"\n")
        for _ in lines:
            self.transport.write(b"OK\r\n")


async def main() -> None:
    server = await asyncio.get_running_loop().create_server(Lines, "127.0.0.1", int(sys.argv[1]), backlog=1024)
    await server.serve_forever()


asyncio.run(main())

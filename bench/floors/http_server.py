"""Floor: the least asyncio server on h11, the library that the agent serves with. Whatever the path, the answer is 200 and a short body.

python http_server.py PORT
"""

from __future__ import annotations

import asyncio
import sys

import h11

BODY = b'{"phase": "running", "epoch": 1, "verdict": "healthy", "reason": ""}\n'
HEADERS = [("Content-Type", "application/json"), ("Content-Length", str(len(BODY))), ("Cache-Control", "no-store")]


class Http(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport, self.http = transport, h11.Connection(h11.SERVER)

    def data_received(self, data: bytes) -> None:
        self.http.receive_data(data)
        while (event := self.http.next_event()) is not h11.NEED_DATA and event is not h11.PAUSED:
            if isinstance(event, h11.ConnectionClosed):
                return self.transport.close()
            if isinstance(event, h11.EndOfMessage):
                self.answer()
        return None

    def answer(self) -> None:
        response = h11.Response(status_code=200, headers=HEADERS)
        parts = (self.http.send(event) for event in (response, h11.Data(data=BODY), h11.EndOfMessage()))
        self.transport.write(b"".join(part for part in parts if part))
        if self.http.our_state is h11.MUST_CLOSE:
            self.transport.close()
        else:
            self.http.start_next_cycle()


async def main() -> None:
    server = await asyncio.get_running_loop().create_server(Http, "127.0.0.1", int(sys.argv[1]), backlog=1024)
    await server.serve_forever()


asyncio.run(main())

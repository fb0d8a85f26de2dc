"""The load generator: N connections in a closed loop, each asks again once it is answered. Prints one line of JSON.

python -m bench.load KIND PORT CONNECTIONS SECONDS   KIND: ping (HA port), http (kept alive), http-close (a connection each)

A process of its own, on bare epoll: it must cost less than the server that it measures, and says what it cost.
"""

from __future__ import annotations

import json
import select
import socket
import sys
import time
from dataclasses import dataclass, field

PING = b"ping\r\n"
HTTP = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: bench\r\n\r\n"
HTTP_CLOSE = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: bench\r\nConnection: close\r\n\r\n"
REQUESTS = {"ping": PING, "http": HTTP, "http-close": HTTP_CLOSE}
RAMP_S = 0.3  # not counted: caches warm up, and connections are accepted
REFUSED_MAX = 1000  # a server that refuses so often is not asked any more


def whole(got: bytes) -> bool:
    """Whether this is a whole answer that says yes. An answer to `ping` is one line; to HTTP, as long as it says."""
    if got.startswith(b"OK"):
        return got.endswith(b"\n")
    head, end, body = got.partition(b"\r\n\r\n")
    if not end or not head.startswith(b"HTTP/1.1 200"):
        return False
    length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
    return bool(length) and len(body) >= int(length)


@dataclass(slots=True)
class Load:
    """One run. refused: answers that were none, and connections that were closed on us."""

    request: bytes
    port: int
    events: select.epoll = field(default_factory=select.epoll)
    connections: dict[int, socket.socket] = field(default_factory=dict)
    asked_at_s: dict[int, float] = field(default_factory=dict)
    got: dict[int, bytes] = field(default_factory=dict)
    took_s: list[float] = field(default_factory=list)
    refused: int = 0
    example: str = ""

    def open(self) -> None:
        asked_at_s = time.perf_counter()  # a connection made for one question is part of what it takes
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=10)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        descriptor = connection.fileno()
        self.connections[descriptor], self.asked_at_s[descriptor], self.got[descriptor] = connection, asked_at_s, b""
        self.events.register(descriptor, select.EPOLLIN)
        connection.send(self.request)

    def close(self, descriptor: int) -> None:
        self.events.unregister(descriptor)
        self.connections.pop(descriptor).close()

    def serve(self, until_s: float) -> None:
        """The loop that is measured: as few steps an answer as there can be."""
        clock, poll, request = time.perf_counter, self.events.poll, self.request
        connections, asked_at_s, got, took_s = self.connections, self.asked_at_s, self.got, self.took_s
        while clock() < until_s and connections:
            for descriptor, _ in poll(0.1):
                connection = connections[descriptor]
                try:
                    data = connection.recv(65536)
                except OSError:
                    data = b""
                if data != b"OK\r\n" or got[descriptor]:
                    data = got[descriptor] = got[descriptor] + data if data else b""
                    if not whole(data):
                        self.on_part(descriptor, data)
                        continue
                    if b"onnection: close" in data:
                        self.close(descriptor)
                        took_s.append(clock() - asked_at_s[descriptor])
                        self.open()
                        continue
                    got[descriptor] = b""
                now_s = clock()
                took_s.append(now_s - asked_at_s[descriptor])
                asked_at_s[descriptor] = now_s
                connection.send(request)

    def on_part(self, descriptor: int, data: bytes) -> None:
        """More is to come; unless the connection is closed, or the answer is a no."""
        if data and not data.startswith((b"ERROR", b"FAILED", b"HTTP/1.1 5", b"HTTP/1.1 4")):
            return
        self.refused += 1
        self.example = self.example or data[:80].decode("latin-1") or "closed without an answer"
        self.close(descriptor)
        if self.refused <= REFUSED_MAX:
            self.open()

    def run(self, connections: int, seconds: float) -> None:
        for _ in range(connections):
            self.open()
        self.serve(time.perf_counter() + RAMP_S)
        self.took_s.clear()
        self.serve(time.perf_counter() + seconds)


def main() -> None:
    kind, port, connections, seconds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
    load = Load(REQUESTS[kind], port)
    load.run(connections, seconds)
    took_s = sorted(load.took_s) or [float("inf")]
    answer = {
        "per_s": len(load.took_s) / seconds,
        "p50_s": took_s[len(took_s) // 2],
        "p99_s": took_s[int(len(took_s) * 0.99)],
        "worst_s": took_s[-1],
        "refused": load.refused,
        "example": load.example,
        "generator_cpu": time.process_time() / (RAMP_S + seconds),
    }
    print(json.dumps(answer))


if __name__ == "__main__":
    main()

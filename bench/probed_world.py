"""What the prober meets in `bench.probing`: thousands of nodes on loopback addresses of their own, and their table.

python -m bench.probed_world FOLDER ANSWERING SILENT   prints {"endpoint": URL} when all of it is up; ends with its standard input.

Of the silent nodes one half completes handshakes and says nothing (a stopped process), a quarter takes the question and hangs up, and a
quarter lets connections wait for their handshake (its queue is full). The table speaks DynamoDB's JSON over TLS and takes
TABLE_S for each answer. Signatures are not checked.
"""

from __future__ import annotations

import asyncio
import json
import resource
import socket
import ssl
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

HA_PORT, HTTP_PORT = 7810, 7880
TABLE_S = 0.004  # "single-digit milliseconds"
REPORT_S = 5.0
ANSWERS = {HA_PORT: b"OK\r\n", HTTP_PORT: b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 3\r\n\r\nok\n"}


def address(n: int) -> str:
    return f"127.{100 + n // 60000}.{n // 240 % 250}.{1 + n % 240}"


class Node(asyncio.Protocol):
    """Answers the first line and hangs up, as both ports of a node do for who asks so; None: without a word."""

    def __init__(self, answer: bytes | None) -> None:
        self._answer = answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if self._answer is not None:
            self._transport.write(self._answer)
        self._transport.close()


class Table(asyncio.Protocol):
    """One connection, kept alive."""

    def __init__(self, items: Items) -> None:
        self._items, self._got = items, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._got += data
        while b"\r\n\r\n" in self._got:
            head, _, rest = self._got.partition(b"\r\n\r\n")
            headers = {
                name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head.decode("latin-1").split("\r\n"))
            }
            length = int(headers.get("content-length", 0))
            if len(rest) < length:
                return
            body, self._got = rest[:length], rest[length:]
            answer = self._items.answer(headers["x-amz-target"].rpartition(".")[2], json.loads(body))
            sent = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: %d\r\n\r\n" % len(answer) + answer
            asyncio.get_running_loop().call_later(TABLE_S, self._transport.write, sent)


class Items:
    """Reports that move by themselves, and whatever looks were written."""

    def __init__(self, nodes: int) -> None:
        self._began_s = time.monotonic()
        self._report = {f"NODE#{deployable(n)}#{assembly(n)}": report(n) for n in range(nodes)}
        self._looks: dict[str, str] = {}
        self.written = self.units = 0

    def answer(self, operation: str, asked: dict[str, Any]) -> bytes:
        if operation == "BatchWriteItem":
            (requests,) = asked["RequestItems"].values()
            assert len(requests) <= 25
            for request in requests:
                item = request["PutRequest"]["Item"]
                self._looks[item["pk"]["S"]] = json.dumps(item)
                self.written += 1
                self.units += -(-stored_bytes(item) // 1024)
            return b'{"UnprocessedItems":{}}'
        assert operation == "Query", operation
        pk = asked["ExpressionAttributeValues"][":pk"]["S"]
        if pk in self._report:
            seq = str(int((time.monotonic() - self._began_s) / REPORT_S))
            found = self._report[pk].replace("SEQ", seq)
        else:
            found = self._looks.get(pk, "")
        return f'{{"Count":{int(bool(found))},"Items":[{found}],"ScannedCount":{int(bool(found))}}}'.encode()


def stored_bytes(item: dict[str, Any]) -> int:
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html"""

    def size(value: dict[str, Any]) -> int:
        ((kind, inner),) = value.items()
        if kind == "M":
            return 3 + sum(len(name) + 1 + size(each) for name, each in inner.items())
        if kind == "L":
            return 3 + sum(1 + size(each) for each in inner)
        return len(inner) // 2 + 2 if kind == "N" else len(inner.encode()) if kind == "S" else 1

    return sum(len(name) + size(value) for name, value in item.items())


def deployable(n: int) -> str:
    return f"service-{n // 50:03d}"


def assembly(n: int) -> str:
    return f"assembly-{n % 50:02d}"


def report(n: int) -> str:
    """As an agent with one application writes it."""
    verdict = {"S": "healthy"}
    item = {
        "pk": {"S": f"NODE#{deployable(n)}#{assembly(n)}"}, "sk": {"S": f"REPORT#i-{n:017x}"}, "version": {"N": "1"},
        "instance": {"S": f"i-{n:017x}"}, "boot": {"S": "0f5c2c3d9be14c0f"}, "seq": {"N": "SEQ"}, "epoch": {"N": "3"},
        "at_ms": {"N": "1795255200000"}, "phase": {"S": "running"}, "verdict": verdict,
        "applications": {"M": {"ledger": {"M": {"verdict": verdict, "restarts": {"N": "0"}, "reason": {"S": ""}}}}},
        "address": {"S": address(n)}, "ha_port": {"N": str(HA_PORT)}, "http_port": {"N": str(HTTP_PORT)},
        "agent": {"S": "2026.11"}, "expires_at": {"N": "4102444800"},
    }  # fmt: skip
    return json.dumps(item)


def fleet(nodes: int) -> dict[str, Any]:
    """What tick tells of them, as core.watching.register writes it."""
    told: dict[str, Any] = {"v": 1, "c": {}, "d": {}}
    entry = {"ha": HA_PORT, "http": HTTP_PORT, "f": "none", "p": [], "g": 120.0, "t": [2, 3600.0], "o": "report"}
    for n in range(nodes):
        told["c"][deployable(n)] = "127.0.0.0/8"
        told["d"].setdefault(deployable(n), []).append({"n": assembly(n), **entry})
    return told


async def serve(folder: Path, answering: int, silent: int) -> None:
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    loop = asyncio.get_running_loop()
    kept: list[socket.socket] = []

    def listening(n: int, port: int, backlog: int) -> socket.socket:
        made = socket.socket()
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((address(n), port))
        made.listen(backlog)
        return made

    for n in range(answering + silent):
        kind = "answers" if n < answering else ("mute", "mute", "hangs up", "full")[n % 4]
        for port in ANSWERS:
            made = listening(n, port, 0 if kind == "full" else 64)
            if kind in ("answers", "hangs up"):
                await loop.create_server(partial(Node, ANSWERS[port] if kind == "answers" else None), sock=made)
                continue
            kept.append(made)
            for _ in range(2 if kind == "full" else 0):  # a queue of 0 has room for one, and a little later for none
                waiting = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
                waiting.connect_ex((address(n), port))
                kept.append(waiting)
    items = Items(answering + silent)
    context = certified(folder)
    server = await loop.create_server(lambda: Table(items), "127.0.0.1", 0, ssl=context, backlog=256)
    port = server.sockets[0].getsockname()[1]
    print(json.dumps({"endpoint": f"{'https' if context else 'http'}://localhost:{port}"}), flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    print(json.dumps({"written": items.written, "units": items.units}), flush=True)


def certified(folder: Path) -> ssl.SSLContext | None:
    """A certificate of our own for localhost; None where there is no openssl to make one: then the table speaks without TLS."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1"]
    command += ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(certificate)]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (FileNotFoundError, subprocess.CalledProcessError):
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))

"""A small HTTP service that keeps entries in a database it shares: what it has acknowledged is committed.

POST / writes one entry and answers with its number once the database has committed it. GET / tells how many there are and the
newest; GET /numbers lists the newest ten thousand. GET /healthz answers 200 while the service lives: that the database fails over
is no reason to restart a program. GET /ready answers 200 while it has the database. The settings are read anew for each
connection, for the password changes.

Standard library only, for a node has no package index and this artifact no build step: so it speaks as much of PostgreSQL's own
protocol as it needs (https://www.postgresql.org/docs/current/protocol.html). A program of your own would bring its driver.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import secrets
import socket
import ssl
import struct
import sys
import threading
import time
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

PORT = 8080
TIMEOUT_S = 3.0  # of a connect and of each answer: a failed database is given up, and its successor found by the same name
IDLE_S = 10
TABLE = "CREATE TABLE IF NOT EXISTS entry (number bigserial PRIMARY KEY, written timestamptz NOT NULL DEFAULT now(), by text NOT NULL)"
WRITE = "INSERT INTO entry (by) VALUES ('{by}') RETURNING number"
TELL = "SELECT count(*), coalesce(max(number), 0) FROM entry"
NEWEST = "SELECT number FROM entry ORDER BY number DESC LIMIT 10000"
AGAIN_S = 0.5  # a database that was away a moment ago is not waited for by everybody, one after the other
_TLS, _PROTOCOL = 80877103, 196608  # SSLRequest; version 3.0
_OK, _CLEARTEXT, _SASL, _SASL_GOES_ON, _SASL_ENDS = 0, 3, 10, 11, 12
_MESSAGE_BYTES_MAX = 1 << 20


class ServerSaid(Exception):
    """The database refused: its severity, its code and its words."""


class Connection:
    """Raises OSError when there is no way (TimeoutError, ssl.SSLError among it), ServerSaid when it says no."""

    def __init__(self, settings: Mapping[str, Any], *, timeout_s: float) -> None:
        """settings: what the agent writes into the file that UNDERSTUDY_DATABASE_FILE names."""
        plain = socket.create_connection((settings["host"], settings["port"]), timeout=timeout_s)
        try:
            plain.sendall(struct.pack("!II", 8, _TLS))
            if plain.recv(1) != b"S":
                raise ServerSaid("it speaks no TLS")
            # Checks the chain and the name: PostgreSQL calls that verify-full.
            self._socket = ssl.create_default_context(cafile=settings["ca"]).wrap_socket(plain, server_hostname=settings["host"])
        except BaseException:
            plain.close()
            raise
        try:
            words = ("user", settings["user"], "database", settings["name"], "application_name", "ledger")
            body = struct.pack("!I", _PROTOCOL) + b"".join(word.encode() + b"\0" for word in words) + b"\0"
            self._socket.sendall(struct.pack("!I", len(body) + 4) + body)
            self._prove(settings["password"])
            while self._receive()[0] != b"Z":
                pass
        except BaseException:
            self._socket.close()
            raise

    def ask(self, statement: str) -> list[list[str | None]]:
        """The rows of one statement; outside BEGIN it is committed when this returns."""
        self._send(b"Q", statement.encode() + b"\0")
        rows: list[list[str | None]] = []
        failed: ServerSaid | None = None
        while True:
            try:
                kind, body = self._receive()
            except ServerSaid as error:
                failed = error
                continue
            if kind == b"D":
                rows.append(_row(body))
            elif kind == b"Z":
                if failed is not None:
                    raise failed
                return rows

    def close(self) -> None:
        self._socket.close()

    def _prove(self, password: str) -> None:
        while True:
            kind, body = self._receive()
            if kind != b"R":
                raise ServerSaid(f"expected a question of who this is, not {kind!r}")
            (how,) = struct.unpack_from("!I", body)
            if how == _OK:
                return
            if how == _CLEARTEXT:  # within TLS; a token is too long for anything else
                self._send(b"p", password.encode() + b"\0")
            elif how == _SASL and b"SCRAM-SHA-256\0" in body[4:]:
                self._scram(password)
            else:
                raise ServerSaid(f"asks for a proof of kind {how}, which this program does not know")

    def _scram(self, password: str) -> None:
        """RFC 5802 and RFC 7677, the server's own proof included."""
        first = f"n=,r={secrets.token_urlsafe(18)}"
        sent = f"n,,{first}".encode()
        self._send(b"p", b"SCRAM-SHA-256\0" + struct.pack("!I", len(sent)) + sent)
        challenge = self._sasl(_SASL_GOES_ON)
        told = dict(part.split("=", 1) for part in challenge.split(","))
        last = f"c=biws,r={told['r']}"
        salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(told["s"]), int(told["i"]))
        message = f"{first},{challenge},{last}".encode()
        key = hmac.digest(salted, b"Client Key", "sha256")
        signature = hmac.digest(hashlib.sha256(key).digest(), message, "sha256")
        proof = base64.b64encode(bytes(a ^ b for a, b in zip(key, signature, strict=True))).decode()
        self._send(b"p", f"{last},p={proof}".encode())
        expected = hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), message, "sha256")
        if self._sasl(_SASL_ENDS) != "v=" + base64.b64encode(expected).decode():
            raise ServerSaid("it does not know the password itself")

    def _sasl(self, wanted: int) -> str:
        kind, body = self._receive()
        if kind != b"R" or struct.unpack_from("!I", body)[0] != wanted:
            raise ServerSaid("broke off while it was told who this is")
        return body[4:].decode()

    def _send(self, kind: bytes, body: bytes) -> None:
        self._socket.sendall(kind + struct.pack("!I", len(body) + 4) + body)

    def _receive(self) -> tuple[bytes, bytes]:
        head = self._read(5)
        (size,) = struct.unpack("!I", head[1:])
        if not 4 <= size <= _MESSAGE_BYTES_MAX:
            raise ServerSaid(f"a message of {size} bytes")
        kind, body = head[:1], self._read(size - 4)
        if kind == b"E":
            fields = {field[:1]: field[1:].decode(errors="replace") for field in body.split(b"\0") if field}
            raise ServerSaid(f"{fields.get(b'S', '?')} {fields.get(b'C', '?')}: {fields.get(b'M', '')}")
        return kind, body

    def _read(self, size: int) -> bytes:
        found = bytearray()
        while len(found) < size:
            more = self._socket.recv(size - len(found))
            if not more:
                raise ConnectionResetError("the database closed the connection")
            found += more
        return bytes(found)


def _row(body: bytes) -> list[str | None]:
    (count,) = struct.unpack_from("!H", body)
    at, values = 2, []
    for _ in range(count):
        (size,) = struct.unpack_from("!i", body, at)
        at += 4
        values.append(None if size < 0 else body[at : at + size].decode())
        at += max(size, 0)
    return values


class Entries:
    """One connection, made again after whatever went wrong. Safe to call from any thread."""

    def __init__(self, file: Path, by: str) -> None:
        self._file, self._by = file, "".join(letter for letter in by if letter.isalnum() or letter == "-")
        self._lock = threading.Lock()
        self._connection: Connection | None = None
        self._away_at = -AGAIN_S

    def write(self) -> int:
        """The number of a new entry, once it is committed. Raises OSError, ServerSaid: then nobody knows whether it was."""
        return int(self._ask(WRITE.format(by=self._by))[0][0])

    def tell(self) -> tuple[int, int]:
        """How many there are, and the newest's number. Raises OSError, ServerSaid."""
        [[count, newest]] = self._ask(TELL)
        return int(count), int(newest)

    def numbers(self) -> list[int]:
        """Of the newest, the latest first. Raises OSError, ServerSaid."""
        return [int(number) for [number] in self._ask(NEWEST)]

    def _ask(self, statement: str) -> list[list[str]]:
        with self._lock:
            if time.monotonic() - self._away_at < AGAIN_S:
                raise ConnectionError("the database was away a moment ago")
            try:
                if self._connection is None:
                    self._connection = Connection(json.loads(self._file.read_text()), timeout_s=TIMEOUT_S)
                    self._connection.ask(TABLE)
                return [[value or "" for value in row] for row in self._connection.ask(statement)]
            except BaseException:
                if self._connection is not None:
                    self._connection.close()
                self._connection, self._away_at = None, time.monotonic()
                raise


class Handler(BaseHTTPRequestHandler):
    server: Server
    timeout = IDLE_S

    def do_GET(self) -> None:
        if self.path == "/healthz":
            self._say(200, {"status": "ok"})
        elif self.path in ("/", "/ready"):
            self._try(lambda: dict(zip(("entries", "newest"), self.server.entries.tell(), strict=True)))
        elif self.path == "/numbers":
            self._try(lambda: {"numbers": self.server.entries.numbers()})
        else:
            self._say(404, {"error": f"no such path: {self.path[:80]}"})

    def do_POST(self) -> None:
        self._try(lambda: {"committed": self.server.entries.write()})

    def _try(self, act: Callable[[], Mapping[str, Any]]) -> None:
        try:
            self._say(200, {"instance": self.server.host, **act()})
        except (OSError, ServerSaid, LookupError, ValueError) as error:
            self._say(503, {"error": f"{type(error).__name__}: {error}"[:300]})

    def _say(self, status: int, value: object) -> None:
        body = json.dumps(value).encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        return


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, entries: Entries, host: str) -> None:
        self.entries, self.host = entries, host
        super().__init__(("", PORT), Handler)


def main() -> int:
    file = os.environ.get("UNDERSTUDY_DATABASE_FILE", "")
    if not file:
        print("ledger: UNDERSTUDY_DATABASE_FILE is not set: the assembly needs reaches: [database]", file=sys.stderr)
        return 2
    host = os.environ.get("UNDERSTUDY_INSTANCE", socket.gethostname())
    Server(Entries(Path(file), host), host).serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main())

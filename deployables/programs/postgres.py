"""As much of PostgreSQL's own protocol as a small program needs (https://www.postgresql.org/docs/current/protocol.html).

Standard library only, for a node has no package index and this artifact no build step. A program of your own would bring its driver.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import socket
import ssl
import struct
from collections.abc import Mapping
from typing import Any

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
            words = ("user", settings["user"], "database", settings["name"], "application_name", "understudy")
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

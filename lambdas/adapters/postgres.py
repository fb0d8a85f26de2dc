"""As much of PostgreSQL's protocol as saying a few statements takes, over TLS alone.

https://www.postgresql.org/docs/current/protocol-flow.html. The runtime brings no driver, and one of the usual ones would be the only
thing in the archive that is built. The ledger example speaks the protocol by a page of its own: an example is somebody's program, which
nothing of ours ships with.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import socket
import struct
from pathlib import Path
from typing import Any

from lambdas.adapters.session import ServerSaid, trusting

_TLS, _PROTOCOL = 80877103, 196608  # SSLRequest; version 3.0
_OK, _MD5, _SASL, _SASL_GOES_ON, _SASL_ENDS = 0, 5, 10, 11, 12
_MESSAGE_BYTES_MAX = 1 << 20


class Connection:
    """One session. Raises OSError when there is no way (TimeoutError and ssl.SSLError among them), ServerSaid when it says no."""

    def __init__(self, host: str, port: int, *, name: str, user: str, password: str, ca: Path, timeout_s: float) -> None:
        """ca: whose certificates are trusted. timeout_s: of each answer."""
        plain = socket.create_connection((host, port), timeout=timeout_s)
        try:
            plain.sendall(struct.pack("!II", 8, _TLS))
            if plain.recv(1) != b"S":
                raise ServerSaid("08P01", "it speaks no TLS")
            self._socket = trusting(ca).wrap_socket(plain, server_hostname=host)
        except BaseException:
            plain.close()
            raise
        try:
            words = ("user", user, "database", name, "application_name", "understudy")
            body = struct.pack("!I", _PROTOCOL) + b"".join(word.encode() + b"\0" for word in words) + b"\0"
            self._socket.sendall(struct.pack("!I", len(body) + 4) + body)
            self._prove(user, password)
            self._until_ready()
        except BaseException:
            self._socket.close()
            raise

    def say(self, statement: str) -> None:
        """One statement, committed when this returns; its rows are not wanted."""
        self._send(b"Q", statement.encode() + b"\0")
        self._until_ready()

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def _until_ready(self) -> None:
        """Raises what was refused, once the server waits for the next statement."""
        failed: ServerSaid | None = None
        while True:
            kind, body = self._receive()
            if kind == b"E":
                failed = _error(body)
                if failed.code.startswith("28"):  # who this is was not believed: it closes the connection and says no more
                    raise failed
            elif kind == b"Z":
                if failed is not None:
                    raise failed
                return

    def _prove(self, user: str, password: str) -> None:
        while True:
            kind, body = self._receive()
            if kind == b"E":
                raise _error(body)
            if kind != b"R":
                raise ServerSaid("08P01", f"expected a question of who this is, not {kind!r}")
            (how,) = struct.unpack_from("!I", body)
            if how == _OK:
                return
            if how == _MD5:
                inner = hashlib.md5((password + user).encode(), usedforsecurity=False).hexdigest().encode()
                digest = hashlib.md5(inner + body[4:8], usedforsecurity=False).hexdigest()
                self._send(b"p", b"md5" + digest.encode() + b"\0")
            elif how == _SASL and b"SCRAM-SHA-256\0" in body[4:]:
                self._scram(password)
            else:
                raise ServerSaid("08P01", f"asks for a proof of kind {how}, which is not known here")

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
            raise ServerSaid("08P01", "it does not know the password itself")

    def _sasl(self, wanted: int) -> str:
        kind, body = self._receive()
        if kind == b"E":
            raise _error(body)
        if kind != b"R" or struct.unpack_from("!I", body)[0] != wanted:
            raise ServerSaid("08P01", "broke off while it was told who this is")
        return body[4:].decode()

    def _send(self, kind: bytes, body: bytes) -> None:
        self._socket.sendall(kind + struct.pack("!I", len(body) + 4) + body)

    def _receive(self) -> tuple[bytes, bytes]:
        head = self._read(5)
        (size,) = struct.unpack("!I", head[1:])
        if not 4 <= size <= _MESSAGE_BYTES_MAX:
            raise ServerSaid("08P01", f"a message of {size} bytes")
        return head[:1], self._read(size - 4)

    def _read(self, size: int) -> bytes:
        found = bytearray()
        while len(found) < size:
            more = self._socket.recv(size - len(found))
            if not more:
                raise ConnectionResetError("the database closed the connection")
            found += more
        return bytes(found)


def _error(body: bytes) -> ServerSaid:
    """https://www.postgresql.org/docs/current/protocol-error-fields.html"""
    fields = {field[:1]: field[1:].decode(errors="replace") for field in body.split(b"\0") if field}
    return ServerSaid(fields.get(b"C", "?????"), fields.get(b"M", ""))

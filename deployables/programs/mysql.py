"""As much of MariaDB's and MySQL's own protocol as a small program needs (https://mariadb.com/docs/server/reference/clientserver-protocol).

Standard library only, for a node has no package index and this artifact no build step. A program of your own would bring its driver.
"""

from __future__ import annotations

import hashlib
import socket
import ssl
import struct
from collections.abc import Mapping
from typing import Any

# What this client can do: long passwords, a database from the start, the protocol of 4.1, TLS, transactions, several ways to prove itself.
_CAPABLE = 0x1 | 0x8 | 0x200 | 0x800 | 0x2000 | 0x8000 | 0x80000
_TLS = 0x800
_UTF8 = 45
_MESSAGE_BYTES_MAX = 1 << 20
_QUERY = 3


class ServerSaid(Exception):
    """The database refused: its code and its words."""


class Connection:
    """Raises OSError when there is no way (TimeoutError, ssl.SSLError among it), ServerSaid when it says no."""

    def __init__(self, settings: Mapping[str, Any], *, timeout_s: float) -> None:
        """settings: what the agent writes into the file that UNDERSTUDY_DATABASE_FILE names."""
        self._socket = socket.create_connection((settings["host"], settings["port"]), timeout=timeout_s)
        self._number = 0
        try:
            capable, salt, way = _greeting(self._receive())
            if not capable & _TLS:
                raise ServerSaid("it speaks no TLS")
            begin = struct.pack("<IIB23x", _CAPABLE, _MESSAGE_BYTES_MAX, _UTF8)
            self._send(begin)
            # Checks the chain and the name: a token would open the door for whoever hears it.
            trusting = ssl.create_default_context(cafile=settings["ca"])
            self._socket = trusting.wrap_socket(self._socket, server_hostname=settings["host"])
            proof = _proof(way, salt, settings["password"])
            words = (
                settings["user"].encode() + b"\0",
                bytes([len(proof)]) + proof,
                settings["name"].encode() + b"\0",
                way.encode() + b"\0",
            )
            self._send(begin + b"".join(words))
            self._prove(salt, settings["password"])
        except BaseException:
            self._socket.close()
            raise

    def ask(self, statement: str) -> list[list[str | None]]:
        """The rows of one statement; outside BEGIN it is committed when this returns."""
        self._number = 0
        self._send(bytes([_QUERY]) + statement.encode())
        first = self._receive()
        if first[:1] == b"\0":
            return []
        columns, _ = _number_at(first, 0)
        self._until_end()  # what the columns are called is not wanted
        return [_row(row, columns) for row in self._until_end()]

    def close(self) -> None:
        self._socket.close()

    def _prove(self, salt: bytes, password: str) -> None:
        """Until it is believed: https://mariadb.com/docs/server/reference/clientserver-protocol/1-connecting/connection."""
        while True:
            said = self._receive()
            if said[:1] == b"\0":
                return
            if said[:1] == b"\xfe":  # another way is asked for, with another salt
                way, _, more = said[1:].partition(b"\0")
                salt = more[:20]
                self._send(_proof(way.decode(), salt, password))
            elif said == b"\x01\x04":  # MySQL does not remember the password: it wants it whole, and this is TLS
                self._send(password.encode() + b"\0")
            elif said != b"\x01\x03":
                raise ServerSaid(f"asks for a proof that this program does not know: {said[:20]!r}")

    def _until_end(self) -> list[bytes]:
        found: list[bytes] = []
        while True:
            message = self._receive()
            if message[:1] == b"\xfe" and len(message) < 9:
                return found
            found.append(message)

    def _send(self, body: bytes) -> None:
        self._socket.sendall(struct.pack("<I", len(body))[:3] + bytes([self._number]) + body)
        self._number = (self._number + 1) % 256

    def _receive(self) -> bytes:
        head = self._read(4)
        size = int.from_bytes(head[:3], "little")
        if size > _MESSAGE_BYTES_MAX:
            raise ServerSaid(f"a message of {size} bytes")
        self._number = (head[3] + 1) % 256
        body = self._read(size)
        if body[:1] == b"\xff":
            (code,) = struct.unpack_from("<H", body, 1)
            raise ServerSaid(f"{code}: {body[3:].decode(errors='replace')}")
        return body

    def _read(self, size: int) -> bytes:
        found = bytearray()
        while len(found) < size:
            more = self._socket.recv(size - len(found))
            if not more:
                raise ConnectionResetError("the database closed the connection")
            found += more
        return bytes(found)


def _greeting(message: bytes) -> tuple[int, bytes, str]:
    """What the server can do, its salt, and the way to prove who one is that it asks for first."""
    at = message.index(b"\0", 1) + 1 + 4  # after the version and the connection's number
    salt, low = message[at : at + 8], struct.unpack_from("<H", message, at + 9)[0]
    high = struct.unpack_from("<H", message, at + 14)[0]
    rest = message[at + 27 :]
    return low | high << 16, salt + rest[:12], rest[13:].partition(b"\0")[0].decode()


def _proof(way: str, salt: bytes, password: str) -> bytes:
    """https://mariadb.com/docs/server/reference/plugins/authentication-plugins; a token of IAM goes as it is, and the channel is TLS."""
    word = password.encode()
    if way == "mysql_clear_password":
        return word + b"\0"
    if way == "caching_sha2_password":
        return _mixed("sha256", word, lambda inner: inner + salt)
    return _mixed("sha1", word, lambda inner: salt + inner)


def _mixed(kind: str, word: bytes, with_salt: Any) -> bytes:
    once = hashlib.new(kind, word).digest()
    mask = hashlib.new(kind, with_salt(hashlib.new(kind, once).digest())).digest()
    return bytes(a ^ b for a, b in zip(once, mask, strict=True))


def _row(message: bytes, columns: int) -> list[str | None]:
    at = 0
    values: list[str | None] = []
    for _ in range(columns):
        if message[at] == 0xFB:  # nothing
            values.append(None)
            at += 1
            continue
        size, at = _number_at(message, at)
        values.append(message[at : at + size].decode())
        at += size
    return values


def _number_at(message: bytes, at: int) -> tuple[int, int]:
    """A number of one, two, three or eight bytes, and where it ends."""
    first = message[at]
    size = {0xFC: 2, 0xFD: 3, 0xFE: 8}.get(first, 0)
    return (int.from_bytes(message[at + 1 : at + 1 + size], "little"), at + 1 + size) if size else (first, at + 1)

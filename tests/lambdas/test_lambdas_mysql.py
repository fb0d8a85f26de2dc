"""The session with MariaDB and MySQL: nothing is said of who it is but over TLS, and a refusal is told from a lost way.

A real MariaDB is asked in tests/lab/test_lab_rds_mariadb_iam.py.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from lambdas.adapters import mysql
from lambdas.adapters.session import ServerSaid

ROOTS = Path(__file__).parents[2] / "agent" / "rds-global-bundle.pem"
HELLO_BYTES = 40  # more than asking for TLS takes: then the greeting of TLS has begun, and the server goes
TLS, MODERN = 0x800, 0x80200  # the latter: protocol 4.1, ways to prove oneself as plug-ins


def message(number: int, body: bytes) -> bytes:
    return struct.pack("<I", len(body))[:3] + bytes([number]) + body


def greeting(capable: int) -> bytes:
    """https://mariadb.com/docs/server/reference/clientserver-protocol/1-connecting/connection#initial-handshake-packet"""
    low, high = capable & 0xFFFF, capable >> 16
    head = b"\x0a10.11.18-MariaDB\0" + struct.pack("<I", 7) + b"saltsalt\0"
    return message(0, head + struct.pack("<HBHHB", low, 45, 2, high, 21) + bytes(10) + b"saltsaltsalt\0mysql_native_password\0")


REFUSAL = message(0, b"\xff" + struct.pack("<H", 1040) + b"Too many connections")


@contextlib.contextmanager
def server(first: bytes) -> Iterator[tuple[int, list[bytes]]]:
    """Says this to whoever comes, and hears what is answered."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            client, _ = listening.accept()
            with client, contextlib.suppress(OSError):
                client.settimeout(2)
                client.sendall(first)
                while sum(map(len, heard)) < HELLO_BYTES and (more := client.recv(4096)):
                    heard.append(more)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listening.getsockname()[1], heard
        thread.join(3)


def connect(port: int) -> None:
    mysql.Connection("127.0.0.1", port, name="ledger", user="understudy", password="geheim", ca=ROOTS, timeout_s=2)


def test_a_server_that_speaks_no_tls_hears_nothing() -> None:
    with server(greeting(MODERN)) as (port, heard), pytest.raises(OSError, match="SSL is required"):
        connect(port)

    assert heard == []


def test_one_that_does_hears_who_it_is_only_once_it_has_shown_its_certificate() -> None:
    with server(greeting(MODERN | TLS)) as (port, heard), pytest.raises(ConnectionError, match=r"2\d\d\d"):
        connect(port)

    assert b"understudy" not in b"".join(heard)
    assert b"".join(heard)[36:38] == b"\x16\x03", "the greeting of TLS, right after the request for it"


def test_a_refusal_is_told_with_its_number_and_a_way_that_is_none_as_such() -> None:
    with server(REFUSAL) as (port, _), pytest.raises(ServerSaid, match="1040: Too many connections") as caught:
        connect(port)
    assert caught.value.code == "1040"

    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    with pytest.raises(ConnectionError, match="2003"):
        connect(port)


def test_the_authorities_of_rds_are_trusted_and_names_are_checked() -> None:
    made = mysql.trusting(ROOTS)

    assert (made.verify_mode, made.check_hostname) == (ssl.CERT_REQUIRED, True)

"""TLS of the agent's HTTP: spoken when the settings name a certificate, and renewed without a restart."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import os
import ssl
from ipaddress import IPv4Network
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from agent.ha_port import ha_server
from agent.http import tls
from agent.http.server import HttpServer
from core.model import Http, Verdict
from core.records import Look
from core.settings import BadSettings
from lambdas.adapters.asking import Address, look_at_all
from tests.agent.holders import FakeHolder, converse, with_server


def write_certificate(folder: Path, serial: int) -> Http:
    """A self-signed one for `node`; the serial number tells it from another."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "node")])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder(
        name, name, key.public_key(), serial, now - datetime.timedelta(days=1), now + datetime.timedelta(days=1)
    )
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName("node")]), critical=False)
    private = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    for file, data in (
        ("key.pem", key.private_bytes(serialization.Encoding.PEM, *private)),
        ("certificate.pem", builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)),
    ):
        (folder / f"{file}.new").write_bytes(data)
        os.replace(folder / f"{file}.new", folder / file)
    return Http(certificate=str(folder / "certificate.pem"), key=str(folder / "key.pem"))


async def ask(port: int) -> tuple[bytes, int]:
    """First line of the answer, and the serial number of the certificate that was shown."""
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting)
    shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.write(b"GET /livez HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n")
    first = await reader.readline()
    writer.transport.abort()
    return first, x509.load_der_x509_certificate(shown).serial_number


def test_tls_is_spoken_and_nothing_else_and_a_renewed_certificate_is_shown_without_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls, "LOOK_AGAIN_S", 0.0)
    settings = write_certificate(tmp_path, 1)

    async def story(port: int) -> None:
        assert await ask(port) == (b"HTTP/1.1 200 OK\r\n", 1)
        assert b"HTTP/1.1 200" not in await plain(port)
        write_certificate(tmp_path, 2)
        assert await ask(port) == (b"HTTP/1.1 200 OK\r\n", 2)

    with_server(lambda: HttpServer(FakeHolder(), settings), story)


async def plain(port: int) -> bytes:
    try:
        return await converse(port, b"GET /livez HTTP/1.1\r\nHost: node\r\n\r\n")
    except ConnectionError:
        return b""


def test_the_prober_sees_a_node_that_speaks_tls_as_well_as_any_other(tmp_path: Path) -> None:
    settings = write_certificate(tmp_path, 1)
    holder = FakeHolder()

    async def look(address: Address) -> Look:
        (seen,) = await asyncio.to_thread(look_at_all, [address], now_ms=lambda: 0)
        return seen

    async def story(port: int) -> None:
        ha = ha_server(holder.view, "test")
        await ha.open(["127.0.0.1"], 0)
        address = Address("127.0.0.1", ha.port, port, IPv4Network("127.0.0.0/8"))
        assert (await look(address)).verdict is Verdict.HEALTHY
        holder.tell(Verdict.FAILING, "died")
        seen = await look(address)
        assert (seen.verdict, seen.http) == (Verdict.FAILING, "status 503")
        await ha.close()

    with_server(lambda: HttpServer(holder, settings), story)


def test_a_renewal_that_does_not_fit_leaves_the_former_certificate_and_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tls, "LOOK_AGAIN_S", 0.0)
    settings = write_certificate(tmp_path, 1)
    told: list[str] = []

    async def story(port: int) -> None:
        (tmp_path / "key.pem").write_text("no key")
        assert (await ask(port))[1] == 1
        assert (await ask(port))[1] == 1
        assert len(told) == 1
        assert "certificate.pem not taken up" in told[0]
        write_certificate(tmp_path, 3)
        assert (await ask(port))[1] == 3

    with_server(lambda: HttpServer(FakeHolder(), settings, trouble=told.append), story)


def test_a_certificate_that_cannot_be_used_is_named_at_the_start(tmp_path: Path) -> None:
    async def make() -> None:
        with pytest.raises(BadSettings, match=r"http\.certificate /nowhere/c\.pem"):
            HttpServer(FakeHolder(), Http(certificate="/nowhere/c.pem", key="/nowhere/k.pem"))

    asyncio.run(make())


def test_a_client_that_never_shakes_hands_leaves_the_port_to_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.serving.HANDSHAKE_S", 0.2)
    settings = write_certificate(tmp_path, 1)

    async def story(port: int) -> None:
        silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(20)]
        assert (await ask(port))[0].startswith(b"HTTP/1.1 200")
        for reader, writer in silent:
            with contextlib.suppress(ConnectionError):
                assert await reader.read() == b""
            writer.close()

    with_server(lambda: HttpServer(FakeHolder(), settings), story)

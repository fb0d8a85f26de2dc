"""Probes against real sockets."""

from __future__ import annotations

import asyncio
import errno

import pytest

from agent.probes import ask, check_probe
from core.health import Outcome, ProbeResult
from core.model import Probe
from core.settings import BadSettings
from tests.agent.worlds import free_port


def asked(kind: str, said: bytes | None, *, timeout_s: float = 5.0) -> ProbeResult:
    """Ask a server that answers so; None: it never answers."""

    async def story() -> ProbeResult:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if said is None:
                await reader.read()
                return
            if kind == "http":
                await reader.readuntil(b"\r\n\r\n")
            writer.write(said or b"")
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            if kind == "tcp":
                return await ask(Probe(tcp=address, timeout_s=timeout_s))
            return await ask(Probe(http=f"http://{address}/healthz?deep=1", timeout_s=timeout_s))
        finally:
            server.close()

    return asyncio.run(story())


@pytest.mark.parametrize("status", [b"200 OK", b"204", b"302 Found"])
def test_http_is_good_from_200_to_399(status: bytes) -> None:
    assert asked("http", b"HTTP/1.1 " + status + b"\r\n\r\n").outcome is Outcome.GOOD


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (b"HTTP/1.1 500 Oops\r\n\r\n", "HTTP 500"),
        (b"HTTP/1.0 404 Not Found\r\n\r\n", "HTTP 404"),
        (b"", "closed without an answer"),
        (b"SSH-2.0-x\r\n", "not an HTTP answer"),
        (b"x" * 100_000, "not an HTTP answer|limit"),
    ],
)
def test_any_other_answer_is_bad_and_says_why(said: bytes, reason: str) -> None:
    result = asked("http", said)

    assert result.outcome is Outcome.BAD
    assert any(word in result.reason for word in reason.split("|"))


def test_no_answer_within_the_timeout_is_bad() -> None:
    result = asked("http", None, timeout_s=0.05)

    assert result.outcome is Outcome.BAD
    assert result.reason.endswith("no answer in 0.05 s")


def test_tcp_is_good_when_it_connects_and_bad_when_refused() -> None:
    assert asked("tcp", b"").outcome is Outcome.GOOD
    result = asyncio.run(ask(Probe(tcp=f"127.0.0.1:{free_port()}")))
    assert result.outcome is Outcome.BAD
    assert "refused" in result.reason.lower() or "connect" in result.reason.lower()


def test_our_own_shortage_is_unknown_not_bad(monkeypatch: pytest.MonkeyPatch) -> None:
    async def no_descriptors(*_: object, **__: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(asyncio, "open_connection", no_descriptors)
    assert asyncio.run(ask(Probe(tcp="127.0.0.1:1"))).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(
    "probe", [Probe(tcp="localhost"), Probe(tcp="h:99999"), Probe(http="https://h/"), Probe(http="http:///x"), Probe(http="http://h/a b")]
)
def test_an_address_that_cannot_be_asked_is_refused_at_start(probe: Probe) -> None:
    with pytest.raises(BadSettings, match="probe "):
        check_probe(probe)

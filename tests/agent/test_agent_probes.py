"""tcp and http probes against real sockets."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from agent.probes import ask, check_probe
from core.application import Probe
from core.node.health import Outcome, ProbeResult
from core.settings import BadSettings
from tests.agent.worlds import free_port

Said = bytes | list[bytes] | None


def asked(kind: str, said: Said, *, timeout_s: float = 5.0, stays: bool = False, **probe: Any) -> ProbeResult:
    """Ask a server that answers so, piece by piece; None: it never answers. stays: it does not close after that."""

    async def story() -> ProbeResult:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                if kind == "http":
                    await reader.readuntil(b"\r\n\r\n")
                elif "send" in probe:
                    await reader.readexactly(len(probe["send"]))
                for piece in [said] if isinstance(said, bytes) else said or []:
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(0.001)
                if said is None or stays:
                    await reader.read()
            except OSError:
                return  # the probe has seen enough
            finally:
                writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            if kind == "tcp":
                return await ask(Probe(tcp=address, timeout_s=timeout_s, **probe))
            return await ask(Probe(http=f"http://{address}/healthz?deep=1", timeout_s=timeout_s, **probe))
        finally:
            server.close()
            await asyncio.sleep(0)
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                await asyncio.wait([task], timeout=1.0)

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


def test_no_answer_within_the_timeout_is_told_apart_from_a_bad_one() -> None:
    result = asked("http", None, timeout_s=0.05)

    assert result.outcome is Outcome.TIMEOUT
    assert result.reason.endswith("no answer in 0.05 s")
    assert result.took_s >= 0.05


# --- http: status, header, body ----------------------------------------------------------------------------------

PLAIN = b"HTTP/1.1 200 OK\r\nX-Role: leader\r\nX-Role: writer\r\nContent-Length: 5\r\n\r\nready"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nrea\r\n2\r\ndy\r\n0\r\n\r\n"


@pytest.mark.parametrize(
    ("said", "probe"),
    [
        pytest.param(b"HTTP/1.1 503 No\r\n\r\n", {"status": (200, 503)}, id="a status of its own list"),
        pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n" + PLAIN, {"body": "ready"}, id="after an interim answer"),
        pytest.param(PLAIN, {"header": "x-role: write"}, id="a header in any case, its value contained, on any of its lines"),
        pytest.param(PLAIN, {"header": "X-Role:"}, id="a header that is merely there"),
        pytest.param(PLAIN, {"body": "read"}, id="text in the body"),
        pytest.param(CHUNKED, {"body": "ready"}, id="a chunked body"),
        pytest.param([CHUNKED[n : n + 1] for n in range(len(CHUNKED))], {"body": "ready"}, id="an answer byte by byte"),
        pytest.param(b"HTTP/1.0 200 OK\r\n\r\nalready", {"body": "ready"}, id="a body that ends with the connection"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", {"body": ""}, id="an empty text, in any body"),
    ],
)
def test_http_is_good_when_all_that_is_asked_for_is_there(said: Said, probe: dict[str, Any]) -> None:
    result = asked("http", said, **probe)

    assert (result.outcome, result.reason) == (Outcome.GOOD, "")


@pytest.mark.parametrize(
    ("said", "probe", "reason"),
    [
        pytest.param(PLAIN, {"status": (204,)}, "HTTP 200", id="a status that is not in its list"),
        pytest.param(PLAIN, {"header": "X-Role: follower"}, "header X-Role is 'leader', 'writer', not 'follower'", id="another value"),
        pytest.param(PLAIN, {"header": "X-Rule: leader"}, "header X-Rule is absent, not 'leader'", id="no such header"),
        pytest.param(PLAIN, {"body": "leader"}, "the body has no 'leader': 'ready'", id="another body"),
        pytest.param(PLAIN[:-2], {"body": "ready"}, "not an HTTP answer: peer closed", id="a body that breaks off"),
        pytest.param(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 20_000, {}, "not an HTTP answer: ", id="headers without end"),
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 65_536 + b"ready", {"body": "ready"}, "the body has no", id="text behind 64 KB"),
    ],
)
def test_http_is_bad_when_anything_asked_for_is_missing(said: Said, probe: dict[str, Any], reason: str) -> None:
    result = asked("http", said, **probe)

    assert result.outcome is Outcome.BAD
    assert reason in result.reason
    assert len(result.reason) < 400


def test_http_does_not_wait_for_a_body_that_nobody_asked_about() -> None:
    assert asked("http", b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", stays=True).outcome is Outcome.GOOD


def test_http_does_not_wait_for_the_end_of_a_body_in_which_the_text_was_found() -> None:
    assert asked("http", b"HTTP/1.1 200 OK\r\n\r\nready, and more to come", stays=True, body="ready").outcome is Outcome.GOOD


def test_an_endless_body_is_read_no_further_than_64_kilobytes() -> None:
    result = asked("http", [b"HTTP/1.1 200 OK\r\n\r\n", *[b"x" * 10_000] * 20], stays=True, body="ready")

    assert result.outcome is Outcome.BAD, "not TIMEOUT: the end is not waited for"


# --- tcp: a connection, an answer --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "probe"),
    [
        pytest.param(b"+PONG\r\n", {"send": "PING\r\n", "expect": "+PONG"}, id="the text expected"),
        pytest.param([b"220 mail ", b"ready\r\n"], {"expect": "ready"}, id="a greeting in pieces, unasked"),
        pytest.param(b"?", {"send": "PING\r\n"}, id="anything, where nothing is expected in particular"),
    ],
)
def test_tcp_is_good_with_the_answer_that_is_expected(said: Said, probe: dict[str, Any]) -> None:
    assert asked("tcp", said, stays=True, **probe).outcome is Outcome.GOOD


@pytest.mark.parametrize(
    ("said", "probe", "reason"),
    [
        pytest.param(
            b"-LOADING\r\n", {"send": "PING\r\n", "expect": "+PONG"}, "answered '-LOADING\\r\\n', not '+PONG'", id="another answer"
        ),
        pytest.param(b"", {"send": "PING\r\n"}, "closed without an answer", id="none"),
        pytest.param([b"x" * 10_000] * 10, {"expect": "y"}, "answered 'xxx", id="a flood"),
    ],
)
def test_tcp_is_bad_with_any_other_answer(said: Said, probe: dict[str, Any], reason: str) -> None:
    result = asked("tcp", said, **probe)

    assert result.outcome is Outcome.BAD
    assert reason in result.reason


def test_tcp_has_timed_out_when_the_answer_does_not_come_or_is_not_the_one_yet() -> None:
    assert asked("tcp", None, timeout_s=0.05, send="PING\r\n").outcome is Outcome.TIMEOUT
    assert asked("tcp", b"-LOADING\r\n", timeout_s=0.05, stays=True, expect="+PONG").outcome is Outcome.TIMEOUT


SERVER = """
import socket
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
while True:
    client, _ = server.accept()
    client.sendall(b"hello")
"""


@pytest.fixture
def stopped_server() -> Any:
    """A server's port; it was stopped (SIGSTOP) once it listened."""
    server = subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE)
    assert server.stdout is not None
    try:
        port = int(server.stdout.readline())
        os.kill(server.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, server.pid, os.WSTOPPED | os.WNOWAIT)
        yield port
    finally:
        server.kill()
        server.wait()
        server.stdout.close()


def test_a_stopped_process_still_completes_handshakes_so_only_an_answer_that_is_expected_finds_it(stopped_server: int) -> None:
    address = f"127.0.0.1:{stopped_server}"

    assert asyncio.run(ask(Probe(tcp=address))).outcome is Outcome.GOOD
    assert asyncio.run(ask(Probe(tcp=address, expect="hello", timeout_s=0.1))).outcome is Outcome.TIMEOUT


def test_a_probe_that_hangs_does_not_delay_another(stopped_server: int) -> None:
    async def story() -> list[ProbeResult]:
        hung = asyncio.create_task(ask(Probe(tcp=f"127.0.0.1:{stopped_server}", expect="hello", every_s=60.0, timeout_s=60.0)))
        others = [await ask(Probe(tcp=f"127.0.0.1:{stopped_server}")) for _ in range(20)]
        assert not hung.done()
        hung.cancel()
        return others

    assert [result.outcome for result in asyncio.run(story())] == [Outcome.GOOD] * 20


def test_tcp_is_good_when_it_connects_and_bad_when_refused() -> None:
    assert asked("tcp", b"").outcome is Outcome.GOOD
    result = asyncio.run(ask(Probe(tcp=f"127.0.0.1:{free_port()}")))
    assert result.outcome is Outcome.BAD
    assert "refused" in result.reason.lower() or "connect" in result.reason.lower()


def test_our_own_shortage_is_unknown_not_bad() -> None:
    async def without_descriptors() -> ProbeResult:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        free = os.dup(0)
        os.close(free)
        resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
        try:
            return await ask(Probe(tcp="127.0.0.1:1"))
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    result = asyncio.run(without_descriptors())

    assert (result.outcome, result.reason) == (Outcome.UNKNOWN, "tcp 127.0.0.1:1: Too many open files")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.9.10", "[::1]"])
def test_every_name_of_this_node_may_be_asked(host: str) -> None:
    check_probe(Probe(tcp=f"{host}:80"))
    check_probe(Probe(http=f"http://{host}:80/"))


def test_localhost_is_asked_without_a_look_in_any_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(lookup: Callable[..., Any]) -> ProbeResult:
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", lookup)
        server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
        async with server:
            return await ask(Probe(tcp=f"localhost:{server.sockets[0].getsockname()[1]}"))

    async def none(*_: object, **__: object) -> None:
        raise AssertionError("looked up")

    assert asyncio.run(story(none)).outcome is Outcome.GOOD


@pytest.mark.parametrize(
    "probe",
    [
        Probe(tcp="localhost"),
        Probe(tcp="127.0.0.1:99999"),
        Probe(tcp="10.0.0.1:80"),
        Probe(tcp="example.com:80"),
        Probe(http="https://127.0.0.1/"),
        Probe(http="http:///x"),
        Probe(http="http://127.0.0.1/a b"),
        Probe(http="http://10.0.0.1/"),
        Probe(http="http://127.0.0.1:0/"),
        Probe(http="http://127.0.0.1@example.com/"),
        Probe(http="http://127.0.0.1/", header="X-Role"),
        Probe(file="heartbeat", file_age_s=1.0),
    ],
)
def test_an_address_that_cannot_be_asked_is_refused_at_start(probe: Probe) -> None:
    with pytest.raises(BadSettings, match="probe "):
        check_probe(probe)

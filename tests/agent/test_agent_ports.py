"""The HA port and health over HTTP on real sockets: what they answer, and whom they do not let hurt anybody."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from agent import serving
from agent.ha_port import ha_server
from agent.health_http import HEAD_BYTES_MAX, answer, http_server
from agent.serving import PortInUse, Server
from core.ha_port import ERRORS_MAX, Told, View
from core.model import Verdict

RUNNING: dict[str, Any] = {"phase": "running", "epoch": 3, "verdict": "healthy", "reason": "", "applications": {}}
VIEW = View(subject=Told(Verdict.HEALTHY), applications={"web": Told(Verdict.HEALTHY)}, status=RUNNING)

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def with_server(server: Server, story: Callable[[int], Awaitable[None]]) -> None:
    async def run() -> None:
        await server.open(["127.0.0.1"], 0)
        try:
            async with asyncio.timeout(20):
                await story(server.port)
        finally:
            await server.close()

    asyncio.run(run())


async def converse(port: int, data: bytes) -> bytes:
    """Send, and read until the other side closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    said = await reader.read()
    writer.close()
    return said


def test_a_terminal_gets_its_answers_and_quit_closes() -> None:
    async def story(port: int) -> None:
        assert await converse(port, b"\xff\xfb\x18PING\r\nping web\r\nquit\r\n") == b"OK\r\nOK\r\n"

    with_server(ha_server(lambda: VIEW, "test"), story)


def test_garbage_is_refused_and_cut_off_and_the_next_client_is_served() -> None:
    async def story(port: int) -> None:
        assert (await converse(port, b"x" * 10_000)).startswith(b"ERROR line longer than 256 bytes")
        assert (await converse(port, b"\x00\n" * 1000)).count(b"ERROR not understood") == ERRORS_MAX
        assert await converse(port, b"ping\nexit\n") == b"OK\r\n"

    with_server(ha_server(lambda: VIEW, "test"), story)


def test_one_connection_too_many_is_refused_and_room_is_made_when_one_leaves() -> None:
    async def story(port: int) -> None:
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(serving.CONNECTIONS_MAX)]
        for reader, writer in held:
            writer.write(b"ping\n")
            assert await reader.readline() == b"OK\r\n"
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        assert await reader.readline() == b"ERROR too many connections\r\n"
        writer.close()
        held[0][1].close()
        while b"OK" not in await _try_ping(port):
            await asyncio.sleep(0.01)
        for _, writer in held:
            writer.close()

    with_server(ha_server(lambda: VIEW, "test"), story)


async def _try_ping(port: int) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(b"ping\n")
        return await reader.readline()
    except ConnectionError:
        return b""
    finally:
        writer.close()


def test_an_idle_connection_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.ha_port.IDLE_S", 0.05)

    async def story(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            assert await reader.read() == b""
        except ConnectionResetError:
            pass
        finally:
            writer.close()

    with_server(ha_server(lambda: VIEW, "test"), story)


def test_a_reader_too_slow_is_dropped_and_others_are_served(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "WRITE_TIMEOUT_S", 0.1)
    large = View(subject=Told(Verdict.HEALTHY), applications={}, status={"filler": "x" * 1_000_000})

    async def story(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        writer.write(b"status\n" * 50)
        await asyncio.sleep(0.3)
        assert await converse(port, b"ping\nexit\n") == b"OK\r\n"
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await reader.readexactly(50_000_000)
        writer.close()

    with_server(ha_server(lambda: large, "test"), story)


def test_a_port_in_use_is_named() -> None:
    async def story(port: int) -> None:
        with pytest.raises(PortInUse, match=f"second: cannot listen on 127.0.0.1 port {port}"):
            await ha_server(lambda: VIEW, "second").open(["127.0.0.1"], port)

    with_server(ha_server(lambda: VIEW, "first"), story)


# --- HTTP ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "change", "stuck", "code"),
    [
        ("/livez", {}, False, 200),
        ("/livez", {"verdict": "failing"}, False, 200),
        ("/livez", {}, True, 503),
        ("/healthz", {}, False, 200),
        ("/healthz", {"verdict": "busy"}, False, 200),
        ("/healthz", {"phase": "waiting"}, False, 200),
        ("/healthz", {"verdict": "failing"}, False, 503),
        ("/healthz", {"verdict": "unknown", "phase": "starting"}, False, 503),
        ("/healthz", {}, True, 503),
        ("/readyz", {}, False, 200),
        ("/readyz", {"phase": "waiting"}, False, 503),
        ("/readyz", {"verdict": "failing"}, False, 503),
        ("/v1/status", {}, False, 200),
        ("/", {}, False, 404),
        ("/healthz/", {}, False, 404),
    ],
)
def test_paths(path: str, change: dict[str, Any], stuck: bool, code: int) -> None:
    assert answer(path, {**RUNNING, **change}, stuck=stuck)[0] == code


def test_get_answers_json_and_head_the_same_without_it() -> None:
    async def story(port: int) -> None:
        head, _, body = (await converse(port, b"GET /healthz?x=1 HTTP/1.1\r\nHost: n\r\n\r\n")).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK\r\n")
        assert json.loads(body)["epoch"] == 3
        assert await converse(port, b"HEAD /healthz HTTP/1.1\r\nHost: n\r\n\r\n") == head + b"\r\n\r\n"

    with_server(http_server(lambda: RUNNING, lambda: False), story)


@pytest.mark.parametrize(
    ("request_bytes", "said"),
    [
        (b"POST /healthz HTTP/1.1\r\n\r\n", b"HTTP/1.1 405 "),
        (b"garbage\r\n\r\n", b"HTTP/1.1 400 "),
        (b"\x00\xff\r\n\r\n", b"HTTP/1.1 400 "),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * (HEAD_BYTES_MAX * 3), b"HTTP/1.1 431 "),
    ],
)
def test_what_is_no_get_is_refused_and_the_next_client_is_served(request_bytes: bytes, said: bytes) -> None:
    async def story(port: int) -> None:
        assert (await converse(port, request_bytes)).startswith(said)
        assert (await converse(port, b"GET /livez HTTP/1.0\r\n\r\n")).startswith(b"HTTP/1.1 200 ")

    with_server(http_server(lambda: RUNNING, lambda: False), story)


def test_a_client_that_drips_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.health_http.HEAD_TIMEOUT_S", 0.05)

    async def story(port: int) -> None:
        assert await converse(port, b"GET /livez") == b""

    with_server(http_server(lambda: RUNNING, lambda: False), story)

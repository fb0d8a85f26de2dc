"""Health over HTTP on real sockets: paths and codes, what is refused, what a client may not do to others."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.http import server as http
from agent.http.server import HEAD_BYTES_MAX, REQUESTS_MAX, HttpServer
from core.model import Http, Verdict
from tests.agent.holders import FakeHolder, converse, with_server

TOKEN = "correct-horse-battery-staple"


def served(holder: FakeHolder | None = None, settings: Http = Http()) -> Callable[[], HttpServer]:
    it = holder if holder is not None else FakeHolder()
    return lambda: HttpServer(it, settings)


def request(path: str, method: str = "GET", *headers: str) -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: n", *headers, "", ""]).encode()


async def ask(port: int, path: str, method: str = "GET", *headers: str) -> tuple[int, dict[str, str], bytes]:
    """Code, headers by lower-case name, body; the connection is closed after it."""
    head, _, body = (await converse(port, request(path, method, "Connection: close", *headers))).partition(b"\r\n\r\n")
    first, *rest = head.decode().split("\r\n")
    return int(first.split()[1]), {name.lower(): value for name, _, value in (line.partition(": ") for line in rest)}, body


@pytest.mark.parametrize(
    ("path", "phase", "verdict", "stuck", "code"),
    [
        ("/livez", "running", "healthy", False, 200),
        ("/livez", "running", "failing", False, 200),
        ("/livez", "running", "healthy", True, 503),
        ("/healthz", "running", "healthy", False, 200),
        ("/healthz", "running", "busy", False, 200),
        ("/healthz", "waiting", "healthy", False, 200),
        ("/healthz", "running", "failing", False, 503),
        ("/healthz", "starting", "unknown", False, 503),
        ("/healthz", "running", "healthy", True, 503),
        ("/readyz", "running", "healthy", False, 200),
        ("/readyz", "waiting", "healthy", False, 503),
        ("/readyz", "running", "failing", False, 503),
        ("/primary", "running", "healthy", False, 200),
        ("/primary", "waiting", "healthy", False, 503),
        ("/primary", "running", "healthy", True, 503),
        ("/standby", "waiting", "healthy", False, 200),
        ("/standby", "running", "healthy", False, 503),
        ("/standby", "released", "failing", False, 503),
        ("/v1/status", "running", "failing", False, 200),
        ("/metrics", "running", "failing", False, 200),
        ("/", "running", "healthy", False, 404),
        ("/healthz/", "running", "healthy", False, 404),
        ("/v1/applications/web/offline", "running", "healthy", False, 404),
    ],
)
def test_a_path_says_by_its_code_what_was_concluded(path: str, phase: str, verdict: str, stuck: bool, code: int) -> None:
    holder = FakeHolder()
    holder.phase, holder.stuck = phase, stuck
    holder.tell(Verdict(verdict))

    async def story(port: int) -> None:
        assert (await ask(port, path))[0] == code

    with_server(served(holder), story)


def test_get_answers_json_and_head_the_same_without_it() -> None:
    async def story(port: int) -> None:
        code, headers, body = await ask(port, "/healthz?x=1")
        assert (code, headers["content-type"]) == (200, "application/json")
        assert json.loads(body) == {"phase": "running", "epoch": 3, "verdict": "healthy", "reason": ""}
        assert await ask(port, "/healthz", "HEAD") == (200, {**headers, "date": headers["date"]}, b"")
        assert headers["content-length"] == str(len(body))

    with_server(served(), story)


@pytest.mark.parametrize("path", ["/livez", "/healthz", "/readyz", "/primary", "/standby", "/v1/status", "/metrics", "/nowhere"])
def test_every_path_answers_get_and_head_alike_and_in_json_but_for_the_metrics(path: str) -> None:
    async def story(port: int) -> None:
        code, headers, body = await ask(port, path)
        head_code, head_headers, nothing = await ask(port, path, "HEAD")
        assert (head_code, nothing) == (code, b"")
        assert head_headers.keys() == headers.keys()
        assert head_headers["content-type"] == headers["content-type"]
        assert headers["content-length"] == str(len(body))
        assert headers["cache-control"] == "no-store", "what is told is true only now"
        if path == "/metrics":
            assert headers["content-type"].startswith("text/plain; version=")
        else:
            assert headers["content-type"] == "application/json"
            assert isinstance(json.loads(body), dict)
        for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
            code, headers, _ = await ask(port, path, method)
            assert (code, headers["allow"]) == (405, "GET, HEAD")

    with_server(served(), story)


def test_a_request_may_name_the_whole_address_as_a_proxy_does() -> None:
    async def story(port: int) -> None:
        assert (await ask(port, "http://node:7880/livez"))[0] == 200
        assert (await ask(port, "http://node:7880/nowhere"))[0] == 404
        assert (await ask(port, "https://node/livez?x=1"))[0] == 200
        assert (await ask(port, "http://node"))[0] == 404

    with_server(served(), story)  # RFC 9112 3.2.2: a server must accept the absolute form


def test_who_waits_for_a_word_before_sending_a_body_gets_one(token_file: Path) -> None:
    """RFC 9110 10.1.1: either `100 Continue` or the final answer must come at once."""

    async def story(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        expecting = ("Expect: 100-continue", "Content-Length: 2", f"Authorization: Bearer {TOKEN}")
        writer.write(request("/v1/applications/web/offline", "POST", *expecting))
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"hi")
        assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")
        writer.close()

    with_server(served(settings=Http(token_file=str(token_file))), story)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (b"POST /healthz HTTP/1.1\r\nHost: n\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi", b"HTTP/1.1 405 "),
        (b"DELETE /v1/status HTTP/1.1\r\nHost: n\r\nConnection: close\r\n\r\n", b"HTTP/1.1 405 "),
        (b"garbage\r\n\r\n", b"HTTP/1.1 400 "),
        (b"\x00\xff\r\n\r\n", b"HTTP/1.1 400 "),
        (b"GET / HTTP/1.1\r\n\r\n", b"HTTP/1.1 400 "),  # RFC 9112 3.2: no Host
        (b"GET / HTTP/1.1\r\nX: " + b"x" * (HEAD_BYTES_MAX * 2), b"HTTP/1.1 431 "),
        (b"POST / HTTP/1.1\r\nHost: n\r\nContent-Length: 100000\r\n\r\n", b"HTTP/1.1 413 "),
        (b"POST / HTTP/1.1\r\nHost: n\r\nTransfer-Encoding: chunked\r\n\r\n", b"HTTP/1.1 413 "),
        (b"GET / HTTP/1.1\r\nHost: n\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", b"HTTP/1.1 400 "),
    ],
)
def test_what_is_no_small_get_is_refused_and_the_next_client_is_served(asked: bytes, said: bytes) -> None:
    async def story(port: int) -> None:
        assert (await converse(port, asked)).startswith(said)
        assert (await converse(port, b"GET /livez HTTP/1.0\r\n\r\n")).startswith(b"HTTP/1.1 200 ")

    with_server(served(), story)


def test_a_connection_is_kept_and_requests_sent_ahead_are_answered_in_their_order() -> None:
    async def story(port: int) -> None:
        ahead = request("/livez") + request("/nowhere") + request("/livez", "HEAD") + request("/healthz", "GET", "Connection: close")
        said = (await converse(port, ahead)).split(b"HTTP/1.1 ")
        assert [part[:3] for part in said[1:]] == [b"200", b"404", b"200", b"200"]

    with_server(served(), story)


def test_a_request_in_pieces_is_one_request() -> None:
    async def story(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for byte in request("/livez"):
            writer.write(bytes([byte]))
            await writer.drain()
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        writer.close()

    with_server(served(), story)


def test_a_connection_is_closed_after_so_many_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "REQUESTS_MAX", 3)

    async def story(port: int) -> None:
        said = await converse(port, request("/livez") * 5)
        assert said.count(b"HTTP/1.1 200") == 3
        assert said.count(b"Connection: close") == 1

    assert REQUESTS_MAX == 1000
    with_server(served(), story)


def test_who_asks_for_the_end_is_not_lingered_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.connection.LINGER_S", 1000.0)
    servers: list[HttpServer] = []

    def serve() -> HttpServer:
        servers.append(served()())
        return servers[0]

    async def story(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request("/livez", "GET", "Connection: close"))
        assert (await reader.read()).startswith(b"HTTP/1.1 200")
        async with asyncio.timeout(30):
            while servers[0].connections:  # the client has closed nothing
                await asyncio.sleep(0.01)
        writer.close()

    with_server(serve, story)


def test_a_client_that_drips_is_not_waited_for_and_neither_is_one_who_has_nothing_more_to_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "HEAD_TIMEOUT_S", 0.1)
    monkeypatch.setattr(http, "KEEP_ALIVE_S", 0.2)

    async def story(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /livez HTTP/1.1\r\nX: ")
        while not reader.at_eof() and reader.exception() is None:  # a byte that crosses the close is answered by a reset
            writer.write(b"x")
            await asyncio.sleep(0.01)
        writer.close()
        assert (await converse(port, request("/livez"))).startswith(b"HTTP/1.1 200")  # and read() came to an end

    with_server(served(), story)


def test_a_reader_too_slow_is_dropped_and_others_are_served(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.connection.WRITE_TIMEOUT_S", 0.2)
    holder = FakeHolder()
    holder.more["web"] = {"filler": "x" * 3_000_000}

    async def story(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        writer.write(request("/v1/status") * 50)
        assert (await ask(port, "/livez"))[0] == 200
        await asyncio.sleep(0.5)
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await reader.readexactly(150_000_000)
        writer.close()

    with_server(served(holder), story)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.one_of(st.binary(max_size=60), st.sampled_from([request("/livez"), request("/", "POST"), b"\r\n", b"GET "])), max_size=6)
)
def test_whatever_is_sent_the_answers_are_http_and_the_next_client_is_served(pieces: list[bytes]) -> None:
    async def story(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"".join(pieces))
        writer.write_eof()
        try:
            said = await reader.read()
        except ConnectionError:
            said = b""
        assert said == b"" or said.startswith(b"HTTP/1.1 ")
        writer.close()
        assert (await ask(port, "/livez"))[0] == 200

    with_server(served(), story)


# --- what changes something ----------------------------------------------------------------------------------------


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text(f"{TOKEN}\n")
    path.chmod(0o600)
    return path


def bearer(token: str) -> str:
    return f"Authorization: Bearer {token}"


OFFLINE = "/v1/applications/web/offline"


def test_without_a_token_file_nothing_that_changes_something_is_there() -> None:
    holder = FakeHolder()

    async def story(port: int) -> None:
        assert (await ask(port, OFFLINE, "POST", bearer(TOKEN)))[0] == 404

    with_server(served(holder), story)
    assert holder.done == []


@pytest.mark.parametrize(
    ("path", "method", "header", "code"),
    [
        (OFFLINE, "POST", bearer(TOKEN), 200),
        ("/v1/applications/db/clean", "POST", f"authorization: bEARER  {TOKEN} ", 200),
        (OFFLINE, "POST", bearer("wrong-horse-battery-staple"), 401),
        (OFFLINE, "POST", bearer(TOKEN[:-1]), 401),
        (OFFLINE, "POST", "Authorization: Bearer", 401),
        (OFFLINE, "POST", f"Authorization: Basic {TOKEN}", 401),
        (OFFLINE, "POST", "X: y", 401),
        (OFFLINE, "GET", bearer(TOKEN), 405),
        ("/v1/applications/nobody/offline", "POST", bearer(TOKEN), 404),
        ("/v1/applications/web/explode", "POST", bearer(TOKEN), 405),
    ],
)
def test_only_the_token_opens_and_only_by_post(path: str, method: str, header: str, code: int, token_file: Path) -> None:
    holder = FakeHolder()

    async def story(port: int) -> None:
        assert (await ask(port, path, method, header))[0] == code

    with_server(served(holder, Http(token_file=str(token_file))), story)
    assert len(holder.done) == (code == 200)


def test_what_was_done_is_said_when_it_is_done_and_trouble_in_its_own_words(token_file: Path) -> None:
    holder = FakeHolder()

    async def story(port: int) -> None:
        assert json.loads((await ask(port, OFFLINE, "POST", bearer(TOKEN)))[2]) == {"done": "offline done"}
        holder.trouble = "web does not stop"
        code, _, body = await ask(port, "/v1/applications/web/online", "POST", bearer(TOKEN))
        assert (code, json.loads(body)) == (409, {"error": "web does not stop"})

    with_server(served(holder, Http(token_file=str(token_file))), story)
    assert holder.done == [("offline", "web"), ("online", "web")]


def test_what_was_begun_is_finished_when_the_client_has_left(token_file: Path) -> None:
    holder = FakeHolder()

    async def story(port: int) -> None:
        holder.gate = asyncio.Event()
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request(OFFLINE, "POST", bearer(TOKEN)) + request("/livez"))
        await writer.drain()
        assert (await ask(port, "/livez"))[0] == 200  # nobody else waits
        writer.transport.abort()
        holder.gate.set()
        while not holder.done:
            await asyncio.sleep(0.01)

    with_server(served(holder, Http(token_file=str(token_file))), story)


@pytest.mark.parametrize("spoil", ["others may read it", "too short", "a folder", "gone"])
def test_a_token_file_that_cannot_be_trusted_opens_nothing_and_is_complained_of_without_the_token(spoil: str, token_file: Path) -> None:
    complaints: list[str] = []
    if spoil == "others may read it":
        token_file.chmod(0o640)
    elif spoil == "too short":
        token_file.write_text("short\n")
    else:
        token_file.unlink()
        if spoil == "a folder":
            token_file.mkdir()
    holder = FakeHolder()

    async def story(port: int) -> None:
        code, _, body = await ask(port, OFFLINE, "POST", bearer("short" if spoil == "too short" else TOKEN))
        assert code == 503
        assert str(token_file).encode() not in body
        assert (await ask(port, OFFLINE, "POST"))[0] == 503  # and the log is not filled by whoever asks again

    with_server(lambda: HttpServer(holder, Http(token_file=str(token_file)), trouble=complaints.append), story)
    assert holder.done == []
    assert len(complaints) == 1
    assert str(token_file) in complaints[0]
    assert TOKEN not in complaints[0]


def test_a_new_token_counts_at_once(token_file: Path) -> None:
    async def story(port: int) -> None:
        token_file.write_text("another-horse-battery-staple")
        assert (await ask(port, OFFLINE, "POST", bearer(TOKEN)))[0] == 401
        assert (await ask(port, OFFLINE, "POST", bearer("another-horse-battery-staple")))[0] == 200

    with_server(served(None, Http(token_file=str(token_file))), story)


def test_only_so_much_is_done_at_once(token_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "ACTIONS_AT_ONCE", 1)
    holder = FakeHolder()

    async def story(port: int) -> None:
        holder.gate = asyncio.Event()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request(OFFLINE, "POST", bearer(TOKEN)) + request("/livez"))
        await writer.drain()
        assert (await ask(port, "/livez"))[0] == 200  # by now the first has begun
        assert (await ask(port, OFFLINE, "POST", bearer(TOKEN)))[0] == 429
        holder.gate.set()
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        writer.close()

    with_server(served(holder, Http(token_file=str(token_file))), story)

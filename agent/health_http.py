"""Health over HTTP: says what the last cycle concluded; concludes nothing. GET and HEAD, one answer a connection."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from agent.serving import Server, send
from core.records import Phase

HEAD_BYTES_MAX = 8192  # as common servers have it
HEAD_TIMEOUT_S = 5.0  # for the whole head: a client that drips is not waited for
_WELL = ("healthy", "busy")

Answer = tuple[HTTPStatus, Mapping[str, Any]]


def answer(path: str, status: Mapping[str, Any], *, stuck: bool) -> Answer:
    """The answer for a path. `status` is the last conclusion as agent.cycle.Cycle.status gives it; stuck: no cycle completes."""
    well = not stuck and status["verdict"] in _WELL
    brief = {key: status[key] for key in ("phase", "epoch", "verdict", "reason")}
    if path == "/livez":
        return _yes_no(not stuck, {"alive": not stuck})
    if path == "/healthz":
        return _yes_no(well, brief)
    if path == "/readyz":
        return _yes_no(well and status["phase"] == Phase.RUNNING.value, brief)
    if path == "/v1/status":
        return HTTPStatus.OK, status
    return HTTPStatus.NOT_FOUND, {"error": "not found", "paths": ["/livez", "/healthz", "/readyz", "/v1/status"]}


def _yes_no(yes: bool, body: Mapping[str, Any]) -> Answer:
    return (HTTPStatus.OK if yes else HTTPStatus.SERVICE_UNAVAILABLE), body


def http_server(status: Callable[[], Mapping[str, Any]], is_stuck: Callable[[], bool]) -> Server:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(HEAD_TIMEOUT_S):
                head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError:
            code = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
            await send(writer, _response(code, {"error": f"head longer than {HEAD_BYTES_MAX} bytes"}, body=True))
            return
        words = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ")
        if len(words) != 3 or not words[2].startswith("HTTP/1."):
            await send(writer, _response(HTTPStatus.BAD_REQUEST, {"error": "not an HTTP/1 request"}, body=True))
            return
        method, target = words[0], words[1].partition("?")[0]
        if method not in ("GET", "HEAD"):
            await send(writer, _response(HTTPStatus.METHOD_NOT_ALLOWED, {"error": "GET and HEAD only"}, body=True))
            return
        code, body = answer(target, status(), stuck=is_stuck())
        await send(writer, _response(code, body, body=method == "GET"))

    refusal = _response(HTTPStatus.SERVICE_UNAVAILABLE, {"error": "too many connections"}, body=True)
    return Server("health over HTTP", handle, refusal=refusal, read_bytes_max=HEAD_BYTES_MAX)


def _response(code: HTTPStatus, content: Mapping[str, Any], *, body: bool) -> bytes:
    text = json.dumps(content).encode() + b"\n"
    allow = "Allow: GET, HEAD\r\n" if code is HTTPStatus.METHOD_NOT_ALLOWED else ""
    head = (
        f"HTTP/1.1 {code.value} {code.phrase}\r\nContent-Type: application/json\r\nContent-Length: {len(text)}\r\n"
        f"Cache-Control: no-store\r\n{allow}Connection: close\r\n\r\n"
    )
    return head.encode() + (text if body else b"")

"""Adapter: asks an application one question over TCP or HTTP, within its timeout."""

from __future__ import annotations

import asyncio
import errno
import urllib.parse

from core.health import Outcome, ProbeResult
from core.model import Probe
from core.settings import BadSettings

STATUS_LINE_BYTES_MAX = 4096
# Our own shortage, not the application's failure.
_OURS = {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS, errno.EADDRNOTAVAIL}


def check_probe(probe: Probe) -> None:
    """Raises BadSettings: an address that cannot be asked."""
    _target(probe)


async def ask(probe: Probe) -> ProbeResult:
    """Ask once. Never raises for what the application does; cancelled only by the caller."""
    host, port, request = _target(probe)
    try:
        async with asyncio.timeout(probe.timeout_s):
            return await _ask(host, port, request)
    except TimeoutError:
        return ProbeResult(Outcome.BAD, f"{_name(probe)}: no answer in {probe.timeout_s:g} s")
    except OSError as error:
        outcome = Outcome.UNKNOWN if error.errno in _OURS else Outcome.BAD
        return ProbeResult(outcome, f"{_name(probe)}: {_words(error)}")
    except ValueError as error:
        return ProbeResult(Outcome.BAD, f"{_name(probe)}: {error}")


async def _ask(host: str, port: int, request: bytes | None) -> ProbeResult:
    """A connection is enough for tcp; http needs a status from 200 to 399."""
    reader, writer = await asyncio.open_connection(host, port, limit=STATUS_LINE_BYTES_MAX)
    try:
        if request is None:
            return ProbeResult(Outcome.GOOD)
        writer.write(request)
        await writer.drain()
        words = (await reader.readline()).split(None, 2)
        if len(words) < 2 or not words[0].startswith(b"HTTP/1.") or not words[1].isdigit():
            raise ValueError("not an HTTP answer" if words else "closed without an answer")
        status = int(words[1])
        if 200 <= status < 400:
            return ProbeResult(Outcome.GOOD)
        return ProbeResult(Outcome.BAD, f"HTTP {status}")
    finally:
        # Not closed politely: a program that answers and then never reads would keep us waiting.
        writer.transport.abort()


def _target(probe: Probe) -> tuple[str, int, bytes | None]:
    text = probe.tcp if probe.tcp is not None else probe.http
    assert text is not None, "the model sees to it"
    parts = urllib.parse.urlsplit(text if probe.http is not None else f"//{text}")
    try:
        port = parts.port
    except ValueError as error:
        raise BadSettings(f"probe {text!r}: {error}") from error
    if not parts.hostname or (probe.tcp is not None and not port):
        raise BadSettings(f"probe {text!r}: expected HOST:PORT")
    if probe.tcp is not None:
        return parts.hostname, port or 0, None
    if parts.scheme != "http" or any(char <= " " for char in text):
        raise BadSettings(f"probe {text!r}: expected http://HOST[:PORT]/PATH")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    request = f"GET {path} HTTP/1.1\r\nHost: {parts.netloc}\r\nUser-Agent: understudy\r\nConnection: close\r\n\r\n"
    return parts.hostname, port or 80, request.encode()


def _name(probe: Probe) -> str:
    return probe.http or f"tcp {probe.tcp}"


def _words(error: OSError) -> str:
    return (error.strerror or str(error) or type(error).__name__) if error.errno else str(error) or type(error).__name__

"""Where tcp and http probes go: to this node's loopback, and nowhere else."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import urllib.parse
from dataclasses import dataclass

from core.application import Probe
from core.settings import BadSettings

READ_BYTES_MAX = 65_536  # of an answer; what is looked for stands before that, or is not found


@dataclass(frozen=True, slots=True)
class Address:
    """hosts: addresses, tried in turn. netloc and target: as an http request names them."""

    hosts: tuple[str, ...]
    port: int
    netloc: str = ""
    target: str = ""


def tcp_address(text: str) -> Address:
    """HOST:PORT. Raises BadSettings."""
    host, port, _ = _split(text, f"//{text}")
    if not port:
        raise BadSettings(f"probe {text!r}: expected HOST:PORT")
    return Address(_loopback(text, host), port)


def http_address(text: str) -> Address:
    """http://HOST[:PORT]/PATH. Raises BadSettings."""
    host, port, parts = _split(text, text)
    if parts.scheme != "http" or not text.isascii() or any(char <= " " for char in text) or parts.username is not None or port == 0:
        raise BadSettings(f"probe {text!r}: expected http://HOST[:PORT]/PATH")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Address(_loopback(text, host), port or 80, parts.netloc, target)


def _split(text: str, url: str) -> tuple[str, int | None, urllib.parse.SplitResult]:
    try:
        parts = urllib.parse.urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise BadSettings(f"probe {text!r}: {error}") from error
    if not parts.hostname:
        raise BadSettings(f"probe {text!r}: expected HOST:PORT")
    return parts.hostname, port, parts


def _loopback(text: str, host: str) -> tuple[str, ...]:
    """Never looked up: a resolver that hangs would make a healthy application look dead (RFC 6761, 6.3: localhost is loopback)."""
    if host == "localhost":
        return ("127.0.0.1", "::1")
    try:
        if ipaddress.ip_address(host).is_loopback:
            return (host,)
    except ValueError:
        pass
    raise BadSettings(f"probe {text!r}: asks {host}, which is not this node: use 127.0.0.1")


def check_address(probe: Probe) -> None:
    """Raises BadSettings: an address that cannot be asked, or is not this node's."""
    if probe.tcp is not None:
        tcp_address(probe.tcp)
    if probe.http is not None:
        http_address(probe.http)


async def connect(address: Address) -> socket.socket:
    """To be closed by the caller. Raises OSError: that of the first host, which is the one people mean.

    A bare socket: probes are most of what an idle agent does, and asyncio's streams took a third of one's processor time.
    """
    first: OSError | None = None
    for host in address.hosts:
        connection = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        try:
            connection.setblocking(False)
            await asyncio.get_running_loop().sock_connect(connection, (host, address.port))
        except OSError as error:
            connection.close()
            first = first or error
        except asyncio.CancelledError:
            connection.close()
            raise
        else:
            return connection
    assert first is not None, "an address has at least one host"
    raise first

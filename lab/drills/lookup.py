"""How the drill's client finds a front that is a name: it asks the VPC's resolver, and keeps the answer as long as it may."""

from __future__ import annotations

import ipaddress
import secrets
import socket
import threading
import time

from lab import dns_wire as wire

_TIMEOUT_S = 0.5
_PORT = 53


class NotFound(OSError):
    """The name cannot be looked up: nobody answered, or there is no such record."""


def is_name(front: str) -> bool:
    """Whether a front must be looked up before it can be connected to."""
    try:
        ipaddress.IPv4Address(front)
    except ValueError:
        return bool(front)
    return False


class Lookup:
    """As a resolver does it (RFC 1035, 7.4): an answer is used again until its TTL is over, and no longer. Bad ones are not kept."""

    def __init__(self, name: str, resolver: str) -> None:
        """resolver: the address to ask, by UDP."""
        self._name, self._resolver = name, resolver
        self._lock = threading.Lock()
        self._kept, self._until = "", 0.0

    def address(self) -> str:
        """Raises NotFound."""
        with self._lock:
            now = time.monotonic()
            if now >= self._until:
                self._kept, ttl_s = _ask(self._name, self._resolver)
                self._until = now + ttl_s
            return self._kept


def _ask(name: str, resolver: str) -> tuple[str, int]:
    number = secrets.randbelow(1 << 16)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as here:
        here.settimeout(_TIMEOUT_S)
        try:
            here.connect((resolver, _PORT))
            here.send(wire.ask(number, name))
            code, ttl_s, addresses = wire.read_answer(here.recv(wire.MESSAGE_BYTES), number)
        except (OSError, ValueError) as error:
            raise NotFound(f"{resolver} does not say what {name} is: {error}") from error
    if code != wire.NOERROR or not addresses:
        raise NotFound(f"{resolver} says that there is no {name}")
    return addresses[0], ttl_s

"""Trying a public address as a client would: does it accept a connection at every port."""

from __future__ import annotations

import socket
from collections.abc import Iterable

from lambdas.adapters import clock

TRY_TIMEOUT_S = 1.5
TRY_EVERY_S = 0.3


def answering(address: str, ports: Iterable[int], until_ms: int) -> bool:
    """Asked again and again until then, once at least."""
    wanted = tuple(ports)
    while not accepts(address, wanted):
        if clock.now_ms() >= until_ms:
            return False
        clock.sleep(TRY_EVERY_S)
    return True


def accepts(address: str, ports: Iterable[int]) -> bool:
    for port in ports:
        try:
            with socket.create_connection((address, port), timeout=TRY_TIMEOUT_S):
                pass
        except OSError:
            return False
    return True

"""Asking the agent of this machine to do or tell something: one line of JSON there, one back. Quick to import, for scripts.

The socket is open to the agent's own user alone (0600). A request has `do` (status, why, offline, clean, online) and may
have `application` (left out or null: all), or in its place `port`, the HA port that stands for it, and `timeout_s`.
"""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Mapping
from typing import Any

DEFAULT_PATH = "/run/understudy/agent.sock"
ENVIRONMENT = "UNDERSTUDY_SOCKET"
ANSWER_BYTES_MAX = 4 << 20


class NoAgent(Exception):
    """Nobody listens on the socket, or we may not speak to it: names it and why."""


class NoAnswer(Exception):
    """The agent did not answer in time, or not in our words. What was asked for may be under way."""


def socket_path() -> str:
    return os.environ.get(ENVIRONMENT) or DEFAULT_PATH


def call(path: str, request: Mapping[str, Any], timeout_s: float) -> dict[str, Any]:
    """The agent's answer, within timeout_s in all. `ok` in it says whether it was done. Raises NoAgent, NoAnswer."""
    until_s = time.monotonic() + timeout_s
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(max(timeout_s, 0.001))
        try:
            connection.connect(path)
        except (OSError, ValueError) as error:
            raise NoAgent(f"{path}: {getattr(error, 'strerror', None) or error}") from error
        try:
            connection.sendall(json.dumps(dict(request)).encode() + b"\n")
            line = _line(connection, until_s)
        except TimeoutError as error:
            raise NoAnswer(f"no answer within {timeout_s:g} s") from error
        except OSError as error:
            raise NoAnswer(f"the agent left: {error.strerror or error}") from error
    try:
        answer = json.loads(line)
    except ValueError as error:
        raise NoAnswer(f"the answer is no JSON: {line[:80]!r}") from error
    if not isinstance(answer, dict):
        raise NoAnswer(f"the answer is no object: {line[:80]!r}")
    return answer


def _line(connection: socket.socket, until_s: float) -> bytes:
    received = bytearray()
    while not received.endswith(b"\n"):
        left_s = until_s - time.monotonic()
        if left_s <= 0:
            raise TimeoutError
        connection.settimeout(left_s)
        data = connection.recv(65536)
        received += data
        if not data or len(received) > ANSWER_BYTES_MAX:
            break
    return bytes(received)

"""What is answered to each path: it repeats what the last cycle concluded; it concludes nothing."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from agent.ports import Holder
from core.records import Phase

JSON = b"application/json"
LOOKING = (b"GET", b"HEAD")
ACTIONS = ("offline", "online", "clean")
_WELL = ("healthy", "busy")


@dataclass(frozen=True, slots=True)
class Answer:
    code: HTTPStatus
    body: bytes
    kind: bytes = JSON
    headers: tuple[tuple[bytes, bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class Action:
    """What a path asks to be done to one application; needs the token."""

    verb: str
    application: str


def said(code: HTTPStatus, content: Mapping[str, Any], *headers: tuple[bytes, bytes]) -> Answer:
    return Answer(code, json.dumps(content).encode() + b"\n", JSON, headers)


def look(path: str, holder: Holder, metrics: Callable[[], Answer]) -> Answer | None:
    """The answer to GET; None when there is no such path.

    /livez: the agent completes its cycles. /healthz: and the node is well, be it that it waits for its permit.
    /readyz: and its applications are up. /primary, /standby: for balancers that tell the two apart; with one node the
    primary holds the permit and serves, the standby waits for it.
    """
    answering = _PATHS.get(path)
    if answering is not None:
        return answering(holder)
    return metrics() if path == "/metrics" else None


def action(path: str) -> Action | None:
    """/v1/applications/NAME/offline, online or clean."""
    words = path.split("/")
    if len(words) == 5 and words[:3] == ["", "v1", "applications"] and words[4] in ACTIONS:
        return Action(words[4], words[3])
    return None


def not_found() -> Answer:
    return said(HTTPStatus.NOT_FOUND, {"error": "not found", "paths": [*_PATHS, "/metrics"]})


def only(*methods: bytes) -> Answer:
    allowed = b", ".join(methods)
    return said(HTTPStatus.METHOD_NOT_ALLOWED, {"error": f"{allowed.decode()} only"}, (b"Allow", allowed))


def _livez(holder: Holder) -> Answer:
    stuck = holder.is_stuck()
    return said(HTTPStatus.SERVICE_UNAVAILABLE if stuck else HTTPStatus.OK, {"alive": not stuck})


def _healthz(holder: Holder) -> Answer:
    return _yes_no(holder, lambda status: status["verdict"] in _WELL)


def _readyz(holder: Holder) -> Answer:
    return _yes_no(holder, lambda status: status["verdict"] in _WELL and status["phase"] == Phase.RUNNING.value)


def _standby(holder: Holder) -> Answer:
    return _yes_no(holder, lambda status: status["verdict"] in _WELL and status["phase"] == Phase.WAITING.value)


def _status(holder: Holder) -> Answer:
    return said(HTTPStatus.OK, holder.status())


def _yes_no(holder: Holder, is_so: Callable[[Mapping[str, Any]], bool]) -> Answer:
    status = holder.view().status
    yes = not holder.is_stuck() and is_so(status)
    return _brief(yes, status["phase"], status["epoch"], status["verdict"], status["reason"])


@functools.lru_cache(maxsize=16)  # balancers ask all the time, and it changes seldom
def _brief(yes: bool, phase: str, epoch: int, verdict: str, reason: str) -> Answer:
    brief = {"phase": phase, "epoch": epoch, "verdict": verdict, "reason": reason}
    return said(HTTPStatus.OK if yes else HTTPStatus.SERVICE_UNAVAILABLE, brief)


_PATHS: dict[str, Callable[[Holder], Answer]] = {
    "/livez": _livez,
    "/healthz": _healthz,
    "/readyz": _readyz,
    "/primary": _readyz,
    "/standby": _standby,
    "/v1/status": _status,
}

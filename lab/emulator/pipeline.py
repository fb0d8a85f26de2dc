"""Every request's way through the emulator: size, caller, route, policy, lock, then moto."""

from __future__ import annotations

import io
import re
import threading
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

from werkzeug.wrappers import Response

from lab import tracing
from lab.emulator.origin import why_unreachable
from lab.world import World

WsgiApp = Callable[[dict[str, Any], Any], Iterable[bytes]]
Check = Callable[[World, dict[str, Any], bytes], Response | None]
Control = Callable[[World, dict[str, Any], bytes], Response]

BODY_BYTES_MAX = 256 * 1024 * 1024  # of one request; the largest asset of ours is some 20 MB
LAB_PREFIX = "/_lab/"
# moto checks a condition and then writes, with nothing in between that holds other threads off: two
# conditional writes can both win. Only these two services promise conditional writes. No lock for the
# rest: CloudFormation calls the emulator itself while its own request is being served.
LOCKED_SERVICES = ("dynamodb", "s3")
_CREDENTIAL = re.compile(r"Credential=([^/,\s]+)/[^/]+/[^/]+/([a-z0-9-]+)/")


@dataclass(frozen=True, slots=True)
class Caller:
    """access_key and service: empty when the request is not signed."""

    access_key: str
    service: str
    address: str


def identify(environ: dict[str, Any]) -> Caller:
    """Read the caller from the SigV4 header; the signature itself is lab.policy's to verify."""
    match = _CREDENTIAL.search(str(environ.get("HTTP_AUTHORIZATION", "")))
    access_key, service = match.groups() if match else ("", "")
    return Caller(access_key, service, str(environ.get("REMOTE_ADDR", "")))


class BodyTooLarge(Exception):
    """A request's body is longer than BODY_BYTES_MAX."""


def read_body(environ: dict[str, Any]) -> bytes:
    """Take the whole body and leave an equal one for moto. Raises BodyTooLarge."""
    stream = environ["wsgi.input"]
    if environ.get("wsgi.input_terminated"):  # chunked: the end is known only on arrival
        body: bytes = stream.read(BODY_BYTES_MAX + 1)
    else:
        length = int(environ.get("CONTENT_LENGTH") or 0)
        if length > BODY_BYTES_MAX:
            raise BodyTooLarge
        body = stream.read(length)
    if len(body) > BODY_BYTES_MAX:
        raise BodyTooLarge
    environ["wsgi.input"] = io.BytesIO(body)
    return body


class Pipeline:
    """A WSGI application around moto's. check: lab.policy's, or None. control: lab.control's, or None."""

    def __init__(self, world: World, moto: WsgiApp, *, check: Check | None, control: Control | None) -> None:
        self._world = world
        self._moto = moto
        self._check = check
        self._control = control
        self._locks = {service: threading.RLock() for service in LOCKED_SERVICES}

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        try:
            body = read_body(environ)
        except BodyTooLarge:
            return Response(f"body longer than {BODY_BYTES_MAX} bytes\n", status=413)(environ, start_response)
        caller = identify(environ)
        refusal = self._refuse(environ, caller, body)
        if refusal is not None:
            return refusal(environ, start_response)
        trace = str(environ.get("HTTP_X_AMZN_TRACE_ID", ""))
        with tracing.carrying(trace), self._locks.get(caller.service) or nullcontext():
            answer = list(self._moto(environ, start_response))  # listed: the lock must outlast the answer
        if (crashes := self._world.faults.get("crashes")) is not None:  # a drill kills functions between two effects
            crashes.landed(caller.access_key, caller.service, environ, body)
        return answer

    def _refuse(self, environ: dict[str, Any], caller: Caller, body: bytes) -> Response | None:
        """The answer that ends a request before moto sees it, if one does."""
        path = str(environ.get("PATH_INFO", ""))
        unreachable = why_unreachable(caller.address, caller.service)
        if unreachable is not None:
            # On AWS such a packet is lost and the caller times out; the lab says at once why.
            self._world.journal.say("network", "no route", caller=caller.address, why=unreachable)
            return Response(f"no route: {unreachable}\n", status=502, content_type="text/plain")
        if path.startswith(LAB_PREFIX):
            if self._control is None:
                return Response("this emulator has no control part\n", status=404, content_type="text/plain")
            return self._control(self._world, environ, body)
        return self._check(self._world, environ, body) if self._check is not None else None

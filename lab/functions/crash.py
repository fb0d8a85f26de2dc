"""Functions that die between two effects: the call has been made and landed, and nobody is left to hear its answer.

On AWS any invocation may end so, and its event comes again:
https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from lab.functions.engine import FunctionEngine
from lab.policy.enforce import headers_of
from lab.policy.requests import UnknownCall, read
from lab.world import World


class Crashes:
    """Points that each kill one invocation once, in any order. A point: (function's title, "service:Operation")."""

    def __init__(self, world: World, points: Iterable[tuple[str, str]]) -> None:
        self._world, self._left = world, list(points)
        self._lock = threading.Lock()
        self.reached: list[dict[str, Any]] = []

    def landed(self, access_key: str, service: str, environ: Mapping[str, Any], body: bytes) -> None:
        """A request has taken effect and is not answered yet. For all but the functions' own, nothing."""
        engine = self._world.functions
        slot = engine.pool.of_key(access_key) if self._left and isinstance(engine, FunctionEngine) else None
        if slot is None:
            return
        title, call = slot.environment.spec.title, f"{service}:{_operation(service, environ, body)}"
        if not self._spent(title, call):
            return
        self._world.journal.say("drill", f"killed {title} right after its {call}")
        slot.environment.crash()

    def _spent(self, title: str, call: str) -> bool:
        with self._lock:
            if (title, call) not in self._left:
                return False
            self._left.remove((title, call))
            self.reached.append({"at": self._world.clock.now(), "function": title, "call": call})
            return True


def _operation(service: str, environ: Mapping[str, Any], body: bytes) -> str:
    raw = urlsplit(str(environ.get("RAW_URI") or environ.get("REQUEST_URI") or environ.get("PATH_INFO", "/")))
    method, query = str(environ["REQUEST_METHOD"]), str(environ.get("QUERY_STRING", ""))
    try:
        return read(service, method=method, path=raw.path, query=query, headers=headers_of(environ), body=body).operation
    except UnknownCall:
        return ""

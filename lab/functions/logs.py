"""A function's log group: lines as CloudWatch Logs would have them, START, END and REPORT included.

https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from typing import Any

from moto.backends import get_backend

from lab.functions.spec import FunctionSpec
from lab.world import ACCOUNT, REGION

_EVENTS_MAX = 2000  # kept in a stream; the lab's memory stays flat
_STREAMS_MAX = 20

Listener = Callable[[FunctionSpec, str], None]


class LogWriter:
    """One log stream of one execution environment. `tail` is what LogType=Tail returns: the last 4 KB."""

    def __init__(self, spec: FunctionSpec, listener: Listener | None, stream_id: str) -> None:
        self._spec, self._listener = spec, listener
        self._lock = threading.Lock()
        self._tail: list[str] = []
        self.stream = f"{time.strftime('%Y/%m/%d', time.gmtime())}/[{spec.version}]{stream_id}"

    def write(self, line: str) -> None:
        """Add a line; what the function printed is also handed to the listener (metrics)."""
        self._put(line)
        if self._listener is not None:
            self._listener(self._spec, line)

    def begin(self, request_id: str) -> None:
        with self._lock:
            self._tail = []
        self._put(f"START RequestId: {request_id} Version: {self._spec.version}")

    def end(self, request_id: str, *, duration_s: float, memory_mb: int, init_s: float | None, failure: str | None) -> None:
        """failure: a line of the platform's own (a timeout, a crash), before END."""
        ms = duration_s * 1000
        report = (
            f"REPORT RequestId: {request_id}\tDuration: {ms:.2f} ms\tBilled Duration: {int(ms) + 1} ms\t"
            f"Memory Size: {self._spec.memory_mb} MB\tMax Memory Used: {memory_mb} MB"
        )
        if init_s is not None:
            report += f"\tInit Duration: {init_s * 1000:.2f} ms"
        for line in ([failure] if failure else []) + [f"END RequestId: {request_id}", report]:
            self._put(line)

    def tail(self) -> str:
        with self._lock:
            return "\n".join(self._tail)[-4096:]

    def _put(self, line: str) -> None:
        with self._lock:
            self._tail = [*self._tail[-100:], line]
            append(self._spec.log_group, self.stream, line)


def decision(line: str) -> str | None:
    """What a structured line says was decided or done: the text under "what" of a JSON object that says "who"."""
    if not line.startswith("{"):
        return None
    try:
        value = json.loads(line)
    except ValueError:
        return None
    said = value.get("what") if isinstance(value, dict) and "who" in value else None
    return said if isinstance(said, str) else None


_moto_lock = threading.Lock()


def append(group_name: str, stream_name: str, line: str) -> None:
    """Put one line into moto's logs, making group and stream on first use as Lambda does; bounded."""
    backend: Any = get_backend("logs")[ACCOUNT][REGION]
    with _moto_lock:
        backend.ensure_log_group(group_name)
        backend.ensure_log_stream(group_name, stream_name)
        backend.put_log_events(group_name, stream_name, [{"timestamp": int(time.time() * 1000), "message": line or " "}])
        group = backend.groups[group_name]
        events = group.streams[stream_name].events
        if len(events) > _EVENTS_MAX:
            del events[: -_EVENTS_MAX // 2]
        if len(group.streams) > _STREAMS_MAX:
            del group.streams[next(iter(group.streams))]

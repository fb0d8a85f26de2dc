"""Asynchronous invocation: the queue before a function, its retries, and where failures end up.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
"""

from __future__ import annotations

import json
import threading
import time
import uuid
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from moto.awslambda.exceptions import UnknownFunctionException

from lab import tracing
from lab.functions.guard import guarded
from lab.functions.pool import Throttled
from lab.functions.spec import describe, find
from lab.world import World

if TYPE_CHECKING:
    from lab.functions.engine import FunctionEngine, Result

_RETRY_WAITS_S = (60.0, 120.0)  # after a function error: one minute, then two
_AGE_MAX_S = 6 * 3600.0
_THROTTLE_FIRST_S, _THROTTLE_MAX_S = 1.0, 300.0  # after a throttle: doubling from 1 s to 5 min
_QUEUED_MAX = 1000


@dataclass(frozen=True, slots=True)
class AsyncEvent:
    """trace: the tracing header it came with. attempts: runs of the function so far; throttles: times there was no room for it."""

    request_id: str
    function_arn: str
    payload: bytes
    origin: str
    trace: str
    queued_at: float
    attempts: int = 0
    throttles: int = 0
    copy: int = 0  # "it's possible for it to receive the same event ... multiple times": the page on error handling above

    @property
    def ticket(self) -> str:
        """Of this very delivery; its copies have the same request id, as its retries have."""
        return f"{self.request_id}/{self.copy}"


class AsyncQueue:
    """Runs events one thread each; waits are timers, so nothing is lost and nothing spins."""

    def __init__(self, world: World, engine: FunctionEngine) -> None:
        self._world, self._engine = world, engine
        self._lock = threading.Lock()
        self._open: dict[str, threading.Timer | None] = {}
        self._closed = False

    def put(self, function_arn: str, payload: bytes, origin: str) -> str:
        event = AsyncEvent(str(uuid.uuid4()), function_arn, payload or b"{}", origin, tracing.current(), time.monotonic())
        with self._lock:
            if self._closed or len(self._open) >= _QUEUED_MAX:
                self._world.journal.say("lambda", "an asynchronous event was lost: the queue is full", function=function_arn, origin=origin)
                return event.request_id
            late = self._world.deliver_after_s
            copies = [replace(event, copy=number) for number in range(max(1, len(late)))]
            self._open.update(dict.fromkeys((copy.ticket for copy in copies), None))
        for copy in copies:
            if late:
                self._later(copy, late[copy.copy])
            else:
                self._start(copy)
        return event.request_id

    def waiting(self) -> int:
        with self._lock:
            return len(self._open)

    def close(self) -> None:
        with self._lock:
            self._closed = True
            timers = [timer for timer in self._open.values() if timer is not None]
            self._open.clear()
        for timer in timers:
            timer.cancel()

    def _start(self, event: AsyncEvent) -> None:
        arguments = (self._world, "lambda", self._in_its_chain, event)
        threading.Thread(target=guarded, args=arguments, daemon=True, name=f"async-{event.request_id[:8]}").start()

    def _in_its_chain(self, event: AsyncEvent) -> None:
        with tracing.carrying(event.trace):  # its record at the failure destination too
            self._attempt(event)

    def _attempt(self, event: AsyncEvent) -> None:
        try:
            result = self._engine.run(
                event.function_arn, event.payload, origin=event.origin, request_id=event.request_id, attempt=event.attempts + 1
            )
        except UnknownFunctionException:
            return self._forget(event)
        except Throttled:
            if (
                describe(find(event.function_arn)).reserved == 0
            ):  # no retries then: https://docs.aws.amazon.com/lambda/latest/dg/invocation-async.html
                return self._fail(event, None, "RetriesExhausted")
            wait = min(_THROTTLE_MAX_S, _THROTTLE_FIRST_S * 2.0**event.throttles)
            return self._again(replace(event, throttles=event.throttles + 1), wait, None)
        except tracing.RecursiveLoop:  # no page names its condition; the documented one that is nearest
            return self._fail(event, None, "RetriesExhausted")
        tried = replace(event, attempts=event.attempts + 1)
        if result.error is None:
            return self._forget(tried)
        retries = int(self._config(event.function_arn).get("MaximumRetryAttempts", len(_RETRY_WAITS_S)))
        if tried.attempts > retries:
            return self._fail(tried, result, "RetriesExhausted")
        return self._again(tried, _RETRY_WAITS_S[tried.attempts - 1], result)

    def _again(self, event: AsyncEvent, wait_s: float, result: Result | None) -> None:
        age_max = float(self._config(event.function_arn).get("MaximumEventAgeInSeconds", _AGE_MAX_S))
        age = (time.monotonic() - event.queued_at) * self._world.clock.scale
        if age + wait_s > age_max:
            return self._fail(event, result, "EventAgeExceeded")
        self._later(event, wait_s)

    def _later(self, event: AsyncEvent, wait_s: float) -> None:
        with self._lock:
            if event.ticket in self._open and not self._closed:
                self._open[event.ticket] = self._world.clock.later(wait_s, lambda: self._start(event))

    def _fail(self, event: AsyncEvent, result: Result | None, condition: str) -> None:
        self._forget(event)
        spec = describe(find(event.function_arn))
        self._world.journal.say(
            spec.title, f"event given up after {event.attempts} attempts: {condition}", function=spec.name, request_id=event.request_id
        )
        destination = (self._config(event.function_arn).get("DestinationConfig") or {}).get("OnFailure", {}).get("Destination")
        if destination:
            self._deliver(spec.role_arn, event, destination, json.dumps(invocation_record(event, result, condition)), {})
        dead_letter = spec.dead_letter_arn
        if dead_letter:
            text = result.payload.decode("utf-8", "replace")[:1024] if result else condition
            attributes = {"RequestID": event.request_id, "ErrorCode": "200" if result else "429", "ErrorMessage": text}
            self._deliver(spec.role_arn, event, dead_letter, event.payload.decode(), attributes)

    def _deliver(self, role_arn: str, event: AsyncEvent, target: str, body: str, attributes: dict[str, str]) -> None:
        from lab.messaging.send import Undeliverable, send  # the two packages know each other; install order is free

        try:
            send(self._world, target, body, attributes=attributes, role_arn=role_arn, origin="failed invocation")
        except Undeliverable as error:
            self._world.journal.say("lambda", f"a failed event could not be kept: {error}", function=event.function_arn, target=target)

    def _forget(self, event: AsyncEvent) -> None:
        with self._lock:
            self._open.pop(event.ticket, None)

    @staticmethod
    def _config(function_arn: str) -> dict[str, Any]:
        configs = find(function_arn).event_invoke_config
        return dict(configs[-1].config) if configs else {}


def invocation_record(event: AsyncEvent, result: Result | None, condition: str) -> dict[str, Any]:
    """What a destination receives: https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html"""
    record: dict[str, Any] = {
        "version": "1.0",
        "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "requestContext": {
            "requestId": event.request_id,
            "functionArn": f"{event.function_arn}:$LATEST" if event.function_arn.count(":") == 6 else event.function_arn,
            "condition": condition,
            "approximateInvokeCount": event.attempts,
        },
        "requestPayload": json.loads(event.payload),
    }
    if result is not None:
        record["responseContext"] = {"statusCode": 200, "executedVersion": "$LATEST", "functionError": result.error}
        record["responsePayload"] = json.loads(result.payload or b"null")
    return record

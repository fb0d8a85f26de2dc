"""Invoking functions: the one way in for the API, for services and for event sources."""

from __future__ import annotations

import json
import time
import uuid
from dataclasses import dataclass
from typing import Any

from lab import tracing
from lab.functions import permissions
from lab.functions.asynchronous import AsyncQueue
from lab.functions.pool import Pool, Throttled, Unavailable
from lab.functions.runtimes import Runtimes
from lab.functions.spec import FunctionSpec, describe, find
from lab.world import ACCOUNT, World

SYNC_BYTES_MAX = 6_291_456  # 6 MB, https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
ASYNC_BYTES_MAX = 1_048_576  # 1 MB


class Denied(Exception):
    """The function's resource-based policy does not let this service invoke it."""


class PayloadTooLarge(Exception):
    """RequestEntityTooLargeException of the API."""


@dataclass(frozen=True, slots=True)
class Result:
    """error: the X-Amz-Function-Error header, or None. log: the tail, as LogType=Tail gives it."""

    payload: bytes
    error: str | None
    log: str
    request_id: str


class FunctionEngine:
    """world.functions. Handlers run in processes of their own; calls block their caller as long as they last."""

    def __init__(self, world: World, runtimes: Runtimes | None = None) -> None:
        self._world = world
        self.pool = Pool(world, runtimes or Runtimes(), None)
        self.metrics: Any = None  # lab.metrics puts itself here: .invocation(name, ...)
        self.queue = AsyncQueue(world, self)

    # --- what other parts of the lab call (lab.world.Functions) ---

    def invoke(self, function: str, payload: dict[str, Any], *, origin: str) -> tuple[dict[str, Any] | None, str | None]:
        try:
            result = self.run(function, json.dumps(payload).encode(), origin=origin)
        except (Throttled, PayloadTooLarge, tracing.RecursiveLoop) as error:
            return None, str(error)
        if result.error is not None:
            return None, result.payload.decode("utf-8", "replace")
        answer = json.loads(result.payload or b"null")
        return (answer if isinstance(answer, dict) else {"value": answer}), None

    def invoke_async(self, function: str, payload: dict[str, Any], *, origin: str) -> None:
        self.enqueue(function, json.dumps(payload).encode(), origin=origin)

    def invoke_by_service(self, function: str, payload: dict[str, Any], *, service: str, source_arn: str, origin: str) -> None:
        """Asynchronously, on behalf of an AWS service. Raises Denied when the function's policy does not allow it."""
        self.check(function, service=service, source_arn=source_arn)
        self.enqueue(function, json.dumps(payload, default=str).encode(), origin=origin)

    def check(self, function: str, *, service: str, source_arn: str) -> None:
        fn = find(function)
        if permissions.permits(fn.policy.statements, service=service, source_arn=source_arn, account=ACCOUNT, function_arn=fn.function_arn):
            return
        text = f"{service} may not invoke {fn.function_name} for {source_arn}: no AWS::Lambda::Permission allows it"
        self._world.journal.say("lambda", text, function=fn.function_name, service=service, source_arn=source_arn)
        raise Denied(text)

    # --- the two ways of the API ---

    def run(self, function: str, payload: bytes, *, origin: str, request_id: str | None = None, attempt: int = 1) -> Result:
        """RequestResponse, in the chain of lab.tracing.current().

        Raises Throttled, PayloadTooLarge, tracing.RecursiveLoop, and moto's error for an unknown function.
        """
        if len(payload) > SYNC_BYTES_MAX:
            raise PayloadTooLarge(f"Request must be smaller than {SYNC_BYTES_MAX} bytes for the InvokeFunction operation")
        if "functions" in self._world.out_of_order:
            raise Unavailable
        spec = describe(find(function))
        request_id = request_id or str(uuid.uuid4())
        if not spec.may_loop and tracing.count(tracing.current(), spec.arn) >= tracing.CHAIN_MAX:
            text = f"stopped: a recursive loop, one event has invoked it {tracing.CHAIN_MAX} times"
            self._world.journal.say(spec.title, text, function=spec.name, origin=origin)
            self._measure(spec, at=self._world.clock.now(), looped=True)
            raise tracing.RecursiveLoop(text)
        try:
            return self._run(spec, payload, origin, request_id, attempt)
        except Throttled as error:
            self._world.journal.say(spec.title, f"throttled: {error.reason}", function=spec.name, origin=origin)
            self._measure(spec, at=self._world.clock.now(), throttled=True)
            raise

    def enqueue(self, function: str, payload: bytes, *, origin: str) -> str:
        """Event: accepted at once, run by the queue. Gives the request id."""
        if len(payload) > ASYNC_BYTES_MAX:
            raise PayloadTooLarge(f"Request must be smaller than {ASYNC_BYTES_MAX} bytes for the InvokeFunction operation")
        fn = find(function)
        return self.queue.put(fn.function_arn, payload, origin)

    def close(self) -> None:
        self.queue.close()
        self.pool.close()

    def _run(self, spec: FunctionSpec, payload: bytes, origin: str, request_id: str, attempt: int) -> Result:
        journal = self._world.journal
        with self.pool.lend(spec) as (slot, cold):
            how = "cold" if cold else "warm"
            journal.say(spec.title, f"invoked by {origin} ({how})", function=spec.name, request_id=request_id, cold=cold, attempt=attempt)
            slot.log.begin(request_id)
            started, invoked_at = time.monotonic(), self._world.clock.now()
            trace_id = f"1-{int(time.time()):08x}-{request_id.replace('-', '')[:24]}"
            trace = tracing.counted(tracing.current(), spec.arn, trace_id=trace_id)
            outcome = slot.environment.invoke(request_id, payload or b"{}", trace)
            text = _error_text(outcome.payload) if outcome.error else None
            slot.log.end(
                request_id,
                duration_s=outcome.duration_s,
                memory_mb=outcome.memory_mb,
                init_s=outcome.init_s,
                failure=f"{request_id} {text}" if outcome.dead else None,
            )
            lasted = time.monotonic() - started
            what = f"failed after {lasted:.2f} s: {text}" if text else f"done in {lasted:.2f} s"
            data: dict[str, Any] = {"function": spec.name, "request_id": request_id, "seconds": round(lasted, 3)}
            journal.say(spec.title, what[:1000], **data, **({"error": text[:1000]} if text else {}))
            self._measure(spec, at=invoked_at, error=outcome.error is not None, duration_s=outcome.duration_s)
            return Result(outcome.payload, outcome.error, slot.log.tail(), request_id)

    def _measure(
        self, spec: FunctionSpec, *, at: float, error: bool = False, throttled: bool = False, looped: bool = False, duration_s: float = 0.0
    ) -> None:
        if self.metrics is not None:
            self.metrics.invocation(spec.name, at=at, error=error, throttled=throttled, looped=looped, duration_s=duration_s)


def _error_text(payload: bytes) -> str:
    try:
        error = json.loads(payload)
    except ValueError:
        return payload[:500].decode("utf-8", "replace")
    if not isinstance(error, dict):
        return str(error)[:500]
    return ": ".join(str(error[key]) for key in ("errorType", "errorMessage") if error.get(key))

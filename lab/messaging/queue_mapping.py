"""Event source mappings from queues: messages polled, given to the function in batches, deleted when it succeeds.

https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
"""

from __future__ import annotations

import base64
import json
import threading
from typing import Any

from moto.core.exceptions import ServiceException

from lab import tracing
from lab.functions.engine import FunctionEngine, PayloadTooLarge
from lab.functions.guard import guarded
from lab.functions.pool import Throttled
from lab.messaging.batches import failed_items
from lab.messaging.patterns import matches
from lab.messaging.queues import TRACE_HEADER
from lab.messaging.send import backend
from lab.world import World

_CONCURRENT = 5  # batches at a time: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
_RECEIVE_MAX = 10
_POLL_S = 0.1


class QueueMapping:
    """One mapping's poller. `allowed` says whether the function's role may read the queue now."""

    def __init__(self, world: World, esm: Any, allowed: Any) -> None:
        self._world, self._esm, self._allowed = world, esm, allowed
        self._stop = threading.Event()
        self._room = threading.Semaphore(_CONCURRENT)
        self._queue_name = esm.event_source_arn.split(":")[-1]

    def start(self) -> None:
        threading.Thread(target=guarded, args=(self._world, "queue", self._loop), daemon=True, name=f"poll-{self._queue_name}"[:60]).start()

    def close(self) -> None:
        self._stop.set()

    def _loop(self) -> None:
        while not self._stop.is_set():
            self._room.acquire()
            batch = self._receive() if self._esm.enabled and self._allowed() else []
            if batch:
                threading.Thread(target=self._run, args=(batch,), daemon=True).start()
                continue
            self._room.release()
            self._stop.wait(_POLL_S)

    def _receive(self) -> list[Any]:
        """Up to BatchSize messages; a batching window waits for more of them."""
        size = int(self._esm.batch_size)
        batch = self._take(size)
        window = self._world.clock.real(float(self._esm.max_batch_window or 0))
        end = self._world.clock.now() + window
        while batch and len(batch) < size and self._world.clock.now() < end and not self._stop.wait(_POLL_S):
            batch += self._take(size - len(batch))
        return self._filtered(batch)

    def _take(self, count: int) -> list[Any]:
        sqs = backend("sqs")
        queue = sqs.queues.get(self._queue_name)
        if queue is None:
            return []
        found: list[Any] = sqs.receive_message(self._queue_name, min(count, _RECEIVE_MAX), 0, queue.visibility_timeout, ["All"])
        return found

    def _filtered(self, batch: list[Any]) -> list[Any]:
        """Messages no filter wants are deleted: https://docs.aws.amazon.com/lambda/latest/dg/with-sqs-filtering.html"""
        filters = filter_patterns(self._esm)
        if not filters:
            return batch
        wanted = [message for message in batch if any(matches(pattern, _filterable(message)) for pattern in filters)]
        self._delete([message for message in batch if message not in wanted])
        return wanted

    def _run(self, batch: list[Any]) -> None:
        try:
            guarded(self._world, "queue", self._invoke, batch)
            self._repeat(batch)
        finally:
            self._room.release()

    def _repeat(self, batch: list[Any]) -> None:
        """ "At-least-once": https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/standard-queues-at-least-once-delivery.html"""
        for seconds in self._world.deliver_after_s[1:]:
            self._world.clock.later(seconds, lambda: guarded(self._world, "queue", self._invoke, batch))

    def _invoke(self, batch: list[Any]) -> None:
        engine = self._world.functions
        assert isinstance(engine, FunctionEngine)
        records = [_record(message, self._esm.event_source_arn) for message in batch]
        trace = tracing.of_batch(record["attributes"].get(TRACE_HEADER, "") for record in records)
        try:
            with tracing.carrying(trace):
                result = engine.run(self._esm.function_arn, json.dumps({"Records": records}).encode(), origin=f"queue {self._queue_name}")
        except (Throttled, PayloadTooLarge, tracing.RecursiveLoop):
            return  # they come back when their visibility timeout is over
        if result.error is not None:
            return
        reports = "ReportBatchItemFailures" in (self._esm.function_response_types or [])
        failed = failed_items(result.payload, [message.id for message in batch], reports=reports)
        self._delete([message for message in batch if message.id not in failed])
        if failed:
            self._world.journal.say("queue", f"{self._queue_name}: {len(failed)} of {len(batch)} messages failed", messages=failed)

    def _delete(self, messages: list[Any]) -> None:
        for message in messages:
            try:
                backend("sqs").delete_message(self._queue_name, message.receipt_handle)
            except ServiceException:  # seen again by another receiver, or the queue is gone
                continue


def filter_patterns(esm: Any) -> list[dict[str, Any]]:
    """FilterCriteria as patterns; any of them is enough."""
    return [json.loads(entry["Pattern"]) for entry in (esm.filter_criteria or {}).get("Filters", [])]


def _filterable(message: Any) -> dict[str, Any]:
    try:
        body: Any = json.loads(message.body)
    except ValueError:
        body = message.body
    return {"body": body}


def _record(message: Any, queue_arn: str) -> dict[str, Any]:
    attributes = {
        "ApproximateReceiveCount": str(message.approximate_receive_count),
        "SentTimestamp": str(message.sent_timestamp),
        "SenderId": message.sender_id,
        "ApproximateFirstReceiveTimestamp": str(message.approximate_first_receive_timestamp),
    }
    trace = message.system_attributes.get(TRACE_HEADER)
    if trace:
        attributes[TRACE_HEADER] = trace["StringValue"]
    return {
        "messageId": message.id,
        "receiptHandle": message.receipt_handle,
        "body": message.body,
        "attributes": attributes,
        "messageAttributes": {name: _attribute(value) for name, value in message.message_attributes.items()},
        "md5OfBody": message.body_md5,
        "eventSource": "aws:sqs",
        "eventSourceARN": queue_arn,
        "awsRegion": queue_arn.split(":")[3],
    }


def _attribute(value: dict[str, Any]) -> dict[str, Any]:
    shape: dict[str, Any] = {"dataType": value.get("DataType") or value.get("data_type")}
    if value.get("StringValue") is not None:
        shape["stringValue"] = value["StringValue"]
    if value.get("BinaryValue") is not None:
        binary = value["BinaryValue"]
        shape["binaryValue"] = base64.b64encode(binary).decode() if isinstance(binary, bytes) else binary
    return shape

"""Event source mappings from table streams: filtered, in batches, in order, tried again within bounds.

https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html
https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-params.html
"""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from lab.functions.engine import FunctionEngine, PayloadTooLarge, Result
from lab.functions.guard import guarded
from lab.functions.pool import Throttled
from lab.messaging.batches import checkpoint, failed_items, halves, retry_wait_s
from lab.messaging.patterns import matches
from lab.messaging.queue_mapping import filter_patterns
from lab.messaging.send import Undeliverable, backend, send
from lab.messaging.streams import Reader
from lab.world import World

_RETENTION_S = 86_400.0  # a stream keeps its records for 24 hours


@dataclass(frozen=True, slots=True)
class Record:
    """One stream record as the function sees it. at: Unix time of the change."""

    body: dict[str, Any]
    sequence: str
    at: float


class StreamMapping:
    """One mapping's poller; one batch at a time, for the emulator's streams have one shard."""

    def __init__(self, world: World, esm: Any, allowed: Any, reader: Reader) -> None:
        self._world, self._esm, self._allowed, self._reader = world, esm, allowed, reader
        self._stop = threading.Event()
        self._buffer: list[Record] = []

    def start(self) -> None:
        threading.Thread(target=guarded, args=(self._world, "stream", self._loop), daemon=True, name=f"stream-{self._esm.uuid[:8]}").start()

    def close(self) -> None:
        self._stop.set()

    def _loop(self) -> None:
        while not self._world.clock.wait(self._world.delays["stream_poll"].seconds, self._stop):
            if not self._esm.enabled or not self._allowed():
                continue
            self._read()
            if not self._buffer:
                continue
            window = self._world.clock.real(float(self._esm.max_batch_window or 0))
            if len(self._buffer) >= int(self._esm.batch_size) or time.time() - self._buffer[0].at >= window:
                batch, self._buffer = self._buffer[: int(self._esm.batch_size)], self._buffer[int(self._esm.batch_size) :]
                self._process(batch)
                self._repeat(batch)

    def _read(self) -> None:
        patterns = filter_patterns(self._esm)
        found = [_record(item, self._esm.event_source_arn) for item in self._reader.take()]
        wanted = [record for record in found if not patterns or any(matches(pattern, record.body) for pattern in patterns)]
        if wanted and self._world.drop_events:
            self._world.journal.say(
                "stream", f"dropped: {len(wanted)} records", keys=[record.body["dynamodb"]["Keys"] for record in wanted]
            )
            return
        delay = self._world.delays["stream_poll"]
        for record in wanted:
            keys = " ".join(str(next(iter(value.values()))) for value in record.body["dynamodb"]["Keys"].values())
            self._world.journal.delay(delay.name, keys, start=record.at, end=max(time.time(), record.at), source=delay.source)
        self._buffer += wanted

    def _process(self, batch: list[Record]) -> None:
        """Until it succeeds, or its retries or its age are spent; then the destination is told and the stream goes on."""
        attempts = 0
        while batch and not self._stop.is_set():
            if self._too_old(batch):
                return self._give_up(batch, None, attempts, "RecordAgeExceeded")
            result, done = self._invoke(batch)
            if done == len(batch):
                return None
            if done:  # the records before the first that failed are through
                batch, attempts = batch[done:], 0
            throttled = result is None
            attempts += 0 if throttled else 1
            if not throttled and self._esm.bisect_on_error and len(batch) > 1 and not done:
                first, _ = halves(len(batch))
                self._process(batch[:first])
                return self._process(batch[first:])
            limit = self._esm.max_retry_attempts
            if not throttled and limit is not None and int(limit) >= 0 and attempts > int(limit):
                return self._give_up(batch, result, attempts, "RetryAttemptsExhausted")
            self._world.clock.wait(retry_wait_s(attempts), self._stop)
        return None

    def _invoke(self, batch: list[Record]) -> tuple[Result | None, int]:
        """(result, how many records from the first are done); the result is None when there was no room to run."""
        engine = self._world.functions
        assert isinstance(engine, FunctionEngine)
        payload = json.dumps({"Records": [record.body for record in batch]}).encode()
        try:
            result = engine.run(self._esm.function_arn, payload, origin="table stream")
        except (Throttled, PayloadTooLarge):
            return None, 0
        if result.error is not None:
            return result, 0
        sequences = [record.sequence for record in batch]
        reports = "ReportBatchItemFailures" in (self._esm.function_response_types or [])
        return result, checkpoint(failed_items(result.payload, sequences, reports=reports), sequences)

    def _repeat(self, batch: list[Record]) -> None:
        """ "At least once": https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html"""
        for seconds in self._world.deliver_after_s[1:]:
            self._world.clock.later(seconds, lambda: guarded(self._world, "stream", self._invoke, batch))

    def _too_old(self, batch: list[Record]) -> bool:
        limit = float(self._esm.max_record_age if self._esm.max_record_age is not None else -1)
        age = (time.time() - batch[0].at) * self._world.clock.scale
        return age > (limit if limit >= 0 else _RETENTION_S)

    def _give_up(self, batch: list[Record], result: Result | None, attempts: int, condition: str) -> None:
        self._world.journal.say("stream", f"{len(batch)} records given up after {attempts} attempts: {condition}")
        target = ((self._esm.destination_config or {}).get("OnFailure") or {}).get("Destination")
        if not target:
            return
        fn = backend("lambda").get_function(self._esm.function_arn)
        body = json.dumps(discard_record(batch, result, attempts, condition, self._esm))
        try:
            send(self._world, target, body, role_arn=fn.role, origin="discarded stream records")
        except Undeliverable as error:
            self._world.journal.say("stream", f"discarded records could not be reported: {error}", target=target)


def discard_record(batch: list[Record], result: Result | None, attempts: int, condition: str, esm: Any) -> dict[str, Any]:
    """https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html: where the records were, not the records."""
    record: dict[str, Any] = {
        "requestContext": {
            "requestId": result.request_id if result else "",
            "functionArn": esm.function_arn,
            "condition": condition,
            "approximateInvokeCount": attempts,
        },
        "version": "1.0",
        "timestamp": _iso(time.time()),
        "DDBStreamBatchInfo": {
            "shardId": "shardId-00000001541626099285-f35f62ef",
            "startSequenceNumber": batch[0].sequence,
            "endSequenceNumber": batch[-1].sequence,
            "approximateArrivalOfFirstRecord": _iso(batch[0].at),
            "approximateArrivalOfLastRecord": _iso(batch[-1].at),
            "batchSize": len(batch),
            "streamArn": esm.event_source_arn,
        },
    }
    if result is not None:
        record["responseContext"] = {"statusCode": 200, "executedVersion": "$LATEST", "functionError": result.error}
    return record


def _record(item: dict[str, Any], stream_arn: str) -> Record:
    change = dict(item["dynamodb"])
    moment = change["ApproximateCreationDateTime"]
    at = moment.replace(tzinfo=UTC).timestamp() if isinstance(moment, datetime) else float(moment)
    change["ApproximateCreationDateTime"] = round(at)
    return Record({**item, "dynamodb": change, "eventSourceARN": stream_arn}, str(change["SequenceNumber"]), at)


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

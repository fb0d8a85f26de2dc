"""Delayed messages."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from lambdas.adapters.clients import WorldFailed, calling, client

# Of one call: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-batch-api-actions.html says 1 MiB; it
# was a quarter of that until August 2025, and emulators go by it.
BATCH_MAX = 10
BATCH_BYTES_MAX = 262_144


def send(queue_url: str, body: dict[str, Any], *, delay_s: int) -> None:
    """delay_s: whole seconds, at most 900 (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html)."""
    with calling("send a message"):
        client("sqs").send_message(QueueUrl=queue_url, MessageBody=json.dumps(body, separators=(",", ":")), DelaySeconds=delay_s)


def send_all(queue_url: str, bodies: list[tuple[dict[str, Any], int]]) -> None:
    """Messages, each with its delay in seconds, in as few calls as AWS takes them. Raises WorldFailed when one was refused."""
    texts = [(json.dumps(body, separators=(",", ":")), delay_s) for body, delay_s in bodies]
    for batch in _batches(texts):
        entries = [{"Id": str(n), "MessageBody": text, "DelaySeconds": delay_s} for n, (text, delay_s) in enumerate(batch)]
        with calling("send messages"):
            answer = client("sqs").send_message_batch(QueueUrl=queue_url, Entries=entries)
        for failed in answer.get("Failed", []):
            raise WorldFailed("send messages", str(failed.get("Code")), str(failed.get("Message", ""))[:300])


def _batches(texts: list[tuple[str, int]]) -> Iterator[list[tuple[str, int]]]:
    batch: list[tuple[str, int]] = []
    for text, delay_s in texts:
        if batch and (len(batch) == BATCH_MAX or sum(len(t.encode()) for t, _ in batch) + len(text.encode()) > BATCH_BYTES_MAX):
            yield batch
            batch = []
        batch.append((text, delay_s))
    if batch:
        yield batch

"""Delayed messages."""

from __future__ import annotations

import json
from typing import Any

from lambdas.adapters.clients import WorldFailed, calling, client


def send(queue_url: str, body: dict[str, Any], *, delay_s: int) -> None:
    """delay_s: whole seconds, at most 900 (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html)."""
    with calling("send a message"):
        client("sqs").send_message(QueueUrl=queue_url, MessageBody=json.dumps(body, separators=(",", ":")), DelaySeconds=delay_s)


def send_all(queue_url: str, bodies: list[tuple[dict[str, Any], int]]) -> None:
    """Up to ten messages, each with its delay in seconds, in one call. Raises WorldFailed when one was refused."""
    entries = [
        {"Id": str(n), "MessageBody": json.dumps(body, separators=(",", ":")), "DelaySeconds": delay_s}
        for n, (body, delay_s) in enumerate(bodies)
    ]
    with calling("send messages"):
        answer = client("sqs").send_message_batch(QueueUrl=queue_url, Entries=entries)
    for failed in answer.get("Failed", []):
        raise WorldFailed("send messages", str(failed.get("Code")), str(failed.get("Message", ""))[:300])

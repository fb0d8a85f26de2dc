"""Table streams: moto's one shard, kept short, and read by position.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html
"""

from __future__ import annotations

import threading
from typing import Any

import moto.dynamodb.models.table as table_models

from lab.messaging.send import backend
from lab.patching import replace

_KEPT = 2000
_LOCK = threading.RLock()


def patch() -> None:
    """Patch points with contract tests: StreamShard.add and StreamShard.get. moto invokes mappings inside PutItem; AWS does not."""

    def add(self: Any, old: Any, new: Any) -> None:
        name = "INSERT" if old is None else "REMOVE" if new is None else "MODIFY"
        if old is not None and new is not None and old.to_json() == new.to_json():
            return  # a write that changes nothing makes no stream record
        with _LOCK:
            sequence = len(self.items) + self.starting_sequence_number
            view = self.table.stream_specification["StreamViewType"]
            self.items.append(table_models.StreamRecord(self.table, view, name, old, new, sequence))
            spare = len(self.items) - _KEPT
            if spare > _KEPT // 2:
                del self.items[:spare]
                self.starting_sequence_number += spare

    def get(self: Any, start: int, quantity: int) -> list[dict[str, Any]]:
        with _LOCK:
            first = max(0, int(start) - self.starting_sequence_number)
            return [item.to_json() for item in self.items[first : first + quantity]]

    replace(table_models.StreamShard, "add", add)
    replace(table_models.StreamShard, "get", get)


class Reader:
    """Reads a table's stream from TRIM_HORIZON or from LATEST, which is the moment it is made."""

    def __init__(self, stream_arn: str, position: str) -> None:
        self._table = stream_arn.split(":", 5)[5].split("/")[1]
        shard = self._shard()
        with _LOCK:
            start = shard.starting_sequence_number if shard else 0
            self._next: int = start + (len(shard.items) if shard and position == "LATEST" else 0)

    def take(self, limit: int = 1000) -> list[dict[str, Any]]:
        """New records since the last call, oldest first."""
        shard = self._shard()
        if shard is None:
            return []
        with _LOCK:
            found: list[dict[str, Any]] = shard.get(self._next, limit)
        if found:
            self._next = int(found[-1]["dynamodb"]["SequenceNumber"]) + 1
        return found

    def _shard(self) -> Any:
        table = backend("dynamodb").tables.get(self._table)
        return table.stream_shard if table is not None else None

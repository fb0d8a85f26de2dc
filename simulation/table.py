"""A state table as DynamoDB keeps it: items as they come over the wire, conditions, a stream of changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from core import names
from simulation.conditions import compiled

Item = dict[str, Any]
STALE_MS = (
    1000  # "usually one second or less": https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.ReadConsistency.html
)


def refused(code: str, operation: str, said: str = "") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": said or code}}, operation)


class Table:
    """now_ms: the world's clock. stale: whether an eventually consistent read sees what was there a moment ago."""

    def __init__(self, now_ms: Callable[[], int], stale: Callable[[], bool]) -> None:
        self._now_ms, self._stale = now_ms, stale
        self.items: dict[str, dict[str, Item]] = {}
        self._before: dict[tuple[str, str], tuple[int, Item | None]] = {}
        self.written: list[Callable[[str, str, Item, Item | None], None]] = []  # told of each write: keys, new, old

    def put(self, item: Item) -> None:
        """From a node: no condition, no trouble of its own."""
        pk, sk = item[names.PK]["S"], item[names.SK]["S"]
        partition = self.items.setdefault(pk, {})
        old = partition.get(sk)
        partition[sk] = item
        self._before[pk, sk] = (self._now_ms(), old)
        for told in self.written:
            told(pk, sk, item, old)

    def put_item(
        self,
        *,
        TableName: str,
        Item: Item,
        ConditionExpression: str | None = None,
        ExpressionAttributeNames: Mapping[str, str] | None = None,
        ExpressionAttributeValues: Mapping[str, Any] | None = None,
    ) -> Item:
        if ConditionExpression is not None:
            there = self.items.get(Item[names.PK]["S"], {}).get(Item[names.SK]["S"], {})
            if not compiled(ConditionExpression)(there, ExpressionAttributeNames or {}, ExpressionAttributeValues or {}):
                raise refused("ConditionalCheckFailedException", "PutItem", "The conditional request failed")
        self.put(Item)
        return {}

    def delete_item(self, *, TableName: str, Key: Item) -> Item:
        pk, sk = Key[names.PK]["S"], Key[names.SK]["S"]
        old = self.items.get(pk, {}).pop(sk, None)
        self._before[pk, sk] = (self._now_ms(), old)
        return {}

    def get_item(self, *, TableName: str, Key: Item, ConsistentRead: bool = False) -> Item:
        found = self._seen(Key[names.PK]["S"], Key[names.SK]["S"], ConsistentRead)
        return {"Item": found} if found is not None else {}

    def query(
        self,
        *,
        TableName: str,
        KeyConditionExpression: str,
        ExpressionAttributeNames: Mapping[str, str],
        ExpressionAttributeValues: Mapping[str, Any],
        ConsistentRead: bool = False,
        ScanIndexForward: bool = True,
        Limit: int | None = None,
    ) -> Item:
        """All of a partition that the condition lets through, by sort key, on one page."""
        first = KeyConditionExpression.split()[2]
        partition = self.items.get(ExpressionAttributeValues[first]["S"])
        if not partition:
            return {"Items": []}
        test = compiled(KeyConditionExpression)
        pk = ExpressionAttributeValues[first]["S"]
        seen = [self._seen(pk, sk, ConsistentRead) for sk in sorted(partition, reverse=not ScanIndexForward)]
        found = [item for item in seen if item is not None and test(item, ExpressionAttributeNames, ExpressionAttributeValues)]
        return {"Items": found[:Limit]}

    def _seen(self, pk: str, sk: str, consistent: bool) -> Item | None:
        if not consistent and (pk, sk) in self._before:
            changed_ms, old = self._before[pk, sk]
            if self._now_ms() - changed_ms < STALE_MS and self._stale():
                return old
        return self.items.get(pk, {}).get(sk)

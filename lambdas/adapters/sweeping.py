"""The table as a sweep needs it: all assemblies' reports and looks read by several threads, all new looks written in batches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

from core import names
from core.attributes import plain_item, typed_item
from core.items import BadRecord, looks_item, parse_looks, parse_report
from core.records import Looks, Report
from lambdas.adapters import clock, log, wire
from lambdas.adapters.clients import Unknown, WorldFailed
from lambdas.adapters.environment import text

THREADS = 16  # and as many connections to the table; they wait more than they work
BATCH = 25  # puts: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html
PAGES_MAX = 20  # of 1 MB each; an assembly has a handful of items
ROUNDS = 4  # for what a batch left undone
Record = TypeVar("Record")
Pair = tuple[str, str]  # deployable, assembly


@dataclass(frozen=True, slots=True)
class Known:
    """What the table says of one assembly, by instance: what its nodes last reported, and what was last seen of them."""

    reports: dict[str, Report]
    looks: dict[str, Looks]


@cache
def _threads() -> ThreadPoolExecutor:
    """Kept from call to call, and the connections with them."""
    return ThreadPoolExecutor(THREADS, thread_name_prefix="table")


def read_all(pairs: Sequence[Pair]) -> list[Known | WorldFailed]:
    """One answer for each; one assembly that cannot be read does not keep the others from being looked at.

    Read at half the price of a consistent read: a sweep comes every ten seconds and decides nothing. What is a moment old
    makes a report at most one sweep older or younger than it is; whoever acts reads again.
    """
    return list(_threads().map(_read, pairs))


def write_all(looks: Iterable[Looks]) -> WorldFailed | None:
    """Whole items over whatever is there. Gives what went wrong with any of them, the last of it."""
    items = [{"PutRequest": {"Item": typed_item(looks_item(each))}} for each in looks]
    table = text(names.ENV_TABLE)
    batches = [items[start : start + BATCH] for start in range(0, len(items), BATCH)]
    return next((failed for failed in _threads().map(lambda batch: _write(table, batch), batches) if failed is not None), None)


def _read(pair: Pair) -> Known | WorldFailed:
    try:
        reports = _readable(_query(names.node_pk(*pair)), parse_report, names.REPORT_PREFIX)
        looks = _readable(_query(names.look_pk(*pair)), parse_looks)
    except WorldFailed as error:
        return error
    return Known({r.instance: r for r in reports}, {r.instance: r for r in looks})


def _query(pk: str) -> list[dict[str, Any]]:
    asked = {
        "TableName": text(names.ENV_TABLE),
        "KeyConditionExpression": "#pk = :pk",
        "ExpressionAttributeNames": {"#pk": names.PK},
        "ExpressionAttributeValues": {":pk": {"S": pk}},
        "ConsistentRead": False,
    }
    found: list[dict[str, Any]] = []
    for _ in range(PAGES_MAX):
        answer = wire.call("Query", asked)
        found += answer["Items"]
        if "LastEvaluatedKey" not in answer:
            break
        asked["ExclusiveStartKey"] = answer["LastEvaluatedKey"]
    return found


def _readable(items: list[dict[str, Any]], parse: Callable[[dict[str, Any]], Record], prefix: str = "") -> list[Record]:
    """One bad item must not hide the others; it is said, and counts as not there."""
    found = []
    for item in items:
        try:
            plain = plain_item(item)
            if str(plain[names.SK]).startswith(prefix):
                found.append(parse(plain))
        except (BadRecord, ValueError) as error:
            log.say("table", f"unreadable: {error}")
    return found


def _write(table: str, items: list[dict[str, Any]]) -> WorldFailed | None:
    """What DynamoDB had no room for is sent again a few times: it gives it back by name."""
    left = items
    for attempt in range(ROUNDS):
        try:
            answer = wire.call("BatchWriteItem", {"RequestItems": {table: left}})
        except WorldFailed as error:
            return error
        left = answer.get("UnprocessedItems", {}).get(table, [])
        if not left:
            return None
        clock.sleep(0.05 * 2**attempt)
    return Unknown("write looks", "Unprocessed", f"the table had no room for {len(left)} of {len(items)}")

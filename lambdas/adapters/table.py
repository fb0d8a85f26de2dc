"""The state table: items in and out, conditions stated, `lost` told from `unknown`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import cache
from typing import Any, TypeVar

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from core import names
from core.items import BadRecord, looks_item, parse_looks, parse_permit, parse_report, parse_request, permit_item
from core.lifecycle.holding import HOLD, Held, held_item, parse_held
from core.records import Looks, Permit, Report, Request
from core.recovery.budget import WINDOW_SK, Budget, budget_item, parse_budget
from core.recovery.incident import Incident, incident_item, parse_incident
from core.recovery.intents import Intent, parse_intent
from lambdas.adapters import log
from lambdas.adapters.clients import Lost, Unknown, WorldFailed, calling, client
from lambdas.adapters.environment import text

PAGES_MAX = 20  # of 1 MB each; an assembly has a handful of items
Item = dict[str, Any]
Record = TypeVar("Record")


@cache
def _codecs() -> tuple[TypeSerializer, TypeDeserializer]:
    return TypeSerializer(), TypeDeserializer()


def _plain(value: Any) -> Any:
    """Numbers come back as Decimal; every number that we store is whole."""
    if isinstance(value, Decimal):
        return int(value)
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_plain(v) for v in value]
    return value


def plain_item(stored: Item) -> Item:
    """An item as DynamoDB and its streams write it -> plain values."""
    decode = _codecs()[1].deserialize
    return {name: _plain(decode(value)) for name, value in stored.items()}


def _stored(item: Item) -> Item:
    encode = _codecs()[0].serialize
    return {name: encode(value) for name, value in item.items()}


# --- reading ----------------------------------------------------------------------------------------


def get(pk: str, sk: str) -> Item | None:
    with calling(f"read {pk}/{sk}"):
        answer = client("dynamodb").get_item(
            TableName=text(names.ENV_TABLE), Key={names.PK: {"S": pk}, names.SK: {"S": sk}}, ConsistentRead=True
        )
    return plain_item(answer["Item"]) if "Item" in answer else None


def query(pk: str, *, begins: str = "", consistent: bool = True) -> list[Item]:
    """begins: of which sort keys."""
    return list(_pages(pk, begins, consistent))


def _pages(pk: str, begins: str, consistent: bool) -> Iterator[Item]:
    start: dict[str, Any] = {}
    for _ in range(PAGES_MAX):
        with calling(f"read {pk}"):
            answer = client("dynamodb").query(
                TableName=text(names.ENV_TABLE),
                KeyConditionExpression="#pk = :pk" + (" AND begins_with(#sk, :begins)" if begins else ""),
                ExpressionAttributeNames={"#pk": names.PK, **({"#sk": names.SK} if begins else {})},
                ExpressionAttributeValues={":pk": {"S": pk}, **({":begins": {"S": begins}} if begins else {})},
                ConsistentRead=consistent,
                **start,
            )
        yield from (plain_item(item) for item in answer["Items"])
        if "LastEvaluatedKey" not in answer:
            return
        start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}


def _readable(items: list[Item], parse: Callable[[Item], Record]) -> list[Record]:
    """One bad item must not hide the others; it is said, and counts as not there."""
    found = []
    for item in items:
        try:
            found.append(parse(item))
        except BadRecord as error:
            log.say("table", f"unreadable: {error}")
    return found


def node_records(deployable: str, assembly: str, *, consistent: bool = True) -> tuple[dict[str, Report], dict[str, Request]]:
    """What the assembly's nodes say: reports and requests by instance. consistent: pay twice for the newest, as who decides must."""
    items = query(names.node_pk(deployable, assembly), consistent=consistent)
    reports = _readable([i for i in items if str(i[names.SK]).startswith(names.REPORT_PREFIX)], parse_report)
    requests = _readable([i for i in items if str(i[names.SK]).startswith(names.REQUEST_PREFIX)], parse_request)
    return {r.instance: r for r in reports}, {r.instance: r for r in requests}


def looks(deployable: str, assembly: str, *, consistent: bool = True) -> dict[str, Looks]:
    return {r.instance: r for r in _readable(query(names.look_pk(deployable, assembly), consistent=consistent), parse_looks)}


def permit(deployable: str, assembly: str) -> Permit | None:
    """Raises BadRecord: without knowing who holds the permit nobody may decide anything."""
    item = get(names.permit_pk(deployable, assembly), names.CURRENT)
    return parse_permit(item) if item else None


def incident(deployable: str, assembly: str) -> Incident | None:
    """The latest one, ended or not. Raises BadRecord."""
    item = get(names.incident_pk(deployable, assembly), names.OPEN)
    return parse_incident(item) if item else None


def mended(deployable: str, assembly: str, kind: str) -> Incident | None:
    """The latest of a kind that AWS mended by itself, or mends, over or not. Raises BadRecord."""
    item = get(names.incident_pk(deployable, assembly), names.BY_AWS + kind)
    return parse_incident(item) if item else None


def all_mended(deployable: str, assembly: str) -> list[Incident]:
    """The latest of each kind, perhaps not as it is just now."""
    items = query(names.incident_pk(deployable, assembly), begins=names.BY_AWS, consistent=False)
    return _readable(items, parse_incident)


def budget() -> Budget:
    """Raises BadRecord."""
    item = get(names.BUDGET_PK, WINDOW_SK)
    return parse_budget(item) if item else Budget()


def intents(deployable: str) -> list[Intent]:
    """What operators have asked for, over or not; one that cannot be read is said, and counts as not there."""
    return _readable(query(names.intent_pk(deployable)), parse_intent)


def held(deployable: str, assembly: str) -> Held:
    """Which processes of its group we hold still. Raises BadRecord."""
    item = get(names.incident_pk(deployable, assembly), HOLD)
    return parse_held(item) if item else Held()


# --- writing ----------------------------------------------------------------------------------------

# What a rejected write is told by: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html
_NOT_WRITTEN = frozenset({
    "AccessDeniedException", "ItemCollectionSizeLimitExceededException", "ProvisionedThroughputExceededException",
    "RequestLimitExceeded", "ResourceNotFoundException", "ThrottlingException", "UnrecognizedClientException", "ValidationException",
})  # fmt: skip


def put(item: Item, *, condition: str | None = None, values: Item | None = None) -> None:
    """Sent once when it has a condition. Raises Lost, Unknown (it may have landed), WorldFailed (it has not)."""
    verb = f"write {item[names.PK]}/{item[names.SK]}"
    extra: dict[str, Any] = {}
    if condition:
        extra = {"ConditionExpression": condition}
        if values:
            extra["ExpressionAttributeValues"] = _stored(values)
    try:
        with calling(verb):
            client("dynamodb", once=condition is not None).put_item(TableName=text(names.ENV_TABLE), Item=_stored(item), **extra)
    except WorldFailed as error:
        if error.code == "ConditionalCheckFailedException":
            raise Lost(verb, error.code, "somebody else wrote first") from error
        if error.code in _NOT_WRITTEN:
            raise
        raise Unknown(verb, error.code, str(error)) from error


def put_permit(new: Permit, over: Permit | None) -> None:
    """Only if the stored permit is still `over`. Raises Lost, Unknown, WorldFailed."""
    if over is None:
        put(permit_item(new), condition="attribute_not_exists(pk)")
    else:
        put(
            permit_item(new),
            condition="epoch = :epoch AND instance = :instance",
            values={":epoch": over.epoch, ":instance": over.instance},
        )


def put_incident(new: Incident, *, sk: str = names.OPEN) -> None:
    """new.revision is one more than what was read. sk: OPEN, or BY_AWS with a kind. Raises Lost, Unknown, WorldFailed."""
    if new.revision <= 1:
        put(incident_item(new, sk=sk), condition="attribute_not_exists(pk)")
    else:
        put(incident_item(new, sk=sk), condition="revision = :seen", values={":seen": new.revision - 1})


def keep_incident(ended: Incident) -> None:
    """The copy under its own id, for history; writing it twice changes nothing."""
    put(incident_item(ended, sk=ended.id))


def put_budget(new: Budget) -> None:
    """Raises Lost, Unknown, WorldFailed."""
    if new.revision <= 1:
        put(budget_item(new), condition="attribute_not_exists(pk)")
    else:
        put(budget_item(new), condition="revision = :seen", values={":seen": new.revision - 1})


def put_held(new: Held, deployable: str, assembly: str) -> None:
    """new.revision is one more than what was read. Raises Lost, Unknown, WorldFailed."""
    if new.revision <= 1:
        put(held_item(new, deployable, assembly), condition="attribute_not_exists(pk)")
    else:
        put(held_item(new, deployable, assembly), condition="revision = :seen", values={":seen": new.revision - 1})


def put_looks(new: Looks) -> None:
    put(looks_item(new))

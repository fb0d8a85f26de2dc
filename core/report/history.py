"""What AWS did by itself to a database or to a machine that it then had mended, as items of the state table.

https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_Events.Messages.html
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from core import names
from core.items import VERSION, Item

KEPT_S = 90 * 86400  # as evidence is
TEXT_CHARS_MAX = 240


class BadEvent(ValueError):
    """Not an event that is known here: says what is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One event, which may come twice. at_ms: when it happened. subject: the instance's name. kind: such as RDS-EVENT-0049."""

    deployable: str
    at_ms: int
    id: str
    subject: str
    kind: str
    categories: tuple[str, ...]
    message: str


def database_named(event: Mapping[str, Any]) -> str:
    """The instance that an event of RDS is about. Raises BadEvent."""
    detail = event.get("detail")
    instance = detail.get("SourceIdentifier") if isinstance(detail, Mapping) else None
    if event.get("source") != "aws.rds" or not isinstance(instance, str):
        raise BadEvent(f"not an event of an instance of RDS: source {event.get('source')!r}")
    return instance


def database_entry(event: Mapping[str, Any], owners: Mapping[str, str]) -> Entry:
    """Of an `RDS DB Instance Event`. owners: the deployable of each database, by the instance's name. Raises BadEvent."""
    detail = event.get("detail")
    if event.get("source") != "aws.rds" or not isinstance(detail, Mapping):
        raise BadEvent(f"not an event of RDS: source {event.get('source')!r}")
    try:
        at = datetime.datetime.fromisoformat(str(detail.get("Date") or event["time"]))
        subject = str(detail["SourceIdentifier"])
        return Entry(
            deployable=owners[subject],
            at_ms=round(at.timestamp() * 1000),
            id=str(event["id"]),
            subject=subject,
            kind=str(detail.get("EventID", "")),
            categories=tuple(str(category) for category in detail.get("EventCategories", ())),
            message=str(detail.get("Message", ""))[:TEXT_CHARS_MAX],
        )
    except (KeyError, ValueError, TypeError) as error:
        raise BadEvent(f"an event of RDS that lacks a part, or of a database that is not ours: {type(error).__name__}: {error}") from error


# What EC2 says when it has moved an instance to another host, or tried to: by itself, or by an alarm's action. To its agent it is a reboot.
# https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-configuration-recovery.html and cloudwatch-recovery.html
MACHINE_REPAIRS = (
    "AWS_EC2_SIMPLIFIED_AUTO_RECOVERY_SUCCESS",
    "AWS_EC2_SIMPLIFIED_AUTO_RECOVERY_FAILURE",
    "AWS_EC2_INSTANCE_AUTO_RECOVERY_SUCCESS",
    "AWS_EC2_INSTANCE_AUTO_RECOVERY_FAILURE",
)


def repaired_machines(event: Mapping[str, Any]) -> tuple[str, ...]:
    """The instances that an `AWS Health Event` about such a repair names; none where it is about anything else.

    https://docs.aws.amazon.com/health/latest/ug/aws-health-events-eventbridge-schema.html
    """
    detail = event.get("detail")
    if event.get("source") != "aws.health" or not isinstance(detail, Mapping) or detail.get("eventTypeCode") not in MACHINE_REPAIRS:
        return ()
    entities = detail.get("affectedEntities")
    named = [entity.get("entityValue") for entity in entities if isinstance(entity, Mapping)] if isinstance(entities, list) else []
    return tuple(str(value).rpartition("/")[2] for value in named if value)


def machine_began_ms(event: Mapping[str, Any]) -> int | None:
    """Since when it was in trouble, in whole milliseconds; None where it does not say so in time's own words (RFC 2822)."""
    try:
        return round(parsedate_to_datetime(str(event["detail"]["startTime"])).timestamp() * 1000)
    except (KeyError, TypeError, ValueError):
        return None


def machine_entry(event: Mapping[str, Any], instance: str, *, deployable: str, assembly: str) -> Entry:
    """Of one of them. Raises BadEvent."""
    kind = str(event["detail"]["eventTypeCode"])
    mended = kind.endswith("SUCCESS")
    try:
        at = datetime.datetime.fromisoformat(str(event["time"]))
        return Entry(
            deployable=deployable,
            at_ms=round(at.timestamp() * 1000),
            id=f"{event['id']}-{instance}",
            subject=instance,
            kind=kind,
            categories=("recovery" if mended else "failure",),
            message=f"EC2 {'recovered' if mended else 'could not recover'} {instance} of {assembly}",
        )
    except (KeyError, ValueError) as error:
        raise BadEvent(f"an event of AWS Health that lacks a part: {type(error).__name__}: {error}") from error


def entry_item(entry: Entry) -> Item:
    """Sorted by time; the same event makes the same item."""
    at = datetime.datetime.fromtimestamp(entry.at_ms / 1000, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return {
        names.PK: names.history_pk(entry.deployable),
        names.SK: f"{at}#{entry.id}",
        "version": VERSION,
        "at_ms": entry.at_ms,
        "subject": entry.subject,
        "kind": entry.kind,
        "categories": list(entry.categories),
        "message": entry.message,
        names.TTL: entry.at_ms // 1000 + KEPT_S,
    }

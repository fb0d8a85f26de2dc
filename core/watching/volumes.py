"""What EBS and AWS Health say of a volume: which one, what happened to it, and whether only a person can mend that."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.report.history import TEXT_CHARS_MAX, Entry

EBS = "EBS Volume Notification"
HEALTH = "AWS Health Event"
SETTLED_S = 60.0  # a volume is attached within seconds of its permit: what is detached later than this is no hand-over


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeNews:
    """at_ms: when it happened. kind: in AWS's words. for_people: attaching it again would not help."""

    volume: str
    at_ms: int
    id: str
    kind: str
    words: str
    for_people: bool


# By event: the results that tell of trouble (none named: each does), what that means, and whether a person must see to it.
# https://docs.aws.amazon.com/ebs/latest/userguide/ebs-cloud-watch-events.html
_TROUBLE: dict[str, tuple[tuple[str, ...], str, bool]] = {
    "attachVolume": (("failed",), "could not be attached", True),
    "reattachVolume": (("failed",), "could not be attached again", True),
    "detachVolume": ((), "was detached", False),
    "deleteVolume": ((), "was deleted", True),
}
EVENTS = tuple(_TROUBLE)


def volume_news(event: Mapping[str, Any]) -> tuple[VolumeNews, ...]:
    """Of each volume that the event names; none where it tells of no trouble, or of anything else.

    Of AWS Health: what is an issue of EBS and is not over, such as a volume lost for good.
    https://docs.aws.amazon.com/health/latest/ug/aws-health-events-eventbridge-schema.html
    """
    source, kind, detail = event.get("source"), event.get("detail-type"), event.get("detail")
    if not isinstance(detail, Mapping):
        return ()
    try:
        at_ms = round(datetime.datetime.fromisoformat(str(event.get("time"))).timestamp() * 1000)
    except ValueError:
        return ()
    if (source, kind) == ("aws.ec2", EBS):
        said = _of_ebs(detail)
        named = event.get("resources")
    elif (source, kind, detail.get("service")) == ("aws.health", HEALTH, "EBS"):
        said = _of_health(detail)
        entities = detail.get("affectedEntities")
        named = [entity.get("entityValue") for entity in entities if isinstance(entity, Mapping)] if isinstance(entities, list) else None
    else:
        return ()
    if said is None or not isinstance(named, list):
        return ()
    volumes = dict.fromkeys(name for value in named if (name := str(value).rpartition("/")[2]).startswith("vol-"))
    what, words, for_people = said
    return tuple(
        VolumeNews(
            volume=volume,
            at_ms=at_ms,
            id=f"{event.get('id')}-{volume}",
            kind=what,
            words=f"{volume} {words}"[:TEXT_CHARS_MAX],
            for_people=for_people,
        )
        for volume in volumes
    )


def _of_ebs(detail: Mapping[str, Any]) -> tuple[str, str, bool] | None:
    what, result, cause = (str(detail.get(key) or "") for key in ("event", "result", "cause"))
    results, words, for_people = _TROUBLE.get(what, (("",), "", False))
    if what not in _TROUBLE or (results and result not in results):
        return None
    return f"{what} {result}".rstrip(), f"{words}: {cause}" if cause else words, for_people


def _of_health(detail: Mapping[str, Any]) -> tuple[str, str, bool] | None:
    code = str(detail.get("eventTypeCode") or "")
    if detail.get("eventTypeCategory") != "issue" or detail.get("statusCode") == "closed" or not code:
        return None
    return code, f"is in trouble: AWS Health says {code} since {detail.get('startTime') or 'an unknown time'}", True


def volume_entry(news: VolumeNews, *, deployable: str, assembly: str) -> Entry:
    """For the deployable's history."""
    return Entry(
        deployable=deployable,
        at_ms=news.at_ms,
        id=news.id,
        subject=news.volume,
        kind=news.kind,
        categories=("failure",) if news.for_people else ("availability",),
        message=f"{assembly}'s state: {news.words}"[:TEXT_CHARS_MAX],
    )

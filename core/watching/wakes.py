"""What wakes the functions: events in AWS's documented shapes, turned into who is meant and why."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core import names
from core.report.history import repaired_machines
from core.watching.volumes import EBS, volume_news

# https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html
TICK = "tick"
_RECLAIMED = "EC2 Spot Instance Interruption Warning"


class BadEvent(ValueError):
    """An event that no handler of ours expects: says what is missing or wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wake:
    """who: the source, in a word. Either the assembly is named, or an instance, a group or a volume by which to find it.

    reclaimed: EC2 has said that it takes the instance back in two minutes. announced: what a person is to be told of the instance, or of
    the volume of whoever holds the permit.
    driver: the incident's present driver hands over to whoever brings this word back. watches: the driver that this call looks after.
    receipt: to tell a queue or stream which of several messages failed.
    """

    who: str
    why: str
    deployable: str = ""
    assembly: str = ""
    instance: str = ""
    group: str = ""
    volume: str = ""
    reclaimed: bool = False
    announced: str = ""
    driver: str = ""
    watches: str = ""
    receipt: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HookWake:
    """An instance that waits in a lifecycle hook."""

    deployable: str
    assembly: str
    instance: str
    group: str
    who: str


def recovery_wakes(event: Mapping[str, Any]) -> list[Wake]:
    """All that may wake recover_assembly. Raises BadEvent."""
    if "Records" in event:
        return [wake for record in _list(event, "Records") for wake in _record(record)]
    if "wake" in event:
        named = _assembly(_map(event, "wake"))
        return [Wake(who=TICK, why=str(event["wake"].get("reason", "")), deployable=named[0], assembly=named[1])]
    if "alarmData" in event:
        return [_alarm(event)]
    source, kind = str(event.get("source", "")), str(event.get("detail-type", ""))
    if kind == EBS or (source == "aws.health" and _map(event, "detail").get("service") == "EBS"):
        news = volume_news(event)
        return [Wake(who="ebs", why=one.words, volume=one.volume, announced=one.words if one.for_people else "") for one in news]
    if source == "aws.ec2":
        detail = _map(event, "detail")
        state = str(detail.get("state") or detail.get("instance-action") or "")
        return [Wake(who="ec2", why=f"{kind}: {state}", instance=_text(detail, "instance-id"), reclaimed=kind == _RECLAIMED)]
    if source == "aws.health":
        repaired = repaired_machines(event)
        if repaired:
            return [Wake(who="ec2", why=_text(_map(event, "detail"), "eventTypeCode"), instance=instance) for instance in repaired]
        return _announced(_map(event, "detail"))
    if source == "aws.autoscaling":
        detail = _map(event, "detail")
        group, instance = _text(detail, "AutoScalingGroupName"), str(detail.get("EC2InstanceId") or "")
        return [Wake(who="autoscaling", why=kind, instance=instance, group=group)]
    raise BadEvent(f"nothing of ours: source {source!r}, detail-type {kind!r}, keys {sorted(event)[:10]}")


def hook_wake(event: Mapping[str, Any]) -> HookWake:
    """A lifecycle action, or tick's word for it. Raises BadEvent.

    https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-event-reference.html
    """
    if event.get("source") == "aws.autoscaling":
        detail = _map(event, "detail")
        try:
            deployable, assembly = names.parse_hook_metadata(_text(detail, "NotificationMetadata"))
        except ValueError as error:
            raise BadEvent(str(error)) from error
        instance, group = _text(detail, "EC2InstanceId"), _text(detail, "AutoScalingGroupName")
        return HookWake(deployable=deployable, assembly=assembly, instance=instance, group=group, who="autoscaling")
    deployable, assembly = assembly_named(event)
    return HookWake(deployable=deployable, assembly=assembly, instance=_text(event, "instance"), group=_text(event, "group"), who="tick")


def assembly_named(event: Mapping[str, Any]) -> tuple[str, str]:
    """The (deployable, assembly) of {"assembly": {"deployable", "assembly"}}. Raises BadEvent."""
    return _assembly(_map(event, "assembly"))


def _announced(detail: Mapping[str, Any]) -> list[Wake]:
    """A wake for each instance that is meant.

    https://docs.aws.amazon.com/health/latest/ug/aws-health-events-eventbridge-schema.html
    """
    what = f"{_text(detail, 'eventTypeCode')} from {detail.get('startTime') or 'an unknown time'}"
    named = [str(entity.get("entityValue", "")) for entity in _list(detail, "affectedEntities")]
    return [Wake(who="health", why=what, instance=name, announced=what) for name in named if name.startswith("i-")]


def _record(record: Mapping[str, Any]) -> list[Wake]:
    if record.get("eventSource") == "aws:sqs":
        return [_own_message(record)]
    if record.get("eventSource") == "aws:dynamodb":
        return _stream_record(record)
    raise BadEvent(f"a record of {record.get('eventSource')!r}: expected aws:sqs or aws:dynamodb")


def _own_message(record: Mapping[str, Any]) -> Wake:
    """https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html"""
    body = message_body(record)
    incident = _map(body, "incident")
    deployable, assembly = _assembly(incident)
    return Wake(
        who="own message",
        why="the incident goes on",
        deployable=deployable,
        assembly=assembly,
        driver=str(incident.get("driver", "")),
        watches=str(incident.get("watches", "")),
        receipt=str(record.get("messageId", "")),
    )


def message_body(record: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON object in an SQS record. Raises BadEvent."""
    try:
        body = json.loads(str(record.get("body")))
    except json.JSONDecodeError as error:
        raise BadEvent(f"message {record.get('messageId')!r} is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise BadEvent(f"message {record.get('messageId')!r} is {body!r:.80}: expected an object")
    return body


def _stream_record(record: Mapping[str, Any]) -> list[Wake]:
    """https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html; what is no request of a node wakes nobody."""
    change = _map(record, "dynamodb")
    keys = _map(change, "Keys")
    pk, sk = (str(_map(keys, name).get("S", "")) for name in (names.PK, names.SK))
    parts = pk.split("#")
    if record.get("eventName") not in ("INSERT", "MODIFY") or not sk.startswith(names.REQUEST_PREFIX):
        return []
    if len(parts) != 3 or parts[0] != "NODE":
        raise BadEvent(f"a request under {pk!r}: expected NODE#DEPLOYABLE#ASSEMBLY")
    return [
        Wake(
            who="node's request",
            why=sk,
            deployable=parts[1],
            assembly=parts[2],
            instance=sk.removeprefix(names.REQUEST_PREFIX),
            receipt=str(change.get("SequenceNumber", "")),
        )
    ]


def _alarm(event: Mapping[str, Any]) -> Wake:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-actions-Lambda.html"""
    data = _map(event, "alarmData")
    for metric in _list(_map(data, "configuration"), "metrics"):
        dimensions = metric.get("metricStat", {}).get("metric", {}).get("dimensions", {})
        if names.DIM_DEPLOYABLE in dimensions and names.DIM_ASSEMBLY in dimensions:
            return Wake(
                who="alarm",
                why=f"{data.get('alarmName')} is {data.get('state', {}).get('value')}",
                deployable=str(dimensions[names.DIM_DEPLOYABLE]),
                assembly=str(dimensions[names.DIM_ASSEMBLY]),
            )
    raise BadEvent(f"alarm {data.get('alarmName')!r} has no metric with dimensions {names.DIM_DEPLOYABLE} and {names.DIM_ASSEMBLY}")


def _assembly(named: Mapping[str, Any]) -> tuple[str, str]:
    return _text(named, "deployable"), _text(named, "assembly")


def _map(event: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = event.get(key)
    if not isinstance(value, Mapping):
        raise BadEvent(f"{key} is {value!r:.80}: expected an object")
    return value


def _list(event: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    value = event.get(key)
    if not isinstance(value, list) or not all(isinstance(entry, Mapping) for entry in value):
        raise BadEvent(f"{key} is {value!r:.80}: expected a list of objects")
    return value


def _text(event: Mapping[str, Any], key: str) -> str:
    value = event.get(key)
    if not isinstance(value, str) or not value:
        raise BadEvent(f"{key} is {value!r:.80}: expected a text")
    return value

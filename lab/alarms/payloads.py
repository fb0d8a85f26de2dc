"""What an alarm tells: a function directly, a topic, and the event bus. Each in AWS's documented shape.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-actions-Lambda.html
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-and-eventbridge.html
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html
"""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from lab.alarms.definition import MetricQuery, Query, Watched
from lab.alarms.evaluate import Definition
from lab.world import ACCOUNT, REGION

REGION_NAME = "US East (N. Virginia)"


@dataclass(frozen=True, slots=True)
class Moment:
    """A state with its reason, since `at` (Unix seconds). reason_data: JSON text."""

    value: str
    reason: str
    reason_data: str | None
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One transition of one alarm."""

    name: str
    arn: str
    description: str | None
    watched: Watched
    definition: Definition
    updated_at: float
    actions: dict[str, list[str]]
    old: Moment
    new: Moment


@dataclass(frozen=True, slots=True, kw_only=True)
class Composed:
    """One transition of a composite alarm. children: (ARN, state, since when) of those that its rule asks about and that are in ALARM."""

    name: str
    arn: str
    description: str | None
    rule: str
    children: tuple[tuple[str, str, float], ...]
    actions: dict[str, list[str]]
    old: Moment
    new: Moment


def stamp(at: float) -> str:
    """2023-08-04T12:36:15.490+0000"""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "+0000"


def reason_data(watched: Watched, definition: Definition, points: list[tuple[float, float | None]], at: float) -> str:
    """points: (start of the period, value), newest first as CloudWatch lists them. An expression has no statistic."""
    known = [(start, value) for start, value in points if value is not None]
    data: dict[str, Any] = {
        "version": "1.0",
        "queryDate": stamp(at),
        **({"statistic": watched.metric.statistic} if watched.metric else {}),
        "period": definition.period_s,
        "recentDatapoints": [value for _, value in reversed(known)],
        "threshold": definition.threshold,
        "evaluatedDatapoints": [{"timestamp": stamp(start), **({} if value is None else {"value": value})} for start, value in points],
    }
    if known:
        data["startDate"] = stamp(known[-1][0])
    return json.dumps(data)


def composed_data(children: tuple[tuple[str, str, float], ...]) -> str:
    """The reason's data of a composite alarm."""
    return json.dumps(
        {"triggeringAlarms": [{"arn": arn, "state": {"value": value, "timestamp": stamp(at)}} for arn, value, at in children]}
    )


def for_function(change: Change | Composed) -> dict[str, Any]:
    return {
        "source": "aws.cloudwatch",
        "alarmArn": change.arn,
        "accountId": ACCOUNT,
        "time": stamp(change.new.at),
        "region": REGION,
        "alarmData": _detail(change),
    }


def for_bus(change: Change | Composed) -> dict[str, Any]:
    """The detail of a `CloudWatch Alarm State Change` event."""
    return _detail(change)


def for_topic(change: Change | Composed) -> tuple[str, str]:
    """(subject, message) of a notification; the subject is cut at SNS's 100 characters."""
    message = {
        "AlarmName": change.name,
        "AlarmDescription": change.description,
        "AWSAccountId": ACCOUNT,
        "NewStateValue": change.new.value,
        "NewStateReason": change.new.reason,
        "StateChangeTime": stamp(change.new.at),
        "Region": REGION_NAME,
        "AlarmArn": change.arn,
        "OldStateValue": change.old.value,
        "OKActions": change.actions.get("OK", []),
        "AlarmActions": change.actions.get("ALARM", []),
        "InsufficientDataActions": change.actions.get("INSUFFICIENT_DATA", []),
        **(_of_rule(change) if isinstance(change, Composed) else _of_metrics(change)),
    }
    subject = f'{change.new.value}: "{change.name}" in {REGION_NAME}'
    return subject[:100], json.dumps(message)


def _of_rule(change: Composed) -> dict[str, Any]:
    """As people publish what they received of a composite alarm."""
    told = [{"Arn": arn, "State": {"Value": value, "Timestamp": stamp(at)}} for arn, value, at in change.children]
    return {"AlarmRule": change.rule, "TriggeringChildren": told}


def _of_metrics(change: Change) -> dict[str, Any]:
    definition, metric = change.definition, change.watched.metric
    trigger = {
        **({} if metric is None else _trigger_of(metric)),
        "Period": definition.period_s,
        "EvaluationPeriods": definition.evaluation_periods,
        "DatapointsToAlarm": definition.datapoints_to_alarm,
        "ComparisonOperator": definition.comparison,
        "Threshold": definition.threshold,
        "TreatMissingData": str(definition.missing),
        "EvaluateLowSampleCountPercentile": "",
        **({"Metrics": [_told(query, definition) for query in change.watched.queries]} if metric is None else {}),
    }
    return {"AlarmConfigurationUpdatedTimestamp": stamp(change.updated_at), "Trigger": trigger}


def _trigger_of(metric: MetricQuery) -> dict[str, Any]:
    """What a notification says of an alarm on one metric."""
    percentile = metric.statistic.startswith("p")
    return {
        "MetricName": metric.name,
        "Namespace": metric.namespace,
        "StatisticType": "ExtendedStatistic" if percentile else "Statistic",
        "Statistic": metric.statistic if percentile else metric.statistic.upper(),
        "Unit": metric.unit,
        "Dimensions": [{"value": value, "name": name} for name, value in metric.dimensions],
    }


def _told(query: Query, definition: Definition) -> dict[str, Any]:
    """One of an expression's metrics in a notification. No page shows it; so are those that people publish as received."""
    label = {"Label": query.label} if query.label else {}
    if query.metric is None:
        return {"Expression": query.expression, "Id": query.id, **label, "ReturnData": query.returned}
    metric = query.metric
    dimensions = [{"value": value, "name": name} for name, value in metric.dimensions]
    named = {"Dimensions": dimensions, "MetricName": metric.name, "Namespace": metric.namespace}
    stat = {"Metric": named, "Period": definition.period_s, "Stat": metric.statistic}
    return {"Id": query.id, **label, "MetricStat": stat, "ReturnData": query.returned}


def _detail(change: Change | Composed) -> dict[str, Any]:
    configuration = {"alarmRule": change.rule} if isinstance(change, Composed) else _metrics_of(change)
    if change.description:
        configuration["description"] = change.description
    return {
        "alarmName": change.name,
        "state": _state(change.new),
        "previousState": _state(change.old),
        "configuration": configuration,
    }


def _metrics_of(change: Change) -> dict[str, Any]:
    single = change.watched.metric is not None
    identity = str(uuid.uuid5(uuid.NAMESPACE_URL, change.arn))  # an alarm on one metric gave it no id of its own
    return {"metrics": [_configured(query, identity if single else query.id, change.definition) for query in change.watched.queries]}


def _configured(query: Query, identity: str, definition: Definition) -> dict[str, Any]:
    label = {"label": query.label} if query.label else {}
    if query.metric is None:
        return {"expression": query.expression, "id": identity, **label, "returnData": query.returned}
    metric = query.metric
    named: dict[str, Any] = {"namespace": metric.namespace, "name": metric.name, "dimensions": dict(metric.dimensions)}
    stat: dict[str, Any] = {"metric": named, "period": definition.period_s, "stat": metric.statistic}
    if metric.unit:
        stat["unit"] = metric.unit
    return {"id": identity, **label, "metricStat": stat, "returnData": query.returned}


def _state(moment: Moment) -> dict[str, Any]:
    state: dict[str, Any] = {"value": moment.value, "reason": moment.reason, "timestamp": stamp(moment.at)}
    if moment.reason_data:
        state["reasonData"] = moment.reason_data
    return state

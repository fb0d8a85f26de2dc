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

from lab.alarms.definition import MetricQuery
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
    query: MetricQuery
    definition: Definition
    updated_at: float
    actions: dict[str, list[str]]
    old: Moment
    new: Moment


def stamp(at: float) -> str:
    """2023-08-04T12:36:15.490+0000"""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "+0000"


def reason_data(query: MetricQuery, definition: Definition, points: list[tuple[float, float | None]], at: float) -> str:
    """points: (start of the period, value), newest first as CloudWatch lists them."""
    known = [(start, value) for start, value in points if value is not None]
    data: dict[str, Any] = {
        "version": "1.0",
        "queryDate": stamp(at),
        "statistic": query.statistic,
        "period": definition.period_s,
        "recentDatapoints": [value for _, value in reversed(known)],
        "threshold": definition.threshold,
        "evaluatedDatapoints": [{"timestamp": stamp(start), **({} if value is None else {"value": value})} for start, value in points],
    }
    if known:
        data["startDate"] = stamp(known[-1][0])
    return json.dumps(data)


def for_function(change: Change) -> dict[str, Any]:
    return {
        "source": "aws.cloudwatch",
        "alarmArn": change.arn,
        "accountId": ACCOUNT,
        "time": stamp(change.new.at),
        "region": REGION,
        "alarmData": _detail(change),
    }


def for_bus(change: Change) -> dict[str, Any]:
    """The detail of a `CloudWatch Alarm State Change` event."""
    return _detail(change)


def for_topic(change: Change) -> tuple[str, str]:
    """(subject, message) of a notification; the subject is cut at SNS's 100 characters."""
    query, definition = change.query, change.definition
    trigger = {
        "MetricName": query.name,
        "Namespace": query.namespace,
        "StatisticType": "ExtendedStatistic" if query.statistic.startswith("p") else "Statistic",
        "Statistic": query.statistic if query.statistic.startswith("p") else query.statistic.upper(),
        "Unit": query.unit,
        "Dimensions": [{"value": value, "name": name} for name, value in query.dimensions],
        "Period": definition.period_s,
        "EvaluationPeriods": definition.evaluation_periods,
        "DatapointsToAlarm": definition.datapoints_to_alarm,
        "ComparisonOperator": definition.comparison,
        "Threshold": definition.threshold,
        "TreatMissingData": str(definition.missing),
        "EvaluateLowSampleCountPercentile": "",
    }
    message = {
        "AlarmName": change.name,
        "AlarmDescription": change.description,
        "AWSAccountId": ACCOUNT,
        "AlarmConfigurationUpdatedTimestamp": stamp(change.updated_at),
        "NewStateValue": change.new.value,
        "NewStateReason": change.new.reason,
        "StateChangeTime": stamp(change.new.at),
        "Region": REGION_NAME,
        "AlarmArn": change.arn,
        "OldStateValue": change.old.value,
        "OKActions": change.actions.get("OK", []),
        "AlarmActions": change.actions.get("ALARM", []),
        "InsufficientDataActions": change.actions.get("INSUFFICIENT_DATA", []),
        "Trigger": trigger,
    }
    subject = f'{change.new.value}: "{change.name}" in {REGION_NAME}'
    return subject[:100], json.dumps(message)


def _detail(change: Change) -> dict[str, Any]:
    query, definition = change.query, change.definition
    metric: dict[str, Any] = {"namespace": query.namespace, "name": query.name, "dimensions": dict(query.dimensions)}
    stat: dict[str, Any] = {"metric": metric, "period": definition.period_s, "stat": query.statistic}
    if query.unit:
        stat["unit"] = query.unit
    identity = str(uuid.uuid5(uuid.NAMESPACE_URL, change.arn))
    configuration: dict[str, Any] = {"metrics": [{"id": identity, "metricStat": stat, "returnData": True}]}
    if change.description:
        configuration["description"] = change.description
    return {
        "alarmName": change.name,
        "state": _state(change.new),
        "previousState": _state(change.old),
        "configuration": configuration,
    }


def _state(moment: Moment) -> dict[str, Any]:
    state: dict[str, Any] = {"value": moment.value, "reason": moment.reason, "timestamp": stamp(moment.at)}
    if moment.reason_data:
        state["reasonData"] = moment.reason_data
    return state

"""AWS::CloudWatch::* and AWS::Logs::LogGroup."""

from __future__ import annotations

import json
from typing import Any

from lab.emulator.cloudformation.identity import regional_arn
from lab.emulator.cloudformation.provider import Made, Request, resource

_ALARM = (
    "ActionsEnabled", "AlarmActions", "AlarmDescription", "ComparisonOperator", "DatapointsToAlarm", "Dimensions",
    "EvaluateLowSampleCountPercentile", "EvaluationPeriods", "ExtendedStatistic", "InsufficientDataActions", "MetricName", "Metrics",
    "Namespace", "OKActions", "Period", "Statistic", "Threshold", "ThresholdMetricId", "TreatMissingData", "Unit",
)  # fmt: skip


@resource("AWS::CloudWatch::Alarm", name="AlarmName", attributes=("Arn",), again=True)
def alarm(request: Request) -> Made:
    """The properties are PutMetricAlarm's own parameters.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
    """
    cloudwatch, name = request.api("cloudwatch"), request.name
    given: dict[str, Any] = request.props.pick(*_ALARM)
    if "Threshold" in given:
        given["Threshold"] = float(given["Threshold"])
    if tags := request.props.tags():
        given["Tags"] = tags
    cloudwatch.put_metric_alarm(AlarmName=name, **given)
    return Made(name, {"Arn": regional_arn("cloudwatch", f"alarm:{name}")}, lambda: cloudwatch.delete_alarms(AlarmNames=[name]))


_COMPOSITE = ("ActionsEnabled", "AlarmActions", "AlarmDescription", "AlarmRule", "InsufficientDataActions", "OKActions")


@resource("AWS::CloudWatch::CompositeAlarm", name="AlarmName", attributes=("Arn",), again=True)
def composite_alarm(request: Request) -> Made:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudwatch-compositealarm.html"""
    cloudwatch, name = request.api("cloudwatch"), request.name
    given: dict[str, Any] = request.props.pick(*_COMPOSITE)
    if tags := request.props.tags():
        given["Tags"] = tags
    cloudwatch.put_composite_alarm(AlarmName=name, **given)
    return Made(name, {"Arn": regional_arn("cloudwatch", f"alarm:{name}")}, lambda: cloudwatch.delete_alarms(AlarmNames=[name]))


@resource("AWS::CloudWatch::Dashboard", name="DashboardName", again=True)
def dashboard(request: Request) -> Made:
    cloudwatch, body = request.api("cloudwatch"), request.props.need("DashboardBody")
    cloudwatch.put_dashboard(DashboardName=request.name, DashboardBody=body if isinstance(body, str) else json.dumps(body))
    return Made(request.name, undo=lambda: cloudwatch.delete_dashboards(DashboardNames=[request.name]))


@resource("AWS::Logs::LogGroup", name="LogGroupName", name_max=512, attributes=("Arn",))
def log_group(request: Request) -> Made:
    """GetAtt Arn ends in :*, as AWS's does.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-logs-loggroup.html
    """
    logs, props, name = request.api("logs"), request.props, request.name
    given = {"kmsKeyId": key} if (key := props.take("KmsKeyId")) else {}
    logs.create_log_group(logGroupName=name, tags=props.tag_map(), **given)
    if days := props.take("RetentionInDays"):
        logs.put_retention_policy(logGroupName=name, retentionInDays=int(days))
    return Made(name, {"Arn": regional_arn("logs", f"log-group:{name}:*")}, lambda: logs.delete_log_group(logGroupName=name))

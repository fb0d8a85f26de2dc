"""A recovery without doubt, to see which drills find it out: it believes its alarm, at once and every time."""

from __future__ import annotations

from collections.abc import Sequence

from lab.drills.cloud import Cloud

SOURCE = """
import boto3


def handler(event, context):
    metrics = event.get("alarmData", {}).get("configuration", {}).get("metrics", [])
    for metric in metrics:
        told = metric.get("metricStat", {}).get("metric", {}).get("dimensions", {})
        if "Assembly" not in told:
            continue
        groups = boto3.client("autoscaling")
        wanted = {"understudy:deployable": told["Deployable"], "understudy:assembly": told["Assembly"]}
        filters = [{"Name": f"tag:{key}", "Values": [value]} for key, value in wanted.items()]
        for group in groups.describe_auto_scaling_groups(Filters=filters)["AutoScalingGroups"]:
            for member in group["Instances"]:
                print(f"sabotaged: believes the alarm, ends {member['InstanceId']}")
                groups.terminate_instance_in_auto_scaling_group(
                    InstanceId=member["InstanceId"], ShouldDecrementDesiredCapacity=False
                )
"""


def take_missing_for(cloud: Cloud, alarms: Sequence[str], treatment: str) -> None:
    """What these alarms make of missing data."""
    watch = cloud.clients["cloudwatch"]
    settings = (
        *("AlarmName", "AlarmDescription", "ActionsEnabled", "OKActions", "AlarmActions", "InsufficientDataActions", "MetricName"),
        *("Namespace", "Statistic", "Dimensions", "Period", "EvaluationPeriods", "DatapointsToAlarm", "Threshold", "ComparisonOperator"),
    )
    for alarm in watch.describe_alarms(AlarmNames=list(alarms))["MetricAlarms"]:
        watch.put_metric_alarm(**{name: alarm[name] for name in settings if name in alarm}, TreatMissingData=treatment)

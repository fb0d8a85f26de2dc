"""CloudWatch: composite alarms, which moto keeps and has no call to make."""

from __future__ import annotations

from typing import Any

from moto.cloudwatch.responses import CloudWatchResponse
from moto.core.responses import ActionResult, EmptyResult


def install() -> None:
    CloudWatchResponse.put_composite_alarm = put_composite_alarm  # type: ignore[attr-defined]  # moto lacks it


def put_composite_alarm(self: CloudWatchResponse) -> ActionResult:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html"""
    given = self._get_param
    backend: Any = self.cloudwatch_backend  # whose alarms are of both kinds, and its types of one
    backend.put_metric_alarm(
        name=given("AlarmName"), rule=given("AlarmRule"), description=given("AlarmDescription"), actions_enabled=given("ActionsEnabled"),
        alarm_actions=given("AlarmActions", []), ok_actions=given("OKActions", []),
        insufficient_data_actions=given("InsufficientDataActions", []), tags=given("Tags", []),
        namespace=None, metric_name=None, comparison_operator=None, evaluation_periods=None, period=None, threshold=None,
        statistic=None, dimensions=[],
    )  # fmt: skip
    return EmptyResult()

"""Alarms at work: transitions, actions with AWS's payloads, history."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.backends import get_backend

from lab.alarms import engine_of
from lab.metrics import metrics_of
from lab.metrics.store import key_of
from lab.world import ACCOUNT, REGION, World
from tests.lab.lab_worlds import deploy, events, small_world, wait_for

KEY = key_of("Understudy", "Healthy", {"Deployable": "d", "Assembly": "a"})
ARN = f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:healthy"
NOTE = "import json\ndef handler(event, context):\n    print('GOT', json.dumps(event))\n"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with small_world(tmp_path, started=False) as made:
        yield made


def alarm(name: str = "healthy", **more: Any) -> None:
    settings: dict[str, Any] = {
        "Namespace": "Understudy",
        "MetricName": "Healthy",
        "Dimensions": [{"Name": "Deployable", "Value": "d"}, {"Name": "Assembly", "Value": "a"}],
        "Statistic": "Minimum",
        "Period": 10,
        "EvaluationPeriods": 3,
        "DatapointsToAlarm": 3,
        "Threshold": 1,
        "ComparisonOperator": "LessThanThreshold",
        "TreatMissingData": "ignore",
        "AlarmDescription": "a node is down",
    }
    boto3.client("cloudwatch").put_metric_alarm(AlarmName=name, **{**settings, **more})


def math_alarm(
    name: str, expression: str, *, actions: list[str] | None = None, period: int = 60, **metrics: tuple[str, dict[str, str]]
) -> None:
    """At least 1 in two minutes of five, and no data is good. metrics: by id, (name in AWS/Lambda, dimensions)."""
    queries: list[dict[str, Any]] = [{"Id": "e1", "Expression": expression, "Label": "all of them", "ReturnData": True}]
    for id_, (metric, dimensions) in metrics.items():
        named = {"Namespace": "AWS/Lambda", "MetricName": metric, "Dimensions": [{"Name": k, "Value": v} for k, v in dimensions.items()]}
        queries.append({"Id": id_, "MetricStat": {"Metric": named, "Period": period, "Stat": "Sum"}, "ReturnData": False})
    settings = {"EvaluationPeriods": 5, "DatapointsToAlarm": 2, "Threshold": 1, "TreatMissingData": "notBreaching"}
    boto3.client("cloudwatch").put_metric_alarm(
        AlarmName=name, Metrics=queries, ComparisonOperator="GreaterThanOrEqualToThreshold", AlarmActions=actions or [], **settings
    )


def errors(world: World, function: str, at: float, value: float) -> None:
    metrics_of(world).series.add(key_of("AWS/Lambda", "Errors", {"FunctionName": function}), value, at=at)


ONE, OTHER = ("Errors", {"FunctionName": "one"}), ("Errors", {"FunctionName": "other"})


def test_an_alarm_on_a_sum_rings_whoever_of_its_metrics_breaches(world: World) -> None:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html: a missing value counts as 0."""
    math_alarm("errors", "m1 + m2", m1=ONE, m2=OTHER)
    start = now()
    for minute in range(1, 6):
        errors(world, "one", start - 60 * minute, 0)  # the other was not invoked at all
    engine_of(world).look(start)
    before = state("errors")

    errors(world, "one", start, 1)
    errors(world, "other", start + 60, 1)
    engine_of(world).look(start + 60)
    once = state("errors")
    engine_of(world).look(start + 120)

    assert (before, once, state("errors")) == ("OK", "OK", "ALARM")


def test_an_alarm_on_a_sum_without_any_data_is_as_it_was_told_to_be(world: World) -> None:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html: notBreaching."""
    topic = boto3.client("sns").create_topic(Name="notices")["TopicArn"]
    math_alarm("errors", "m1 + m2", actions=[topic], m1=ONE, m2=OTHER)

    engine_of(world).look(now())

    assert state("errors") == "OK"
    assert not events(world, who="topic")


def test_an_alarm_on_a_sum_tells_its_expression_and_metrics(world: World) -> None:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-and-eventbridge.html, for a metric math alarm."""
    topic = boto3.client("sns").create_topic(Name="notices")["TopicArn"]
    math_alarm("errors", "m1 + m2", actions=[topic], m1=ONE, m2=OTHER)
    start = now()
    for minute in (1, 2):
        errors(world, "one", start - 60 * minute, 2)
    engine_of(world).look(start)

    trigger = json.loads(events(world, who="topic", what='ALARM: "errors"')[0]["message"])["Trigger"]
    assert "MetricName" not in trigger
    assert trigger["Metrics"][0] == {"Expression": "m1 + m2", "Id": "e1", "Label": "all of them", "ReturnData": True}
    assert trigger["Metrics"][1]["MetricStat"]["Metric"]["Dimensions"] == [{"value": "one", "name": "FunctionName"}]


@pytest.mark.parametrize(("period", "why"), [(60, "different periods"), (300, "")])
def test_the_metrics_of_a_sum_have_one_period(world: World, period: int, why: str) -> None:
    math_alarm("errors", "m1 + m2", period=300, m1=ONE, m2=OTHER)
    alarm_ = get_backend("cloudwatch")[ACCOUNT][REGION].alarms["errors"]
    stat = alarm_.metric_data_queries[1].metric_stat
    assert stat is not None
    stat.period = str(period)

    engine_of(world).look(now())

    assert bool(events(world, who="alarm", what="2 different periods")) == bool(why)


def test_a_function_that_keeps_failing_rings_the_alarm_on_a_sum(tmp_path: Path) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html: Errors, of the minute of the invocation."""
    with small_world(tmp_path, scale=30.0) as world:
        assert world.functions is not None
        topic = boto3.client("sns").create_topic(Name="notices")["TopicArn"]
        deploy("one", "def handler(event, context):\n    return {}\n")
        deploy("other", "def handler(event, context):\n    raise ValueError('no')\n")
        math_alarm("errors", "m1 + m2", actions=[topic], m1=ONE, m2=OTHER)
        for _ in range(3):
            world.functions.invoke("one", {}, origin="a test")
        assert state("errors") != "ALARM"

        def failing() -> bool:
            assert world.functions is not None
            world.functions.invoke("other", {}, origin="a test")
            return bool(events(world, who="topic", what='ALARM: "errors"'))

        wait_for(failing)


def state(name: str = "healthy") -> str:
    return str(boto3.client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"][0]["StateValue"])


def sweep(world: World, boundary: float, *values: float | None) -> None:
    """One value for each 10 s before the boundary, the newest last; then the evaluation at the boundary."""
    for index, value in enumerate(reversed(values)):
        if value is not None:
            metrics_of(world).series.add(KEY, value, at=boundary - 10 * index - 5, high_resolution=True)
    engine_of(world).look(boundary)


def now() -> float:
    return time.time() // 60 * 60


def permit(function: str) -> None:
    boto3.client("lambda").add_permission(
        FunctionName=function,
        StatementId="a",
        Action="lambda:InvokeFunction",
        Principal="lambda.alarms.cloudwatch.amazonaws.com",
        SourceArn=ARN,
    )


def got(world: World) -> list[Any]:
    group = boto3.client("logs").filter_log_events(logGroupName="/aws/lambda/hears") if events(world, what="done in") else {"events": []}
    lines = [event["message"] for event in group["events"]]
    return [json.loads(line.removeprefix("GOT ")) for line in lines if line.startswith("GOT ")]


def test_an_alarm_begins_with_insufficient_data_and_keeps_its_state_when_updated(world: World) -> None:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html"""
    alarm()
    assert state() == "INSUFFICIENT_DATA"

    sweep(world, now(), 1, 1, 1)
    alarm(Threshold=0.5)

    assert state() == "OK"


def test_three_bad_periods_of_ten_seconds_run_the_action_once_with_awss_payload(world: World) -> None:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-actions-Lambda.html"""
    function = deploy("hears", NOTE)
    alarm(AlarmActions=[function])
    permit(function)
    start = now()
    sweep(world, start, 1, 1, 1)
    for index in range(1, 5):
        sweep(world, start + 10 * index, 0)

    event = wait_for(lambda: got(world))[0]
    assert state() == "ALARM"
    assert event["source"] == "aws.cloudwatch"
    assert event["alarmArn"] == ARN
    assert (event["accountId"], event["region"]) == (ACCOUNT, REGION)
    data = event["alarmData"]
    assert data["alarmName"] == "healthy"
    assert data["state"]["value"] == "ALARM"
    assert data["state"]["reason"].startswith("Threshold Crossed: 3 out of the last 3 datapoints [0.0, 0.0, 0.0]")
    assert json.loads(data["state"]["reasonData"])["recentDatapoints"] == [0.0, 0.0, 0.0]
    assert data["previousState"]["value"] == "OK"
    metric = data["configuration"]["metrics"][0]["metricStat"]
    assert metric["metric"] == {"namespace": "Understudy", "name": "Healthy", "dimensions": {"Deployable": "d", "Assembly": "a"}}
    assert (metric["period"], metric["stat"]) == (10, "Minimum")
    assert len(events(world, what="invoked by alarm healthy")) == 1
    assert events(world, kind="delay", name="alarm_evaluation")


def test_without_a_permission_the_function_is_not_woken(world: World) -> None:
    """Same page: CloudWatch must be authorised by the function's resource policy."""
    function = deploy("hears", NOTE)
    alarm(AlarmActions=[function])

    sweep(world, now(), 0, 0, 0)

    assert state() == "ALARM"
    assert events(world, who="alarm", what="Failed to execute action")
    assert not events(world, what="invoked by")


def test_a_topic_gets_the_documented_message(world: World) -> None:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html"""
    topic = boto3.client("sns").create_topic(Name="notices")["TopicArn"]
    alarm(AlarmActions=[topic])

    sweep(world, now(), 0, 0, 0)

    said = events(world, who="topic", what='ALARM: "healthy" in US East (N. Virginia)')[0]
    message = json.loads(said["message"])
    assert (message["AlarmName"], message["NewStateValue"], message["OldStateValue"]) == ("healthy", "ALARM", "INSUFFICIENT_DATA")
    assert message["Trigger"]["Dimensions"] == [{"value": "a", "name": "Assembly"}, {"value": "d", "name": "Deployable"}]


def test_disabled_and_dropped_actions_do_not_run(world: World) -> None:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DisableAlarmActions.html"""
    topic = boto3.client("sns").create_topic(Name="notices")["TopicArn"]
    alarm(AlarmActions=[topic], ActionsEnabled=False)
    alarm("other", AlarmActions=[topic])
    world.drop_events = True

    sweep(world, now(), 0, 0, 0)

    assert (state(), state("other")) == ("ALARM", "ALARM")
    assert not events(world, who="topic")
    assert events(world, who="alarm", what="dropped: the action of other")


def test_set_alarm_state_runs_the_actions_and_the_next_evaluation_puts_it_right(world: World) -> None:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_SetAlarmState.html"""
    topic = boto3.client("sns").create_topic(Name="notices")["TopicArn"]
    alarm(AlarmActions=[topic])
    sweep(world, now() - 60, 1, 1, 1, 1, 1)

    boto3.client("cloudwatch").set_alarm_state(AlarmName="healthy", StateValue="ALARM", StateReason="a test")
    assert state() == "ALARM"
    assert events(world, who="topic", what="ALARM")
    sweep(world, now(), 1, 1, 1)

    assert state() == "OK"


def test_the_history_tells_updates_and_actions(world: World) -> None:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarmHistory.html"""
    topic = boto3.client("sns").create_topic(Name="notices")["TopicArn"]
    alarm(AlarmActions=[topic])
    sweep(world, now(), 0, 0, 0)

    items = boto3.client("cloudwatch").describe_alarm_history(AlarmName="healthy")["AlarmHistoryItems"]

    assert [item["HistoryItemType"] for item in items] == ["Action", "StateUpdate"]
    assert items[1]["HistorySummary"] == "Alarm updated from INSUFFICIENT_DATA to ALARM"


def test_each_change_is_an_event_on_the_bus(world: World) -> None:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-and-eventbridge.html"""
    client = boto3.client("sqs")
    url = client.create_queue(QueueName="inbox")["QueueUrl"]
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:inbox"
    statement = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": arn}
    client.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps({"Statement": [statement]})})
    rules = boto3.client("events")
    pattern = {"source": ["aws.cloudwatch"], "detail-type": ["CloudWatch Alarm State Change"], "detail": {"state": {"value": ["ALARM"]}}}
    rules.put_rule(Name="alarms", EventPattern=json.dumps(pattern))
    rules.put_targets(Rule="alarms", Targets=[{"Id": "1", "Arn": arn}])
    alarm()

    sweep(world, now(), 0, 0, 0)

    event = json.loads(wait_for(lambda: client.receive_message(QueueUrl=url).get("Messages"))[0]["Body"])
    assert event["resources"] == [ARN]
    assert event["detail"]["alarmName"] == "healthy"
    assert event["detail"]["previousState"]["value"] == "INSUFFICIENT_DATA"


def test_a_minute_alarm_is_evaluated_on_the_minute_only(world: World) -> None:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html"""
    alarm(Period=60, EvaluationPeriods=1, DatapointsToAlarm=1, TreatMissingData="breaching")
    start = now()

    engine_of(world).look(start + 10)
    assert state() == "INSUFFICIENT_DATA"
    engine_of(world).look(start + 60)
    assert state() == "ALARM"


def test_what_is_not_evaluated_is_said_once(world: World) -> None:
    math_alarm("math", "RATE(m1)", m1=("Errors", {"FunctionName": "one"}))

    engine_of(world).look(now())
    engine_of(world).look(now() + 60)

    assert len(events(world, who="alarm", what="math is not evaluated: metric math")) == 1


def test_the_clock_drives_it(tmp_path: Path) -> None:
    with small_world(tmp_path, scale=60.0) as world:
        alarm(TreatMissingData="breaching")

        wait_for(lambda: state() == "ALARM")

        assert events(
            world, who="alarm", what="no datapoints were received for 3 periods and 3 missing datapoints were treated as [Breaching]"
        )

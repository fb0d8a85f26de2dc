"""Metrics: put by the API and by log lines, kept with their resolution, read back."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest

from lab.metrics import metrics_of
from lab.metrics.emf import BadEmf, parse
from lab.metrics.queue_depth import points
from lab.metrics.store import Series, key_of
from lab.world import World
from tests.lab.lab_worlds import deploy, events, small_world, wait_for

KEY = key_of("Understudy", "Healthy", {"Assembly": "a", "Deployable": "d"})


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with small_world(tmp_path) as made:
        yield made


def line(value: Any = 0, at: float = 1000.0, **metric: Any) -> str:
    directive = {"Namespace": "Understudy", "Dimensions": [["Deployable", "Assembly"]], "Metrics": [{"Name": "Healthy", **metric}]}
    return json.dumps(
        {"_aws": {"Timestamp": int(at * 1000), "CloudWatchMetrics": [directive]}, "Deployable": "d", "Assembly": "a", "Healthy": value}
    )


def test_a_log_line_in_the_embedded_format_is_a_point() -> None:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html"""
    (point,) = parse(line(0, StorageResolution=1, Unit="None"))

    assert (point.namespace, point.name, point.value, point.at, point.high_resolution) == ("Understudy", "Healthy", 0.0, 1000.0, True)
    assert point.dimensions == (("Assembly", "a"), ("Deployable", "d"))
    assert len(parse(line([1, 2, 3]))) == 3


def test_other_lines_are_no_metrics() -> None:
    assert parse("hello") == []
    assert parse('{"message": "no _aws here"}') == []
    assert parse('{"_aws": broken') == []


@pytest.mark.parametrize("value", ["x", None, True, [], ["x"]])
def test_a_line_that_breaks_the_format_is_said_to(value: Any) -> None:
    with pytest.raises(BadEmf, match="Healthy"):
        parse(line(value))


def test_high_resolution_keeps_the_second_and_standard_the_minute() -> None:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/publishingMetrics.html#high-resolution-metrics"""
    series = Series()
    series.add(KEY, 1.0, at=125.7, high_resolution=True)
    assert series.statistic(KEY, 125.0, 126.0, "Sum") == 1.0

    other = key_of("n", "standard", {})
    series.add(other, 1.0, at=125.7)
    assert series.statistic(other, 125.0, 126.0, "Sum") is None
    assert series.statistic(other, 120.0, 121.0, "Sum") == 1.0


def test_a_metric_is_its_exact_dimensions() -> None:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_concepts.html#dimension-combinations"""
    series = Series()
    series.add(KEY, 1.0, at=10.0, high_resolution=True)

    assert series.statistic(key_of("Understudy", "Healthy", {"Assembly": "a"}), 0, 60, "Sum") is None


@pytest.mark.parametrize(
    ("statistic", "value"), [("Sum", 10.0), ("Average", 2.5), ("Minimum", 1.0), ("Maximum", 4.0), ("SampleCount", 4.0), ("p50", 2.5)]
)
def test_statistics(statistic: str, value: float) -> None:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Statistics-definitions.html"""
    series = Series()
    for number in (1.0, 2.0, 3.0, 4.0):
        series.add(KEY, number, at=10.0)

    assert series.statistic(KEY, 0, 60, statistic) == value
    assert series.statistic(KEY, 60, 120, statistic) is None


def test_what_a_function_prints_becomes_a_metric_after_awss_delay(world: World) -> None:
    deploy("prints", f"def handler(event, context):\n    print({line(1, at=time.time(), StorageResolution=1)!r})\n")
    now = time.time()
    assert world.functions is not None

    world.functions.invoke("prints", {}, origin="a test")

    series = metrics_of(world).series
    assert wait_for(lambda: series.statistic(KEY, now - 5, now + 5, "Sum")) == 1.0
    assert events(world, kind="delay", name="log_to_metric")
    answer = boto3.client("cloudwatch").get_metric_statistics(
        Namespace="Understudy",
        MetricName="Healthy",
        StartTime=datetime.now(UTC) - timedelta(minutes=5),
        EndTime=datetime.now(UTC) + timedelta(minutes=5),
        Period=60,
        Statistics=["Sum"],
    )
    assert [point["Sum"] for point in answer["Datapoints"]] == [1.0]


def test_put_metric_data_is_in_the_same_store(world: World) -> None:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html"""
    now = time.time()
    dimensions = [{"Name": "Deployable", "Value": "d"}, {"Name": "Assembly", "Value": "a"}]
    data = [
        {"MetricName": "Healthy", "Dimensions": dimensions, "Values": [1.0, 3.0], "Counts": [1, 2], "StorageResolution": 1},
        {
            "MetricName": "Set",
            "StatisticValues": {"SampleCount": 2, "Sum": 5, "Minimum": 1, "Maximum": 4},
            "Timestamp": datetime.now(UTC),
        },
    ]

    boto3.client("cloudwatch").put_metric_data(Namespace="Understudy", MetricData=data)

    series = metrics_of(world).series
    assert series.statistic(KEY, now - 5, now + 5, "Sum") == 7.0
    assert series.statistic(key_of("Understudy", "Set", {}), now - 120, now + 5, "Average") == 2.5


def test_lambda_reports_its_own_metrics(world: World) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html"""
    deploy("bad", "def handler(event, context):\n    raise ValueError('no')\n")
    assert world.functions is not None

    world.functions.invoke("bad", {}, origin="a test")

    now, series = time.time(), metrics_of(world).series
    for name, value in (("Invocations", 1.0), ("Errors", 1.0), ("Throttles", 0.0)):
        assert series.statistic(key_of("AWS/Lambda", name, {"FunctionName": "bad"}), now - 120, now + 1, "Sum") == value


def test_a_store_stays_bounded() -> None:
    series = Series()
    for number in range(30_000):
        series.add(KEY, 1.0, at=float(number), high_resolution=True)
    for number in range(3_000):
        series.add(key_of("n", str(number), {}), 1.0, at=1.0)

    assert len(series.keys()) == 2_000


def test_a_queues_depth_is_told_as_sqs_tells_it(world: World) -> None:
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html"""
    sqs = boto3.client("sqs")
    url = sqs.create_queue(QueueName="dead-letters")["QueueUrl"]
    for body in ("a", "b", "c"):
        sqs.send_message(QueueUrl=url, MessageBody=body)
    sqs.send_message(QueueUrl=url, MessageBody="later", DelaySeconds=600)
    sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=1, VisibilityTimeout=600)

    told = {point.name: point.value for point in points(1000.0) if point.unit == "Count"}

    assert told == {
        "ApproximateNumberOfMessagesVisible": 2.0,
        "ApproximateNumberOfMessagesNotVisible": 1.0,
        "ApproximateNumberOfMessagesDelayed": 1.0,
    }
    assert {(point.namespace, point.dimensions, point.at) for point in points(1000.0)} == {
        ("AWS/SQS", (("QueueName", "dead-letters"),), 1000.0)
    }


def age_of(queue: str, in_s: float) -> float:
    (point,) = (p for p in points(time.time() + in_s) if (p.unit, p.dimensions) == ("Seconds", (("QueueName", queue),)))
    return point.value


def test_a_queue_tells_the_age_of_its_oldest_message_and_nothing_of_one_that_was_deleted(world: World) -> None:
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html"""
    sqs = boto3.client("sqs")
    url = sqs.create_queue(QueueName="steps")["QueueUrl"]
    assert age_of("steps", 100) == 0

    sqs.send_message(QueueUrl=url, MessageBody="a")
    assert age_of("steps", 100) == pytest.approx(100, abs=2)

    (message,) = sqs.receive_message(QueueUrl=url)["Messages"]
    assert age_of("steps", 100) == pytest.approx(100, abs=2), "in flight is not deleted"
    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    assert age_of("steps", 100) == 0


def test_a_poison_pill_is_passed_over_where_no_dead_letter_queue_takes_it(world: World) -> None:
    """Same page: after the message is received three times (or more), the metric points at another one."""
    sqs = boto3.client("sqs")
    url = sqs.create_queue(QueueName="steps", Attributes={"VisibilityTimeout": "0"})["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="a")
    for _ in range(3):
        assert sqs.receive_message(QueueUrl=url)["Messages"]

    assert age_of("steps", 100) == 0


def test_in_a_dead_letter_queue_a_messages_age_begins_when_it_was_moved(world: World) -> None:
    """Same page: the metric represents the time when the message was moved, not when it was sent."""
    sqs = boto3.client("sqs")
    dead = sqs.create_queue(QueueName="dead-letters")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    redrive = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 1})
    url = sqs.create_queue(QueueName="steps", Attributes={"VisibilityTimeout": "0", "RedrivePolicy": redrive})["QueueUrl"]
    sent = time.time()
    sqs.send_message(QueueUrl=url, MessageBody="a")
    assert sqs.receive_message(QueueUrl=url)["Messages"]
    time.sleep(1.1)
    assert "Messages" not in sqs.receive_message(QueueUrl=url)

    assert age_of("dead-letters", 100) < time.time() + 100 - sent - 1
    assert age_of("steps", 100) == 0

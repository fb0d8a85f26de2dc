"""Events in AWS's documented shapes, and what they are taken for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from core.watching.wakes import BadEvent, Wake, hook_wake, recovery_wakes

EVENTS = Path(__file__).parents[1] / "events"
NODE = "i-1234567890abcdef0"


def event(name: str) -> dict[str, Any]:
    return dict(json.loads((EVENTS / f"{name}.json").read_text()))


def one(name: str) -> Wake:
    (wake,) = recovery_wakes(event(name))
    return wake


def test_an_alarm_names_its_assembly_by_its_metrics_dimensions() -> None:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-actions-Lambda.html"""
    wake = one("alarm_action")

    assert (wake.who, wake.deployable, wake.assembly) == ("alarm", "demo", "counter")


@pytest.mark.parametrize("name", ["instance_terminated", "spot_interruption"])
def test_ec2_names_an_instance(name: str) -> None:
    """https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/monitoring-instance-state-changes.html"""
    assert one(name).instance == NODE


def test_auto_scaling_names_the_group_and_its_instance() -> None:
    """https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-event-reference.html"""
    wake = one("group_terminated")

    assert (wake.instance, wake.group) == (NODE, "counter-group")


def test_a_request_in_the_stream_names_assembly_and_node() -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html"""
    wake = one("stream_request")

    assert (wake.deployable, wake.assembly, wake.instance) == ("demo", "counter", NODE)
    assert wake.receipt == "4421584500000000017450439091"


def test_a_request_that_expires_wakes_nobody() -> None:
    removed = event("stream_request")
    removed["Records"][0]["eventName"] = "REMOVE"

    assert recovery_wakes(removed) == []


def test_an_own_message_brings_its_word_back() -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html"""
    assert one("own_message").driver == "message of r-1"


def test_tick_says_whom_and_why() -> None:
    (wake,) = recovery_wakes({"wake": {"deployable": "demo", "assembly": "counter", "reason": "silent"}})

    assert (wake.who, wake.why) == ("tick", "silent")


@pytest.mark.parametrize("name", ["instance_launch_hook", "instance_terminate_hook"])
def test_a_hook_is_known_by_its_metadata(name: str) -> None:
    wake = hook_wake(event(name))

    assert (wake.deployable, wake.assembly, wake.instance, wake.group) == ("demo", "counter", NODE, "counter-group")


@pytest.mark.parametrize(
    "bad",
    [
        {},
        {"Records": [{"eventSource": "aws:s3"}]},
        {"Records": [{"eventSource": "aws:sqs", "messageId": "1", "body": "{"}]},
        {"Records": [{"eventSource": "aws:sqs", "messageId": "1", "body": "[]"}]},
        {"wake": {"deployable": "demo"}},
        {"alarmData": {"alarmName": "a", "configuration": {"metrics": []}}},
        {"source": "aws.ec2", "detail": {}},
        {"source": "aws.rds", "detail-type": "x"},
    ],
)
def test_what_is_not_understood_is_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(BadEvent):
        recovery_wakes(bad)


def test_another_hook_is_refused() -> None:
    other = event("instance_launch_hook")
    other["detail"]["NotificationMetadata"] = "somebody else's"

    with pytest.raises(BadEvent, match="not a hook of ours"):
        hook_wake(other)


def test_a_warning_says_that_the_instance_is_taken_back_and_its_end_does_not() -> None:
    """https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html"""
    assert one("spot_interruption").reclaimed
    assert not one("instance_terminated").reclaimed

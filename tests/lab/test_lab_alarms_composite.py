"""Composite alarms: their rules, when they follow, and what they tell.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Create_Composite_Alarm.html
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from lab.alarms import engine_of
from lab.alarms.composite import children, holds
from lab.alarms.expression import Unsupported
from lab.emulator.fixups import alarms
from lab.world import ACCOUNT, REGION, World
from tests.lab.lab_worlds import events, small_world

ARN = f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with small_world(tmp_path, started=False) as made:
        alarms.install()
        yield made


@pytest.mark.parametrize(
    ("rule", "holding"),
    [
        ('ALARM("rings")', True),
        ("ALARM(rings) AND ALARM(quiet)", False),
        ("ALARM(rings) OR ALARM(quiet)", True),
        ("OK(quiet) AND NOT ALARM(quiet)", True),
        ("ALARM(quiet) AND ALARM(quiet) OR ALARM(rings)", True),  # AND before OR
        ("ALARM(quiet) AND (ALARM(quiet) OR ALARM(rings))", False),
        ("INSUFFICIENT_DATA(new)", True),
        ("ALARM(gone) OR OK(gone) OR INSUFFICIENT_DATA(gone)", False),
        ("TRUE AND NOT FALSE", True),
    ],
)
def test_a_rule_says_of_which_states_it_is_made(rule: str, holding: bool) -> None:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html"""
    assert holds(rule, {"rings": "ALARM", "quiet": "OK", "new": "INSUFFICIENT_DATA"}) is holding


@pytest.mark.parametrize(
    "rule", ["ALARM(a", "ALARM(a) ALARM(b)", "ALARM(a) AND", "(ALARM(a)", "RINGS(a)", "AND", "(" * 11 + "TRUE" + ")" * 11]
)
def test_what_is_no_rule_is_refused(rule: str) -> None:
    with pytest.raises(Unsupported):
        holds(rule, {})


def test_a_rule_names_its_alarms_by_name_or_arn() -> None:
    assert children(f'ALARM("{ARN}a") OR ALARM(b) OR OK(b)') == (f"{ARN}a", "b")


def metric_alarm(name: str) -> None:
    boto3.client("cloudwatch").put_metric_alarm(
        AlarmName=name, Namespace="n", MetricName=name, Statistic="Sum", Period=60, EvaluationPeriods=1, Threshold=1,
        ComparisonOperator="GreaterThanThreshold", TreatMissingData="ignore",
    )  # fmt: skip


def composite(rule: str, **more: Any) -> None:
    boto3.client("cloudwatch").put_composite_alarm(AlarmName="people", AlarmRule=rule, AlarmDescription="in trouble", **more)


def ring(name: str, value: str = "ALARM") -> None:
    boto3.client("cloudwatch").set_alarm_state(AlarmName=name, StateValue=value, StateReason="a test")


def state() -> str:
    found = boto3.client("cloudwatch").describe_alarms(AlarmNames=["people"], AlarmTypes=["CompositeAlarm"])["CompositeAlarms"]
    return str(found[0]["StateValue"])


def test_people_hear_of_the_first_that_rings_and_of_no_second_one_until_all_have_ended(world: World) -> None:
    topic = boto3.client("sns").create_topic(Name="notices")["TopicArn"]
    for name in ("a", "b"):
        metric_alarm(name)
    composite(f'ALARM("{ARN}a") OR ALARM("{ARN}b")', AlarmActions=[topic])
    assert (state(), events(world, who="topic")) == ("OK", []), "evaluated when it is made, and nothing rings"

    ring("a")
    ring("b")
    ring("a", "OK")
    assert state() == "ALARM"
    ring("b", "OK")
    assert state() == "OK"
    ring("b")

    heard = [json.loads(said["message"]) for said in events(world, who="topic", what='ALARM: "people"')]
    assert [[child["Arn"] for child in message["TriggeringChildren"]] for message in heard] == [[f"{ARN}a"], [f"{ARN}b"]]
    assert heard[0]["AlarmRule"] == f'ALARM("{ARN}a") OR ALARM("{ARN}b")'
    assert heard[0]["NewStateReason"].startswith(f"{ARN}a transitioned to ALARM at ")
    assert (heard[0]["AlarmDescription"], heard[0]["OldStateValue"]) == ("in trouble", "OK")
    assert "Trigger" not in heard[0]


def test_a_new_one_acts_by_what_it_finds(world: World) -> None:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html: evaluated, then its actions are run."""
    topic = boto3.client("sns").create_topic(Name="notices")["TopicArn"]
    metric_alarm("a")

    composite("ALARM(a)", OKActions=[topic])

    assert events(world, who="topic", what='OK: "people"')


def test_one_may_be_under_another(world: World) -> None:
    metric_alarm("a")
    boto3.client("cloudwatch").put_composite_alarm(AlarmName="between", AlarmRule="ALARM(a)")
    composite("ALARM(between)")

    ring("a")

    assert state() == "ALARM"


def test_its_change_is_an_event_with_its_rule_and_is_in_its_history(world: World) -> None:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-and-eventbridge.html, composite alarms."""
    metric_alarm("a")
    composite("ALARM(a)")
    ring("a")

    (item, *_) = boto3.client("cloudwatch").describe_alarm_history(AlarmName="people")["AlarmHistoryItems"]
    assert (item["AlarmType"], item["HistorySummary"]) == ("CompositeAlarm", "Alarm updated from OK to ALARM")


def test_the_clock_neither_evaluates_it_as_one_on_a_metric_nor_says_that_it_cannot(world: World) -> None:
    metric_alarm("a")
    composite("ALARM(a)")

    engine_of(world).look(0.0)

    assert not events(world, who="alarm", what="is not evaluated")


def test_its_state_can_be_set_to_try_its_actions(world: World) -> None:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_SetAlarmState.html"""
    topic = boto3.client("sns").create_topic(Name="notices")["TopicArn"]
    metric_alarm("a")
    composite("ALARM(a)", AlarmActions=[topic])

    ring("people")

    assert state() == "ALARM"
    assert events(world, who="topic", what='ALARM: "people"')


def test_a_rule_that_cannot_be_read_is_refused_when_it_is_put(world: World) -> None:
    with pytest.raises(ClientError, match="AlarmRule"):
        composite("ALARM(a")

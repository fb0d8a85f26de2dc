"""A topic encrypted with a key: what may publish there is the key's to say too.

https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from lab.messaging.send import Undeliverable, send
from lab.policy.keys import ROOT, TO_PUBLISH, VIA_TOPICS, key_arn, role_may
from lab.policy.matching import Ask
from lab.world import ACCOUNT, REGION, World
from tests.lab.lab_worlds import events, small_world

HERE = {"StringEquals": {"aws:SourceAccount": ACCOUNT}}
ALARMS = {"Effect": "Allow", "Principal": {"Service": "cloudwatch.amazonaws.com"}, "Action": ["kms:Decrypt", "kms:GenerateDataKey*"]}
RULES = {**ALARMS, "Principal": {"Service": "events.amazonaws.com"}}
OWNER = {"Effect": "Allow", "Principal": {"AWS": ROOT}, "Action": ["kms:PutKeyPolicy"], "Resource": "*"}
ROLE = f"arn:aws:iam::{ACCOUNT}:role/r"
RULE = f"arn:aws:events:{REGION}:{ACCOUNT}:rule/r"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with small_world(tmp_path, started=False) as made:
        yield made


def key(*statements: dict[str, Any]) -> str:
    document = {"Version": "2012-10-17", "Statement": [{"Resource": "*", **statement} for statement in (OWNER, *statements)]}
    return str(boto3.client("kms").create_key(Policy=json.dumps(document))["KeyMetadata"]["Arn"])


def topic(key_id: str, *services: str) -> str:
    """An encrypted topic in which, by its own policy, these may publish; none: the policy that it has from the beginning."""
    sns = boto3.client("sns")
    arn = str(sns.create_topic(Name="people", Attributes={"KmsMasterKeyId": key_id})["TopicArn"])
    if services:
        allow = [{"Effect": "Allow", "Principal": {"Service": one}, "Action": "sns:Publish", "Resource": arn} for one in services]
        sns.set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=json.dumps({"Statement": allow}))
    return arn


def ring(arn: str) -> None:
    cloudwatch = boto3.client("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName="a", Namespace="n", MetricName="m", Statistic="Sum", Period=60, EvaluationPeriods=1, Threshold=1,
        ComparisonOperator="GreaterThanThreshold", AlarmActions=[arn],
    )  # fmt: skip
    cloudwatch.set_alarm_state(AlarmName="a", StateValue="ALARM", StateReason="a test")


def heard(world: World) -> bool:
    return bool(events(world, who="topic", what="ALARM"))


@pytest.mark.parametrize("condition", [{}, {"Condition": HERE}])
def test_an_alarm_publishes_through_a_key_that_lets_it_in(world: World, condition: dict[str, Any]) -> None:
    """Enable compatibility between event sources from AWS services and encrypted topics."""
    ring(topic(key({**ALARMS, **condition})))

    assert heard(world)


@pytest.mark.parametrize(
    "statements",
    [
        [],
        [RULES],
        [{**ALARMS, "Action": ["kms:Decrypt"]}],
        [{**ALARMS, "Action": ["kms:GenerateDataKey*"]}],
        [{**ALARMS, "Condition": {"StringEquals": {"aws:SourceAccount": "999999999999"}}}],
        [ALARMS, {"Effect": "Deny", "Principal": "*", "Action": "kms:Decrypt"}],
    ],
)
def test_an_alarm_tells_nobody_through_a_key_that_does_not_and_its_history_says_why(world: World, statements: list[dict[str, Any]]) -> None:
    """https://repost.aws/knowledge-center/cloudwatch-configure-alarm-sns: not authorized to access the SNS topic encryption key."""
    ring(topic(key(*statements)))

    (item,) = boto3.client("cloudwatch").describe_alarm_history(AlarmName="a", HistoryItemType="Action")["AlarmHistoryItems"]
    assert not heard(world)
    assert "not authorized to access the SNS topic encryption key" in item["HistorySummary"]


def test_awss_own_key_for_topics_lets_no_alarm_in(world: World) -> None:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html"""
    ring(topic("alias/aws/sns"))

    assert not heard(world)


def test_a_key_that_is_disabled_lets_nobody_in(world: World) -> None:
    """AWS KMS errors: KMSDisabledException."""
    arn = key(ALARMS)
    boto3.client("kms").disable_key(KeyId=arn.rsplit("/", 1)[-1])

    ring(topic(arn))

    assert not heard(world)


def test_a_topics_own_policy_is_asked_as_well(world: World) -> None:
    """https://repost.aws/knowledge-center/cloudwatch-receive-sns-for-alarm-trigger"""
    ring(topic(key(ALARMS), "events.amazonaws.com"))

    assert not heard(world)
    assert events(world, who="alarm", what="does not let cloudwatch.amazonaws.com publish")


def test_a_key_may_be_named_by_its_alias(world: World) -> None:
    """https://docs.aws.amazon.com/sns/latest/api/API_SetTopicAttributes.html, KmsMasterKeyId."""
    boto3.client("kms").create_alias(AliasName="alias/people", TargetKeyId=key(ALARMS).rsplit("/", 1)[-1])

    ring(topic("alias/people"))

    assert heard(world)


@pytest.mark.parametrize(("statement", "delivered"), [(RULES, True), ({**RULES, "Condition": HERE}, False), (ALARMS, False)])
def test_a_rules_delivery_never_satisfies_a_condition_on_its_source(world: World, statement: dict[str, Any], delivered: bool) -> None:
    """EventBridge's request to the key carries none: the same page, on the event sources' permissions."""
    arn = topic(key(statement), "events.amazonaws.com")
    refused = contextlib.nullcontext() if delivered else pytest.raises(Undeliverable, match="encryption key")

    with refused:
        send(world, arn, "something happened", service="events.amazonaws.com", source_arn=RULE)


MAY = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": list(TO_PUBLISH), "Resource": "*"}]}
THROUGH_TOPICS = {"Condition": {"StringEquals": {"kms:ViaService": f"sns.{REGION}.amazonaws.com"}}}


@pytest.mark.parametrize(
    ("statement", "policies", "may"),
    [
        ({"Effect": "Allow", "Principal": {"AWS": ROLE}, "Action": list(TO_PUBLISH)}, [], True),  # the key itself names it
        ({"Effect": "Allow", "Principal": {"AWS": ROOT}, "Action": list(TO_PUBLISH)}, [MAY], True),
        ({"Effect": "Allow", "Principal": {"AWS": ROOT}, "Action": list(TO_PUBLISH), **THROUGH_TOPICS}, [MAY], True),
        ({"Effect": "Allow", "Principal": {"AWS": ROOT}, "Action": list(TO_PUBLISH)}, [], False),
        ({"Effect": "Allow", "Principal": {"AWS": f"{ROLE}2"}, "Action": list(TO_PUBLISH)}, [MAY], False),
        (ALARMS, [MAY], False),  # "unless the key policy explicitly allows it, you cannot use IAM policies to allow access"
    ],
)
def test_a_role_needs_the_key_or_the_key_and_its_own_policies(
    world: World, statement: dict[str, Any], policies: list[dict[str, Any]], may: bool
) -> None:
    """https://docs.aws.amazon.com/kms/latest/developerguide/key-policies.html"""
    arn = key_arn(key(statement))

    assert all(role_may(ROLE, policies, Ask(action, arn, VIA_TOPICS)).allowed is may for action in TO_PUBLISH)

"""Events, schedules, topics: who is woken, with what."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest

from lab.messaging.patterns import UnknownOperator, matches
from lab.messaging.schedules import BadSchedule, Cron, Rate, next_due, parse
from lab.messaging.transform import target_input
from lab.world import ACCOUNT, REGION, World
from tests.lab.lab_worlds import deploy, events, small_world, wait_for

NOTE = "def handler(event, context):\n    print('GOT', event)\n    return event\n"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with small_world(tmp_path, scale=60.0) as made:
        yield made


def queue(name: str, *, open_to: str | None = None) -> tuple[str, str]:
    client = boto3.client("sqs")
    url = client.create_queue(QueueName=name)["QueueUrl"]
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"
    if open_to:
        statement = {"Effect": "Allow", "Principal": {"Service": open_to}, "Action": "sqs:SendMessage", "Resource": arn}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        client.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    return url, arn


def bodies(url: str) -> list[Any]:
    messages = boto3.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]).get("Messages", [])
    return [json.loads(message["Body"]) for message in messages]


def rule(name: str, pattern: dict[str, Any] | None, target: dict[str, Any], schedule: str | None = None) -> str:
    client = boto3.client("events")
    settings: dict[str, Any] = {"EventPattern": json.dumps(pattern)} if pattern else {"ScheduleExpression": schedule}
    arn = str(client.put_rule(Name=name, **settings)["RuleArn"])
    client.put_targets(Rule=name, Targets=[{"Id": "1", **target}])
    return arn


@pytest.mark.parametrize(
    ("pattern", "fits"),
    [
        ({"source": ["aws.ec2"]}, True),
        ({"source": ["aws.s3"]}, False),
        ({"detail": {"state": ["running", "terminated"]}}, True),
        ({"detail": {"state": [{"anything-but": ["terminated"]}]}}, False),
        ({"detail": {"state": [{"anything-but": {"prefix": "run"}}]}}, True),
        ({"detail": {"state": [{"prefix": "term"}]}}, True),
        ({"detail": {"state": [{"suffix": "x"}]}}, False),
        ({"detail": {"count": [{"numeric": [">", 1, "<=", 3]}]}}, True),
        ({"detail": {"count": [{"numeric": ["=", 4]}]}}, False),
        ({"detail": {"count": [3]}}, True),
        ({"detail": {"missing": [{"exists": False}]}}, True),
        ({"detail": {"state": [{"exists": False}]}}, False),
        ({"detail": {"missing": [{"anything-but": "x"}]}}, False),
        ({"resources": [{"wildcard": "arn:*:instance/i-*"}]}, True),
        ({"detail": {"tags": {"name": ["b"]}}}, True),
        ({"$or": [{"source": ["x"]}, {"detail": {"state": ["terminated"]}}]}, True),
        ({"detail": {"nothing": [None]}}, True),
    ],
)
def test_patterns_match_as_eventbridge_says(pattern: dict[str, Any], fits: bool) -> None:
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html"""
    event = {
        "source": "aws.ec2",
        "resources": ["arn:aws:ec2:r:1:instance/i-1"],
        "detail": {"state": "terminated", "count": 3, "tags": [{"name": "a"}, {"name": "b"}], "nothing": None},
    }

    assert matches(pattern, event) is fits


def test_an_unknown_operator_is_an_error_of_the_lab() -> None:
    with pytest.raises(UnknownOperator, match="cidr"):
        matches({"a": [{"cidr": "10.0.0.0/8"}]}, {"a": "10.0.0.1"})


@pytest.mark.parametrize(
    ("target", "body"),
    [
        ({}, {"detail": {"a": "x", "n": 1, "list": [5]}, "source": "s"}),
        ({"Input": '{"fixed": true}'}, {"fixed": True}),
        ({"InputPath": "$.detail"}, {"a": "x", "n": 1, "list": [5]}),
        (
            {
                "InputTransformer": {
                    "InputPathsMap": {"a": "$.detail.a", "n": "$.detail.list[0]"},
                    "InputTemplate": '{"a": <a>, "t": "<a> <n>"}',
                }
            },
            {"a": "x", "t": "x 5"},
        ),
    ],
)
def test_a_target_gets_what_its_input_says(target: dict[str, Any], body: Any) -> None:
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html"""
    assert json.loads(target_input(target, {"detail": {"a": "x", "n": 1, "list": [5]}, "source": "s"})) == body


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "after", "due"),
    [
        ("cron(0/15 * * * ? *)", "2026-01-01T10:07:30", "2026-01-01T10:15:00"),
        ("cron(0 12 * * ? *)", "2026-01-01T12:00:00", "2026-01-02T12:00:00"),
        ("cron(30 8 ? * MON-FRI *)", "2026-01-02T09:00:00", "2026-01-05T08:30:00"),
        ("cron(0 0 1 JAN ? *)", "2026-01-01T00:00:00", "2027-01-01T00:00:00"),
    ],
)
def test_cron_expressions_are_in_utc_with_six_fields(expression: str, after: str, due: str) -> None:
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html"""
    schedule = parse(expression)
    assert isinstance(schedule, Cron)

    assert schedule.next_after(at(after)) == at(due)


@pytest.mark.parametrize(
    "expression", ["rate(1 minutes)", "rate(0 minutes)", "rate(5 minute)", "cron(* * * * * *)", "every minute", "cron(61 * * * ? *)"]
)
def test_other_expressions_are_refused(expression: str) -> None:
    """Same page: a singular for 1, a plural otherwise, and one question mark."""
    with pytest.raises(BadSchedule):
        parse(expression)


def test_a_rate_first_runs_within_its_period() -> None:
    assert next_due(Rate(60.0), created_at=100.0, last=None, now=100.0) == 160.0


def test_a_schedule_wakes_its_function_every_period_even_while_events_are_lost(world: World) -> None:
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-rule-schedule.html"""
    world.drop_events = True
    function = deploy("tick", NOTE)
    arn = rule("minute", None, {"Arn": function}, "rate(1 minute)")
    allow(function, "events.amazonaws.com", arn)

    wait_for(lambda: len(events(world, what="invoked by schedule minute")) >= 2)


def allow(function: str, service: str, source_arn: str) -> None:
    boto3.client("lambda").add_permission(
        FunctionName=function, StatementId="x", Action="lambda:InvokeFunction", Principal=service, SourceArn=source_arn
    )


def test_an_event_of_awss_own_reaches_a_function_that_permits_it(world: World) -> None:
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html"""
    function = deploy("hears", NOTE)
    arn = rule("changes", {"source": ["aws.ec2"], "detail": {"state": ["terminated"]}}, {"Arn": function})
    allow(function, "events.amazonaws.com", arn)
    assert world.events is not None

    world.events.emit("aws.ec2", "EC2 Instance State-change Notification", {"state": "running"})
    world.events.emit("aws.ec2", "EC2 Instance State-change Notification", {"state": "terminated"}, ["arn:x"])

    wait_for(lambda: events(world, what="done in"))
    assert len(events(world, what="invoked by EC2 Instance State-change Notification")) == 1
    assert events(world, kind="delay", name="event")


def test_without_permission_the_event_goes_to_the_dead_letter_queue(world: World) -> None:
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html"""
    url, dead = queue("dead", open_to="events.amazonaws.com")
    function = deploy("deaf", NOTE)
    rule("changes", {"source": ["mine"]}, {"Arn": function, "DeadLetterConfig": {"Arn": dead}})
    entry = {"Source": "mine", "DetailType": "Thing", "Detail": '{"a": 1}'}

    assert boto3.client("events").put_events(Entries=[entry])["FailedEntryCount"] == 0

    event = wait_for(lambda: bodies(url))[0]
    assert event["detail"] == {"a": 1}
    assert not events(world, what="invoked by")
    assert events(world, who="events", what="not delivered by rule changes")


def test_events_reach_queues_and_dropped_events_do_not(world: World) -> None:
    url, arn = queue("inbox", open_to="events.amazonaws.com")
    rule("all", {"source": ["mine"]}, {"Arn": arn, "InputPath": "$.detail"})
    assert world.events is not None

    world.drop_events = True
    world.events.emit("mine", "Thing", {"n": 1})
    world.drop_events = False
    world.events.emit("mine", "Thing", {"n": 2})

    assert wait_for(lambda: bodies(url)) == [{"n": 2}]
    assert events(world, who="events", what="dropped: Thing")[0]["detail"] == {"n": 1}


def test_a_topic_reaches_functions_queues_and_the_journal(world: World) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html"""
    client = boto3.client("sns")
    topic = client.create_topic(Name="notices")["TopicArn"]
    url, inbox = queue("inbox", open_to="sns.amazonaws.com")
    function = deploy("hears", NOTE)
    allow(function, "sns.amazonaws.com", topic)
    for protocol, endpoint in (("lambda", function), ("sqs", inbox), ("email", "ops@example.com")):
        client.subscribe(TopicArn=topic, Protocol=protocol, Endpoint=endpoint)
    assert world.topics is not None

    world.topics.publish(topic, "Help", "the house is on fire")

    envelope = wait_for(lambda: bodies(url))[0]
    assert (envelope["Subject"], envelope["Message"], envelope["TopicArn"]) == ("Help", "the house is on fire", topic)
    wait_for(lambda: events(world, what="invoked by topic notices"))
    wait_for(lambda: events(world, who="topic", what="e-mail to ops@example.com: Help"))


def test_a_topic_may_not_send_to_a_queue_whose_policy_does_not_let_it(world: World) -> None:
    """https://docs.aws.amazon.com/sns/latest/dg/subscribe-sqs-queue-to-sns-topic.html"""
    client = boto3.client("sns")
    topic = client.create_topic(Name="notices")["TopicArn"]
    url, inbox = queue("inbox")
    client.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=inbox)

    client.publish(TopicArn=topic, Message="x")

    wait_for(lambda: events(world, who="topic", what="not delivered"))
    assert not bodies(url)

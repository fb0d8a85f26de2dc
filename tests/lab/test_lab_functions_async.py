"""Asynchronous invocation: retries, failure destinations, dead letters, permissions of services."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.backends import get_backend

from lab.functions.engine import Denied, FunctionEngine
from lab.functions.permissions import permits
from lab.world import ACCOUNT, REGION, World
from tests.lab.lab_worlds import deploy, events, small_world, wait_for

BAD = "def handler(event, context):\n    raise ValueError('no')\n"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with small_world(tmp_path, scale=300.0) as made:
        yield made


def queue(name: str) -> tuple[str, str]:
    client = boto3.client("sqs")
    url = client.create_queue(QueueName=name)["QueueUrl"]
    return url, f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"


def received(url: str) -> list[dict[str, Any]]:
    return list(boto3.client("sqs").receive_message(QueueUrl=url, MessageAttributeNames=["All"]).get("Messages", []))


def test_an_event_is_tried_three_times_and_then_recorded_at_its_destination(world: World) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html"""
    url, arn = queue("failures")
    deploy("bad", BAD, allow={"sqs:SendMessage": arn})
    client = boto3.client("lambda")
    client.put_function_event_invoke_config(FunctionName="bad", DestinationConfig={"OnFailure": {"Destination": arn}})

    answer = client.invoke(FunctionName="bad", InvocationType="Event", Payload=b'{"a": 1}')
    message = wait_for(lambda: received(url))[0]

    assert answer["StatusCode"] == 202
    record = json.loads(message["Body"])
    assert record["requestContext"]["condition"] == "RetriesExhausted"
    assert record["requestContext"]["approximateInvokeCount"] == 3
    assert record["requestContext"]["functionArn"].endswith(":function:bad:$LATEST")
    assert record["requestPayload"] == {"a": 1}
    assert record["responseContext"] == {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"}
    assert record["responsePayload"]["errorType"] == "ValueError"


def test_the_waits_between_attempts_are_one_minute_and_then_two(world: World) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html"""
    deploy("bad", BAD)
    assert world.functions is not None

    world.functions.invoke_async("bad", {}, origin="a test")
    wait_for(lambda: events(world, what="event given up after 3 attempts"))
    times = [line["at"] for line in events(world, what="failed after")]
    starts = [line["at"] for line in events(world, what="invoked by")]

    assert starts[1] - times[0] >= 60 / 300 * 0.9
    assert starts[2] - times[1] >= 120 / 300 * 0.9


def test_the_number_of_retries_is_a_setting(world: World) -> None:
    """https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionEventInvokeConfig.html"""
    deploy("bad", BAD)
    client = boto3.client("lambda")
    client.put_function_event_invoke_config(FunctionName="bad", MaximumRetryAttempts=2)
    client.put_function_event_invoke_config(FunctionName="bad", MaximumRetryAttempts=0)

    client.invoke(FunctionName="bad", InvocationType="Event", Payload=b"{}")

    wait_for(lambda: events(world, what="event given up after 1 attempts"))


def test_a_dead_letter_is_the_event_itself_with_attributes(world: World) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html#invocation-dlq"""
    url, arn = queue("dead")
    deploy("bad", BAD, allow={"sqs:SendMessage": arn})
    get_backend("lambda")[ACCOUNT][REGION].get_function("bad").lab_kept = {"DeadLetterConfig": {"TargetArn": arn}}

    boto3.client("lambda").invoke(FunctionName="bad", InvocationType="Event", Payload=b'{"a": 1}')
    message = wait_for(lambda: received(url))[0]

    assert json.loads(message["Body"]) == {"a": 1}
    assert set(message["MessageAttributes"]) == {"RequestID", "ErrorCode", "ErrorMessage"}


def test_a_role_without_permission_loses_its_failed_events_and_the_journal_says_so(world: World) -> None:
    """Same page: the function's role needs sqs:SendMessage."""
    url, arn = queue("failures")
    deploy("bad", BAD)
    boto3.client("lambda").put_function_event_invoke_config(
        FunctionName="bad", MaximumRetryAttempts=0, DestinationConfig={"OnFailure": {"Destination": arn}}
    )

    boto3.client("lambda").invoke(FunctionName="bad", InvocationType="Event", Payload=b"{}")

    wait_for(lambda: events(world, what="a failed event could not be kept"))
    assert not received(url)


def test_a_service_needs_a_permission_for_its_source(world: World) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/permissions-function-services.html"""
    arn = deploy("fine", "def handler(event, context):\n    return 1\n")
    engine = world.functions
    assert isinstance(engine, FunctionEngine)
    alarm = f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:a"
    service = "lambda.alarms.cloudwatch.amazonaws.com"

    with pytest.raises(Denied):
        engine.invoke_by_service(arn, {}, service=service, source_arn=alarm, origin="alarm a")
    boto3.client("lambda").add_permission(
        FunctionName="fine", StatementId="a", Action="lambda:InvokeFunction", Principal=service, SourceArn=alarm
    )
    engine.invoke_by_service(arn, {}, service=service, source_arn=alarm, origin="alarm a")
    with pytest.raises(Denied):
        engine.invoke_by_service(arn, {}, service=service, source_arn=alarm + "b", origin="alarm ab")

    wait_for(lambda: events(world, what="done in"))
    assert len(events(world, who="lambda", what="may not invoke fine")) == 2


def test_an_unknown_condition_in_a_functions_policy_is_an_error_of_the_lab() -> None:
    statement = {
        "Effect": "Allow",
        "Action": "lambda:InvokeFunction",
        "Principal": {"Service": "s"},
        "Condition": {"Foo": {"aws:SourceArn": "x"}},
    }

    with pytest.raises(ValueError, match="Foo"):
        permits([statement], service="s", source_arn="x", account=ACCOUNT, function_arn="arn:aws:lambda:r:1:function:f")


def test_an_error_of_a_synchronous_call_inside_the_lab_is_its_text(world: World) -> None:
    deploy("bad", BAD)
    deploy("fine", "def handler(event, context):\n    return {'got': event}\n")
    assert world.functions is not None

    assert world.functions.invoke("fine", {"a": 1}, origin="a test") == ({"got": {"a": 1}}, None)
    result, error = world.functions.invoke("bad", {}, origin="a test")

    assert result is None
    assert error is not None
    assert "ValueError" in error

"""The cloud itself in trouble: events that come late and twice, functions out of order or dead between two effects."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto.server import ThreadedMotoServer

from lab.control_cloud import VERBS
from lab.emulator.pipeline import Pipeline
from lab.functions.engine import FunctionEngine
from lab.world import ACCOUNT, REGION, World
from tests.lab.lab_worlds import deploy, events, small_world, wait_for

pytestmark = pytest.mark.heavy
SAYS = "def handler(event, context):\n    print('RAN', context.aws_request_id)\n"
QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:work"
READS_QUEUE = {"sqs:ReceiveMessage": QUEUE, "sqs:DeleteMessage": QUEUE, "sqs:GetQueueAttributes": QUEUE}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with small_world(tmp_path, scale=60.0) as made:
        yield made


def do(world: World, verb: str, **arguments: Any) -> dict[str, Any]:
    return VERBS[verb](world, arguments)


def runs(world: World, name: str = "says") -> list[dict[str, Any]]:
    return events(world, who="main", what="invoked by", function=name)


class TestEventsThatComeLateAndTwice:
    """https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html"""

    def test_an_event_comes_once_for_each_delay_under_one_request_id(self, world: World) -> None:
        deploy("says", SAYS)
        client = boto3.client("lambda")
        client.invoke(FunctionName="says", Payload=b"{}")  # the first of all makes the runtime, which takes seconds
        do(world, "repeat-events", after_s=[6.0, 60.0])

        client.invoke(FunctionName="says", InvocationType="Event", Payload=b"{}")
        assert len(runs(world)) == 1
        _, first, second = wait_for(lambda: len(found := runs(world)) == 3 and found)

        assert first["request_id"] == second["request_id"]
        assert 0.5 < second["at"] - first["at"] < 30.0

    def test_a_message_is_given_a_second_time_although_it_was_deleted(self, world: World) -> None:
        """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/standard-queues-at-least-once-delivery.html"""
        url = boto3.client("sqs").create_queue(QueueName="work", Attributes={"VisibilityTimeout": "3600"})["QueueUrl"]
        deploy("says", SAYS, allow=READS_QUEUE)
        boto3.client("lambda").create_event_source_mapping(EventSourceArn=QUEUE, FunctionName="says")
        do(world, "repeat-events", after_s=[6.0, 60.0])

        boto3.client("sqs").send_message(QueueUrl=url, MessageBody="x")

        wait_for(lambda: len(runs(world)) == 2)

    def test_taken_back_each_comes_once(self, world: World) -> None:
        deploy("says", SAYS)
        do(world, "repeat-events", after_s=[6.0, 60.0])
        do(world, "repeat-events", after_s=[])

        boto3.client("lambda").invoke(FunctionName="says", InvocationType="Event", Payload=b"{}")
        wait_for(lambda: len(runs(world)) == 1)
        world.clock.wait(90.0)

        assert len(runs(world)) == 1


class TestAnOutage:
    def test_no_function_runs_and_what_was_asked_for_asynchronously_runs_afterwards(self, world: World) -> None:
        """System errors (500-series) are tried again for hours, as throttles are: the page on asynchronous errors, above."""
        deploy("says", SAYS)
        client = boto3.client("lambda")
        do(world, "outage", of=["functions", "alarms"])

        client.invoke(FunctionName="says", InvocationType="Event", Payload=b"{}")
        with pytest.raises(ClientError, match="ServiceException") as refused:
            client.invoke(FunctionName="says", Payload=b"{}")
        world.clock.wait(10.0)
        during = runs(world)
        do(world, "outage", of=[])

        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500
        assert during == []
        wait_for(lambda: len(runs(world)) == 1)

    def test_of_something_else_it_is_refused_by_name(self, world: World) -> None:
        with pytest.raises(ValueError, match="no outage of gravity; there are functions and alarms"):
            do(world, "outage", of=["gravity"])


# Two effects, and the word between them is lost with whoever had it.
TWO_EFFECTS = """
import boto3, os
def handler(event, context):
    table = boto3.client("dynamodb", endpoint_url=os.environ["EMULATOR"])
    for key in ("first", "second"):
        table.put_item(TableName="state", Item={"pk": {"S": key}})
"""


class TestDeathBetweenTwoEffects:
    @pytest.fixture
    def emulator(self, world: World) -> Iterator[str]:
        """moto's own server behind the lab's pipeline: functions are processes, and call over HTTP."""
        server = ThreadedMotoServer(port=0, verbose=False)
        server.start()
        host, port = server.get_host_and_port()
        inner = server._server
        assert inner is not None
        inner.app = Pipeline(world, inner.app, check=None, control=None)
        yield f"http://{host}:{port}"
        server.stop()

    def test_the_effect_lands_and_the_call_that_had_it_made_dies_once(self, world: World, emulator: str) -> None:
        boto3.client("dynamodb").create_table(
            TableName="state",
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        deploy("two", TWO_EFFECTS, Environment={"Variables": {"EMULATOR": emulator}})
        do(world, "crash", points=[["main", "dynamodb:PutItem"]])
        assert isinstance(world.functions, FunctionEngine)

        died = world.functions.run("two", b"{}", origin="a test")
        landed = boto3.client("dynamodb").scan(TableName="state")["Items"]
        again = world.functions.run("two", b"{}", origin="a test")

        assert json.loads(died.payload)["errorType"] == "Runtime.ExitError"
        assert landed == [{"pk": {"S": "first"}}]
        assert again.error is None
        assert [point["call"] for point in do(world, "crashed")["points"]] == ["dynamodb:PutItem"]

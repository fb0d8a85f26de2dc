"""Event source mappings: queues and table streams into functions."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.backends import get_backend

from lab.messaging import polled
from lab.messaging.batches import checkpoint, failed_items, halves
from lab.world import ACCOUNT, REGION, World
from tests.lab.lab_worlds import deploy, events, small_world, wait_for

QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:work"
READS_QUEUE = {"sqs:ReceiveMessage": QUEUE, "sqs:DeleteMessage": QUEUE, "sqs:GetQueueAttributes": QUEUE}
STREAM = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/state/stream/*"
READS_STREAM = {
    "dynamodb:DescribeStream": STREAM,
    "dynamodb:GetRecords": STREAM,
    "dynamodb:GetShardIterator": STREAM,
    "sqs:SendMessage": QUEUE,
}
NOTE = "def handler(event, context):\n    print('GOT', len(event['Records']))\n"
# Fails the records whose body or key says so, and reports them one by one.
PICKY = """
import json
def handler(event, context):
    bad = []
    for record in event["Records"]:
        if "dynamodb" in record:
            key, name = record["dynamodb"]["Keys"]["sk"]["S"], record["dynamodb"]["SequenceNumber"]
        else:
            key, name = record["body"], record["messageId"]
        print("SAW", key)
        if "bad" in key:
            bad.append({"itemIdentifier": name})
    return {"batchItemFailures": bad}
"""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with small_world(tmp_path, scale=60.0) as made:
        yield made


def work_queue(**attributes: str) -> str:
    """Functions run in real time while the queue's clock is 60 times as fast: so messages stay hidden for an hour of it."""
    settings = {"VisibilityTimeout": "3600", **attributes}
    return str(boto3.client("sqs").create_queue(QueueName="work", Attributes=settings)["QueueUrl"])


def send(url: str, *bodies: str, delay: int = 0) -> None:
    for body in bodies:
        boto3.client("sqs").send_message(QueueUrl=url, MessageBody=body, DelaySeconds=delay)


def left(url: str) -> int:
    queue = get_backend("sqs")[ACCOUNT][REGION].queues[url.rsplit("/", 1)[-1]]
    return len(queue._messages)


def seen(name: str, prefix: str) -> list[str]:
    group = get_backend("logs")[ACCOUNT][REGION].groups.get(f"/aws/lambda/{name}")
    lines = [event.message for stream in (group.streams.values() if group else ()) for event in stream.events]
    return [line.removeprefix(prefix).strip() for line in lines if line.startswith(prefix)]


def table() -> str:
    client = boto3.client("dynamodb")
    client.create_table(
        TableName="state",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}, {"AttributeName": "sk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )
    return str(client.describe_table(TableName="state")["Table"]["LatestStreamArn"])


def put(*keys: str, **more: str) -> None:
    for key in keys:
        item = {"pk": {"S": "p"}, "sk": {"S": key}, **{name: {"S": value} for name, value in more.items()}}
        boto3.client("dynamodb").put_item(TableName="state", Item=item)


def map_to(world: World, function: str, source: str, **settings: Any) -> str:
    answer = boto3.client("lambda").create_event_source_mapping(FunctionName=function, EventSourceArn=source, **settings)
    wait_for(lambda: answer["UUID"] in polled(world))  # a stream is read from then on
    return str(answer["UUID"])


@pytest.mark.parametrize(
    ("payload", "failed"),
    [
        (b"null", []),
        (b'{"batchItemFailures": []}', []),
        (b'{"batchItemFailures": [{"itemIdentifier": "b"}]}', ["b"]),
        (b'{"batchItemFailures": [{"itemIdentifier": ""}]}', ["a", "b", "c"]),
        (b'{"batchItemFailures": [{"itemIdentifier": null}]}', ["a", "b", "c"]),
        (b'{"batchItemFailures": [{"bad": "b"}]}', ["a", "b", "c"]),
        (b'{"batchItemFailures": [{"itemIdentifier": "unknown"}]}', ["a", "b", "c"]),
        (b'"text"', ["a", "b", "c"]),
    ],
)
def test_what_an_answer_to_a_batch_means(payload: bytes, failed: list[str]) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html, success and failure conditions."""
    assert failed_items(payload, ["a", "b", "c"], reports=True) == failed
    assert failed_items(payload, ["a", "b", "c"], reports=False) == []


def test_of_a_stream_the_lowest_failure_is_where_it_goes_on() -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html"""
    assert checkpoint(["c", "b"], ["a", "b", "c"]) == 1
    assert checkpoint([], ["a", "b"]) == 2
    assert halves(5) == (2, 3)


def test_messages_are_given_in_batches_and_deleted_on_success(world: World) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html"""
    url = work_queue()
    send(url, "a", "b", "c")
    deploy("reads", NOTE, allow=READS_QUEUE)

    map_to(world, "reads", QUEUE, BatchSize=10)

    wait_for(lambda: left(url) == 0)
    assert sum(map(int, seen("reads", "GOT "))) == 3


def test_a_delayed_message_comes_after_its_delay(world: World) -> None:
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-timers.html (clock 60 times as fast)."""
    url = work_queue()
    deploy("reads", NOTE, allow=READS_QUEUE)
    map_to(world, "reads", QUEUE)
    sent = time.time()

    send(url, "later", delay=60)
    line = wait_for(lambda: events(world, what="invoked by queue work"))[0]

    assert 0.95 <= line["at"] - sent < 30, "a second and a cold start, on a busy machine; nowhere near a real minute"


def test_a_failing_message_is_seen_again_and_ends_in_the_dead_letter_queue(world: World) -> None:
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html"""
    dead = boto3.client("sqs").create_queue(QueueName="dead")["QueueUrl"]
    redrive = json.dumps({"deadLetterTargetArn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:dead", "maxReceiveCount": 2})
    url = work_queue(RedrivePolicy=redrive, VisibilityTimeout="120")
    deploy("bad", "def handler(event, context):\n    raise ValueError('no')\n", allow=READS_QUEUE)
    map_to(world, "bad", QUEUE)

    send(url, "x")

    wait_for(lambda: left(dead) == 1)
    wait_for(lambda: len(events(world, what="invoked by queue work")) == 2)


def test_with_reported_failures_only_those_stay(world: World) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html"""
    url = work_queue()
    send(url, "good", "bad", "good too")
    deploy("picky", PICKY, allow=READS_QUEUE)

    map_to(world, "picky", QUEUE, BatchSize=10, FunctionResponseTypes=["ReportBatchItemFailures"])

    wait_for(lambda: len(seen("picky", "SAW ")) == 3 and left(url) == 1)


def test_without_the_roles_permission_nothing_is_read(world: World) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html, execution role permissions."""
    url = work_queue()
    send(url, "a")
    deploy("reads", NOTE)

    map_to(world, "reads", QUEUE)

    wait_for(lambda: events(world, who="mappings", what="may not sqs:ReceiveMessage"))
    assert left(url) == 1


def test_a_deleted_mapping_polls_no_more(world: World) -> None:
    url = work_queue()
    deploy("reads", NOTE, allow=READS_QUEUE)
    uuid = map_to(world, "reads", QUEUE)

    boto3.client("lambda").delete_event_source_mapping(UUID=uuid)
    wait_for(lambda: uuid not in polled(world))
    wait_for(lambda: not any(thread.name == "poll-work" for thread in threading.enumerate()))
    send(url, "a")
    time.sleep(0.5)

    assert left(url) == 1


def test_stream_records_that_a_filter_wants_wake_the_function(world: World) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/with-ddb-filtering.html; LATEST sees no earlier change."""
    stream = table()
    put("REQUEST#early")
    deploy("reads", PICKY, allow=READS_STREAM)
    pattern = {"eventName": ["INSERT"], "dynamodb": {"Keys": {"sk": {"S": [{"prefix": "REQUEST#"}]}}}}
    map_to(world, "reads", stream, StartingPosition="LATEST", FilterCriteria={"Filters": [{"Pattern": json.dumps(pattern)}]})

    put("REPORT#1", "REQUEST#1")
    put("REQUEST#1", x="y")

    put("REQUEST#2")  # in order: when this one is seen, nothing of the others is still to come
    wait_for(lambda: "REQUEST#2" in seen("reads", "SAW "))

    assert seen("reads", "SAW ") == ["REQUEST#1", "REQUEST#2"]
    assert events(world, kind="delay", name="stream_poll")


def test_trim_horizon_begins_with_what_the_stream_still_has(world: World) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-eventsourcemapping.html"""
    stream = table()
    put("a", "b")
    deploy("reads", PICKY, allow=READS_STREAM)

    map_to(world, "reads", stream, StartingPosition="TRIM_HORIZON")

    wait_for(lambda: seen("reads", "SAW ") == ["a", "b"])


def test_a_bad_record_is_retried_within_bounds_and_reported_and_the_stream_goes_on(world: World) -> None:
    """https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html"""
    stream, url = table(), work_queue()
    deploy("picky", PICKY, allow=READS_STREAM)
    put("a", "bad", "c")
    map_to(
        world,
        "picky",
        stream,
        StartingPosition="TRIM_HORIZON",
        MaximumRetryAttempts=1,
        BisectBatchOnFunctionError=True,
        FunctionResponseTypes=["ReportBatchItemFailures"],
        DestinationConfig={"OnFailure": {"Destination": QUEUE}},
    )

    wait_for(lambda: left(url) == 1 and seen("picky", "SAW ")[-1] == "c")
    record = json.loads(boto3.client("sqs").receive_message(QueueUrl=url)["Messages"][0]["Body"])

    assert record["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert record["DDBStreamBatchInfo"]["batchSize"] == 1
    assert record["DDBStreamBatchInfo"]["streamArn"] == stream
    assert seen("picky", "SAW ").count("a") == 1


def test_dropped_events_take_the_stream_along(world: World) -> None:
    stream = table()
    deploy("reads", PICKY, allow=READS_STREAM)
    map_to(world, "reads", stream, StartingPosition="LATEST")
    world.drop_events = True

    put("lost")

    wait_for(lambda: events(world, who="stream", what="dropped: 1 records"))
    world.drop_events = False
    put("found")
    wait_for(lambda: seen("reads", "SAW ") == ["found"])


def test_a_write_that_changes_nothing_makes_no_record(world: World) -> None:
    """https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html"""
    table()
    put("a")
    put("a")

    assert len(get_backend("dynamodb")[ACCOUNT][REGION].tables["state"].stream_shard.items) == 1

"""Where the engines lean on the inside of the pinned moto: what they expect to find there."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path

import boto3
import moto.awslambda.models as lambda_models
import moto.cloudwatch.models as cloudwatch_models
import moto.dynamodb.models.table as table_models
import moto.events.models as event_models
import moto.sns.models as sns_models
import moto.sqs.models as sqs_models
import pytest
from moto.backends import get_backend

from lab.patching import original_of
from lab.world import ACCOUNT, REGION, World
from tests.lab.lab_worlds import deploy, small_world


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with small_world(tmp_path, started=False) as made:
        yield made


@pytest.mark.parametrize(
    ("owner", "name", "parameters"),
    [
        (lambda_models.LambdaFunction, "invoke", ["self", "body", "request_headers", "response_headers"]),
        (lambda_models.LambdaBackend, "put_function_event_invoke_config", ["self", "function_name", "config"]),
        (event_models.EventsBackend, "put_events", ["self", "events"]),
        (event_models.Rule, "send_to_targets", ["self", "original_event", "transform_input"]),
        (
            sns_models.Topic,
            "publish",
            ["self", "message", "subject", "message_attributes", "group_id", "deduplication_id", "message_structure"],
        ),
        (sqs_models.Queue, "add_message", ["self", "message"]),
        (sqs_models.Queue, "delete_message", ["self", "receipt_handle"]),
        (sqs_models.Message, "change_visibility", ["self", "visibility_timeout"]),
        (sqs_models.Message, "delay", ["self", "delay_seconds"]),
        (table_models.StreamShard, "add", ["self", "old", "new"]),
        (table_models.StreamShard, "get", ["self", "start", "quantity"]),
        (table_models.StreamRecord, "__init__", ["self", "table", "stream_type", "event_name", "old", "new", "seq"]),
        (cloudwatch_models.CloudWatchBackend, "put_metric_data", ["self", "namespace", "metric_data"]),
        (cloudwatch_models.CloudWatchBackend, "set_alarm_state", ["self", "alarm_name", "reason", "reason_data", "state_value"]),
    ],
)
def test_what_is_replaced_still_looks_as_it_did(owner: type, name: str, parameters: list[str]) -> None:
    assert list(inspect.signature(original_of(owner, name)).parameters) == parameters


def test_receive_and_alarm_still_begin_as_they_did() -> None:
    receive = original_of(sqs_models.SQSBackend, "receive_message")
    alarm = original_of(cloudwatch_models.CloudWatchBackend, "put_metric_alarm")

    assert list(inspect.signature(receive).parameters)[:4] == ["self", "queue_name", "count", "wait_seconds_timeout"]
    assert list(inspect.signature(alarm).parameters)[:2] == ["self", "name"]


def test_a_function_object_has_what_is_read_from_it(world: World) -> None:
    deploy("f", "def handler(event, context):\n    return 1\n")
    fn = get_backend("lambda")[ACCOUNT][REGION].get_function("f")

    for name in ("code_bytes", "handler", "run_time", "role", "timeout", "memory_size", "environment_vars", "vpc_config", "layers"):
        assert hasattr(fn, name), name
    for name in ("reserved_concurrency", "event_invoke_config", "logs_group_name", "last_modified", "version", "function_arn"):
        assert hasattr(fn, name), name
    assert fn.policy.statements == []


def test_a_mapping_object_has_what_is_read_from_it(world: World) -> None:
    boto3.client("sqs").create_queue(QueueName="q")
    deploy("f", "def handler(event, context):\n    return 1\n")
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:q"
    uuid = boto3.client("lambda").create_event_source_mapping(FunctionName="f", EventSourceArn=arn)["UUID"]
    esm = get_backend("lambda")[ACCOUNT][REGION]._event_source_mappings[uuid]

    for name in ("batch_size", "enabled", "event_source_arn", "function_arn", "starting_position", "max_batch_window", "filter_criteria"):
        assert hasattr(esm, name), name
    for name in ("function_response_types", "max_retry_attempts", "max_record_age", "bisect_on_error", "destination_config"):
        assert hasattr(esm, name), name


def test_a_message_keeps_system_attributes_as_receivers_are_given_them(world: World) -> None:
    """The tracing header is put there (lab.messaging.queues)."""
    url = boto3.client("sqs").create_queue(QueueName="q")["QueueUrl"]
    header = {"AWSTraceHeader": {"DataType": "String", "StringValue": "Root=1-a"}}
    boto3.client("sqs").send_message(QueueUrl=url, MessageBody="x", MessageSystemAttributes=header)

    (message,) = get_backend("sqs")[ACCOUNT][REGION].queues["q"]._messages
    assert message.system_attributes == header


def test_moto_delivers_nothing_by_itself(world: World) -> None:
    """Else a message would reach a function twice, once inside the caller's request."""
    client = boto3.client("sqs")
    url = client.create_queue(QueueName="q")["QueueUrl"]
    deploy("f", "def handler(event, context):\n    return 1\n")
    boto3.client("lambda").create_event_source_mapping(FunctionName="f", EventSourceArn=f"arn:aws:sqs:{REGION}:{ACCOUNT}:q")

    client.send_message(QueueUrl=url, MessageBody="x")

    assert len(get_backend("sqs")[ACCOUNT][REGION].queues["q"]._messages) == 1


def test_rules_keep_what_targets_need(world: World) -> None:
    client = boto3.client("events")
    client.put_rule(Name="r", EventPattern='{"source": ["x"]}')
    target = {
        "Id": "1",
        "Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:q",
        "Input": "{}",
        "RetryPolicy": {"MaximumRetryAttempts": 1, "MaximumEventAgeInSeconds": 60},
        "DeadLetterConfig": {"Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:dead"},
    }
    client.put_targets(Rule="r", Targets=[target])
    rule = get_backend("events")[ACCOUNT][REGION].event_buses["default"].rules["r"]

    assert rule.targets == [target]
    assert rule.event_pattern.get_pattern() == {"source": ["x"]}
    assert rule.arn == f"arn:aws:events:{REGION}:{ACCOUNT}:rule/r"

"""Recursive loops, as Lambda detects and stops them: https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html

The functions are real processes that call the emulator with boto3, which passes the tracing header on by itself.
"""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lab import tracing
from lab.journal import read
from lab.world import ACCOUNT, REGION
from tests.lab.emulator_process import Emulator, emulator
from tests.lab.lab_worlds import wait_for

ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:"
# Prints how far it is, and calls itself again in the way that HOW says, LAST times at most.
CODE = """
import json, os, boto3
def handler(event, context):
    record = event["Records"][0] if "Records" in event else {}
    turn = json.loads(record["body"] if "body" in record else record["Sns"]["Message"] if record else json.dumps(event))["turn"]
    print("TURN", turn)
    if turn >= int(os.environ["LAST"]):
        return turn
    again, how, target = json.dumps({"turn": turn + 1}), os.environ["HOW"], os.environ["TARGET"]
    if how == "queue":
        boto3.client("sqs").send_message(QueueUrl=target, MessageBody=again, DelaySeconds=0)
    elif how == "topic":
        boto3.client("sns").publish(TopicArn=target, Message=again)
    elif how == "waits":
        answer = boto3.client("lambda").invoke(FunctionName=target, Payload=again.encode())
        return json.load(answer["Payload"])
    else:
        boto3.client("lambda").invoke(FunctionName=target, InvocationType="Event", Payload=again.encode())
"""


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    os.environ["LAB_DELAY_COLD_START"] = "0.01"
    try:
        with emulator(tmp_path_factory.mktemp("lab"), "--engines", "functions,messaging,metrics") as running:
            yield running
    finally:
        os.environ.pop("LAB_DELAY_COLD_START")


def function(aws: Emulator, name: str, how: str, target: str, *, last: int = 30, **settings: Any) -> str:
    """Its ARN; its role may do all that these tests need."""
    iam, buffer = aws.api("iam"), io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("main.py", CODE)
    role = iam.create_role(RoleName=f"{name}-role", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    allow = {"Effect": "Allow", "Action": ["sqs:*", "sns:*", "lambda:*"], "Resource": "*"}
    iam.put_role_policy(
        RoleName=f"{name}-role", PolicyName="all", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [allow]})
    )
    made = aws.api("lambda").create_function(
        FunctionName=name,
        Runtime="python3.11",
        Role=role,
        Handler="main.handler",
        Code={"ZipFile": buffer.getvalue()},
        Timeout=60,
        Environment={"Variables": {"HOW": how, "TARGET": target, "LAST": str(last)}},
        **settings,
    )
    return str(made["FunctionArn"])


def queue(aws: Emulator, name: str, **attributes: str) -> tuple[str, str]:
    url = aws.api("sqs").create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    return str(url), f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"


def said(aws: Emulator, name: str, what: str) -> int:
    lines, _ = read(aws.folder / "journal.jsonl")
    return sum(line.get("function") == name and what in str(line.get("what", "")) for line in lines)


def dropped(aws: Emulator, name: str) -> float:
    now = datetime.now(UTC)
    found = aws.api("cloudwatch").get_metric_statistics(
        Namespace="AWS/Lambda",
        MetricName="RecursiveInvocationsDropped",
        Dimensions=[{"Name": "FunctionName", "Value": name}],
        StartTime=now - timedelta(hours=1),
        EndTime=now + timedelta(hours=1),
        Period=3600,
        Statistics=["Sum"],
    )
    return float(sum(point["Sum"] for point in found["Datapoints"]))


def own_queue(aws: Emulator, name: str, *, last: int = 30) -> tuple[str, str]:
    """A function that sends to the queue which feeds it: the queue's URL, and the URL of its dead letters."""
    dead, dead_arn = queue(aws, f"{name}-dead")
    redrive = json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": 2})
    url, arn = queue(aws, name, VisibilityTimeout="8", RedrivePolicy=redrive)
    function(aws, name, "queue", url, last=last)
    aws.api("lambda").invoke(FunctionName=name, Payload=b'{"turn": 99}')  # warm: no message is to be seen twice meanwhile
    aws.api("lambda").create_event_source_mapping(FunctionName=name, EventSourceArn=arn, BatchSize=1)
    return url, dead


def test_a_function_that_feeds_its_own_queue_is_not_invoked_a_seventeenth_time(aws: Emulator) -> None:
    """The message is received again and again, as after any failure, until the queue's redrive policy puts it with the dead letters."""
    url, dead = own_queue(aws, "feeds")
    sqs = aws.api("sqs")

    sqs.send_message(QueueUrl=url, MessageBody='{"turn": 1}')
    letter = wait_for(lambda: sqs.receive_message(QueueUrl=dead, MessageSystemAttributeNames=["AWSTraceHeader"]).get("Messages"))[0]

    assert json.loads(letter["Body"]) == {"turn": 17}
    assert said(aws, "feeds", "invoked by queue feeds") == 16
    assert said(aws, "feeds", "stopped: a recursive loop") == 2, "as often as the redrive policy allows"
    assert dropped(aws, "feeds") == 2
    assert "Lineage=" in letter["Attributes"]["AWSTraceHeader"]


def test_a_new_event_is_a_new_chain(aws: Emulator) -> None:
    """Same page: a chain of requests is what one triggering event causes."""
    url, _ = own_queue(aws, "short", last=10)
    for _ in range(2):
        aws.api("sqs").send_message(QueueUrl=url, MessageBody='{"turn": 1}')

    wait_for(lambda: said(aws, "short", "done in") == 21)  # and the one that warmed it

    assert said(aws, "short", "stopped") == 0


def test_a_function_whose_setting_allows_it_goes_on_and_nothing_is_counted(aws: Emulator) -> None:
    """Same page, "Allowing a Lambda function to run in a recursive loop": then the metric is not emitted either."""
    url, _ = own_queue(aws, "allowed", last=20)
    aws.api("lambda").put_function_recursion_config(FunctionName="allowed", RecursiveLoop="Allow")

    aws.api("sqs").send_message(QueueUrl=url, MessageBody='{"turn": 1}')
    wait_for(lambda: said(aws, "allowed", "done in") == 21)  # and the one that warmed it

    assert dropped(aws, "allowed") == 0


@pytest.mark.parametrize("how", ["topic", "invokes"])
def test_loops_over_a_topic_and_over_asynchronous_invocation_end_at_the_failure_destination(aws: Emulator, how: str) -> None:
    """Same page: the event of the stopped invocation goes to the function's on-failure destination."""
    lost, lost_arn = queue(aws, f"{how}-lost")
    api, sns = aws.api("lambda"), aws.api("sns")
    topic = sns.create_topic(Name=how)["TopicArn"]
    arn = function(aws, how, how, topic if how == "topic" else how)
    api.put_function_event_invoke_config(FunctionName=how, DestinationConfig={"OnFailure": {"Destination": lost_arn}})
    api.add_permission(FunctionName=how, StatementId="t", Action="lambda:InvokeFunction", Principal="sns.amazonaws.com", SourceArn=topic)
    sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=arn)

    api.invoke(FunctionName=how, InvocationType="Event", Payload=b'{"turn": 1}')
    record = json.loads(wait_for(lambda: aws.api("sqs").receive_message(QueueUrl=lost).get("Messages"))[0]["Body"])

    assert "17" in json.dumps(record["requestPayload"])
    assert said(aws, how, "invoked by") == 16
    assert said(aws, how, "stopped: a recursive loop") == 1, "it is not tried again"


def test_whoever_invokes_and_waits_is_told(aws: Emulator) -> None:
    """https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html, RecursiveInvocationException (400)."""
    api, arn = aws.api("lambda"), function(aws, "waits", "waits", "waits")
    header = ""
    for _ in range(15):  # sixteen that wait for each other would be sixteen processes
        header = tracing.counted(header, arn, trace_id="1-5759e988-bd862e3fe1be46a994272793")

    def as_the_sixteenth(params: dict[str, Any], **_: Any) -> None:
        params["headers"]["X-Amzn-Trace-Id"] = header

    api.meta.events.register("before-call.lambda.Invoke", as_the_sixteenth)
    try:
        answer = api.invoke(FunctionName="waits", Payload=b'{"turn": 16}')
    finally:
        api.meta.events.unregister("before-call.lambda.Invoke", as_the_sixteenth)

    assert "RecursiveInvocationException" in answer["Payload"].read().decode()
    assert said(aws, "waits", "invoked by") == 1


def test_the_setting_is_terminate_until_it_is_changed(aws: Emulator) -> None:
    """https://docs.aws.amazon.com/lambda/latest/api/API_GetFunctionRecursionConfig.html and ..._PutFunctionRecursionConfig.html"""
    api, name = aws.api("lambda"), "settled"
    function(aws, name, "queue", "none")

    assert api.get_function_recursion_config(FunctionName=name)["RecursiveLoop"] == "Terminate"
    assert api.put_function_recursion_config(FunctionName=name, RecursiveLoop="Allow")["RecursiveLoop"] == "Allow"
    api.update_function_configuration(FunctionName=name, Timeout=9)
    assert api.get_function_recursion_config(FunctionName=name)["RecursiveLoop"] == "Allow"
    with pytest.raises(api.exceptions.InvalidParameterValueException):
        api.put_function_recursion_config(FunctionName=name, RecursiveLoop="Sometimes")
    with pytest.raises(api.exceptions.ResourceNotFoundException):
        api.get_function_recursion_config(FunctionName="nobody")


def test_each_function_of_a_chain_is_counted_by_itself_and_beside_others_in_the_tracing_header() -> None:
    """https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader"""
    first = tracing.counted("", ARN + "a", trace_id="1-5759e988-bd862e3fe1be46a994272793")
    both = tracing.counted(tracing.counted(first, ARN + "b", trace_id="x"), ARN + "a", trace_id="x")

    assert (tracing.count("", ARN + "a"), tracing.count(first, ARN + "a"), tracing.count(first, ARN + "b")) == (0, 1, 0)
    assert (tracing.count(both, ARN + "a"), tracing.count(both, ARN + "b")) == (2, 1)
    assert both.startswith("Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=0;Lineage=")


def test_of_a_batch_the_longest_chain_of_each_function_counts() -> None:
    a = tracing.counted("", ARN + "a", trace_id="1-0-a")
    b = tracing.counted(tracing.counted("", ARN + "b", trace_id="1-0-b"), ARN + "b", trace_id="x")

    merged = tracing.of_batch(["", a, b])

    assert (tracing.count(merged, ARN + "a"), tracing.count(merged, ARN + "b")) == (1, 2)
    assert tracing.of_batch([""]) == ""


@pytest.mark.parametrize("header", ["nonsense", "Root=;Lineage", "Lineage=x", "Lineage=a:b:c|:", "Self=1;Root=1-a;Lineage=1:fe460cdd:0"])
def test_a_header_that_somebody_else_made_up_counts_nothing(header: str) -> None:
    assert tracing.count(header, ARN + "a") == 0
    assert tracing.count(tracing.counted(header, ARN + "a", trace_id="1-a"), ARN + "a") == 1

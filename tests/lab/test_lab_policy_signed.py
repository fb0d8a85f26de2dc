"""Requests as the real SDK signs them: whose they are, whether anybody changed them, and what the policies say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSPreparedRequest

from lab.clock import Clock
from lab.delays import Delays
from lab.journal import Journal, read
from lab.policy import enforce
from lab.principals import Credentials
from lab.world import World
from tests.lab.test_lab_policy import FixedDirectory, statement


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(lab_dir=tmp_path, clock=Clock(), journal=Journal(tmp_path / "journal.jsonl"), delays=Delays())


def signed(who: Credentials, service: str, operation: str, **parameters: Any) -> AWSPreparedRequest:
    """The request that the real SDK would send."""
    client = boto3.client(
        service,
        endpoint_url="http://localhost:4566",
        region_name="us-east-1",
        aws_access_key_id=who.access_key,
        aws_secret_access_key=who.secret_key,
        aws_session_token=who.token,
    )
    caught: list[AWSPreparedRequest] = []

    class Stop(Exception):
        pass

    def stop(request: AWSPreparedRequest, **_: Any) -> None:
        caught.append(request)
        raise Stop

    client.meta.events.register("before-send.*", stop)
    with pytest.raises(Stop):
        getattr(client, operation)(**parameters)
    return caught[0]


def environ_of(request: AWSPreparedRequest) -> tuple[dict[str, Any], bytes]:
    path, _, query = request.url.split("//", 1)[1].partition("/")[2].partition("?")
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "RAW_URI": f"/{path}" + (f"?{query}" if query else ""),
        "QUERY_STRING": query,
    }
    environ["HTTP_HOST"] = "localhost:4566"
    for name, value in request.headers.items():
        text = value.decode() if isinstance(value, bytes) else str(value)
        key = name.upper().replace("-", "_")
        environ[key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"] = text
    body = request.body or b""
    if hasattr(body, "read"):
        body = body.read()
    return environ, body.encode() if isinstance(body, str) else bytes(body)


@pytest.fixture
def policies(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    documents: list[dict[str, Any]] = []
    monkeypatch.setattr(enforce, "role_policies", lambda arn: documents)
    monkeypatch.setattr(enforce, "_directory", lambda _id, _world: FixedDirectory())
    return documents


CALLS: list[tuple[str, str, dict[str, Any], str]] = [
    ("dynamodb", "put_item", {"TableName": "state", "Item": {"pk": {"S": "NODE#d#a"}, "sk": {"S": "x"}}}, "dynamodb:PutItem"),
    ("s3", "get_object", {"Bucket": "bucket", "Key": "a folder/é+ü.zip"}, "s3:GetObject"),
    ("s3", "put_object", {"Bucket": "bucket", "Key": "evidence/d/a/x", "Body": b"hello"}, "s3:PutObject"),
    ("ec2", "terminate_instances", {"InstanceIds": ["i-1"]}, "ec2:TerminateInstances"),
    ("autoscaling", "set_instance_health", {"InstanceId": "i-1", "HealthStatus": "Unhealthy"}, "autoscaling:SetInstanceHealth"),
    ("lambda", "invoke", {"FunctionName": "f", "Payload": b"{}"}, "lambda:InvokeFunction"),
    ("sqs", "send_message", {"QueueUrl": "http://localhost:4566/123456789012/q", "MessageBody": "x"}, "sqs:SendMessage"),
    ("sns", "publish", {"TopicArn": "arn:aws:sns:us-east-1:123456789012:t", "Message": "é & <x>"}, "sns:Publish"),
    ("route53", "list_resource_record_sets", {"HostedZoneId": "Z1"}, "route53:ListResourceRecordSets"),
    ("route53", "get_change", {"Id": "/change/C1"}, "route53:GetChange"),
    ("cloudwatch", "describe_alarms", {"StateValue": "ALARM"}, "cloudwatch:DescribeAlarms"),
]


@pytest.mark.parametrize(("service", "operation", "parameters", "action"), CALLS, ids=[c[1] for c in CALLS])
def test_what_the_real_sdk_signs_is_verified_and_judged(
    world: World, policies: list[dict[str, Any]], service: str, operation: str, parameters: dict[str, Any], action: str
) -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html"""
    who = world.principals.issue("arn:aws:iam::123456789012:role/r", "i-1", now=world.clock.now())
    environ, body = environ_of(signed(who, service, operation, **parameters))

    refused = enforce.check(world, environ, body)
    assert refused is not None
    assert refused.status_code in (400, 403), refused.get_data()
    assert action in refused.get_data(as_text=True) or refused.content_type == "application/cbor"

    policies.append(statement(action))
    assert enforce.check(world, environ, body) is None


RECORDS = "route53:ChangeResourceRecordSets"
ONE_RECORD = {
    f"{RECORDS}NormalizedRecordNames": ["counter.inside.internal"],
    f"{RECORDS}RecordTypes": ["A"],
    f"{RECORDS}Actions": ["UPSERT"],
}


@pytest.mark.parametrize(
    ("changes", "allowed"),
    [
        ([("UPSERT", "counter.inside.internal", "A")], True),
        ([("UPSERT", "Counter.Inside.internal.", "A")], True),
        ([("DELETE", "counter.inside.internal", "A")], False),
        ([("UPSERT", "other.inside.internal", "A")], False),
        ([("UPSERT", "counter.inside.internal", "TXT")], False),
        ([("UPSERT", "counter.inside.internal", "A"), ("UPSERT", "inside.internal", "A")], False),
    ],
)
def test_changes_of_records_are_judged_by_name_type_and_action_of_each(
    world: World, policies: list[dict[str, Any]], changes: list[tuple[str, str, str]], allowed: bool
) -> None:
    """https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/specifying-rrset-conditions.html"""
    policies.append(statement(RECORDS, "arn:aws:route53:::hostedzone/Z1", **{"ForAllValues:StringEquals": ONE_RECORD}))
    who = world.principals.issue("arn:aws:iam::123456789012:role/r", "i-1", now=world.clock.now())
    batch = [
        {"Action": action, "ResourceRecordSet": {"Name": name, "Type": kind, "TTL": 10, "ResourceRecords": [{"Value": "10.0.0.1"}]}}
        for action, name, kind in changes
    ]

    def refused(zone: str) -> bool:
        environ, body = environ_of(signed(who, "route53", "change_resource_record_sets", HostedZoneId=zone, ChangeBatch={"Changes": batch}))
        return enforce.check(world, environ, body) is not None

    assert refused("Z1") is not allowed
    assert refused("Z2"), "another zone"


def test_a_body_changed_after_signing_is_refused(world: World, policies: list[dict[str, Any]]) -> None:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html"""
    policies.append(statement("*"))
    who = world.principals.issue("arn:aws:iam::123456789012:role/r", "i-1", now=world.clock.now())
    environ, body = environ_of(signed(who, "dynamodb", "get_item", TableName="state", Key={"pk": {"S": "a"}}))

    refused = enforce.check(world, environ, body.replace(b"a", b"b"))

    assert refused is not None
    assert b"SignatureDoesNotMatch" in refused.get_data()


def test_a_key_that_was_never_issued_and_an_expired_one_are_refused(world: World, policies: list[dict[str, Any]]) -> None:
    """https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html"""
    policies.append(statement("*"))
    made_up = Credentials("ASIAUNKNOWN", "s", "t", 0, "arn:aws:iam::1:role/r", "x")
    old = world.principals.issue("arn:aws:iam::123456789012:role/r", "i-1", now=world.clock.now() - 100, lifetime_s=50)

    for who, code in ((made_up, "InvalidClientTokenId"), (old, "ExpiredToken")):
        environ, body = environ_of(signed(who, "dynamodb", "get_item", TableName="state", Key={"pk": {"S": "a"}}))
        refused = enforce.check(world, environ, body)
        assert refused is not None
        assert code in json.loads(refused.get_data())["__type"]


def test_a_call_that_cannot_be_judged_is_said_loudly(world: World, policies: list[dict[str, Any]]) -> None:
    policies.append(statement("ec2:RunInstances"))
    who = world.principals.issue("arn:aws:iam::123456789012:role/r", "i-1", now=world.clock.now())
    environ, body = environ_of(signed(who, "ec2", "describe_instances"))
    policies.append(statement("ec2:DescribeInstances", StringEquals={"aws:MoonPhase": "full"}))

    refused = enforce.check(world, environ, body)

    assert refused is not None
    assert refused.status_code == 501
    lines, _ = read(world.journal.path)
    assert lines[-1]["what"] == "lab error"
    assert "MoonPhase" in lines[-1]["why"]

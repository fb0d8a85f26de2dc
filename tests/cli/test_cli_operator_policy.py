"""What an operator's policy lets through, judged as AWS does: intents and reading, and nothing that decides or ends anything."""

from __future__ import annotations

import json

import pytest

from core.report.operating import operator_policy
from lab.policy.matching import Ask, rule
from tests.cli.operators_world import FakeAws, aws, run

__all__ = ["aws"]  # a fixture
TABLE = "arn:aws:dynamodb:us-east-1:123456789012:table/state"
STACK = "arn:aws:cloudformation:us-east-1:123456789012:stack/understudy-demo/0a1b"
POLICY = operator_policy(
    "demo", ["counter"], stack_id=STACK, table="state", topic="arn:aws:sns:us-east-1:123456789012:people", bucket="state-bucket"
)


def may(action: str, resource: str = TABLE, **context: str) -> bool:
    keys = {"dynamodb:leadingkeys": (context["key"],)} if "key" in context else {}
    return rule([POLICY], Ask(action, resource, keys)).allowed


@pytest.mark.parametrize(
    "key", ["INTENT#demo", "PERMIT#demo#counter", "NODE#demo#counter", "INCIDENT#demo#counter", "HISTORY#demo", "BUDGET"]
)
def test_an_operator_reads_all_of_the_deployable(key: str) -> None:
    assert may("dynamodb:Query", key=key)
    assert may("dynamodb:GetItem", key=key)


def test_an_operator_writes_intents_and_nothing_else() -> None:
    assert may("dynamodb:PutItem", key="INTENT#demo")
    for key in ("PERMIT#demo#counter", "INCIDENT#demo#counter", "NODE#demo#counter", "BUDGET", "INTENT#ledger"):
        assert not may("dynamodb:PutItem", key=key), key


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("ec2:TerminateInstances", "arn:aws:ec2:us-east-1:123456789012:instance/i-0aaa"),
        ("ec2:DescribeInstances", "*"),
        ("autoscaling:SuspendProcesses", "*"),
        ("dynamodb:DeleteItem", TABLE),
        ("dynamodb:Scan", TABLE),
        ("s3:GetObject", "arn:aws:s3:::state-bucket/state/demo/counter/x"),
        ("s3:PutObject", "arn:aws:s3:::state-bucket/evidence/demo/x"),
        ("cloudformation:DeleteStack", STACK),
    ],
)
def test_an_operator_ends_and_changes_nothing(action: str, resource: str) -> None:
    assert not may(action, resource, key="INTENT#demo")


def test_an_operator_finds_the_table_the_evidence_and_who_is_told() -> None:
    assert may("cloudformation:DescribeStacks", STACK)
    assert may("s3:GetObject", "arn:aws:s3:::state-bucket/evidence/demo/counter/i-0aaa/1.json")
    assert may("sns:ListSubscriptionsByTopic", "arn:aws:sns:us-east-1:123456789012:people")
    assert not may("s3:GetObject", "arn:aws:s3:::state-bucket/evidence/ledger/x")


def test_the_command_prints_it_for_the_stack_that_it_finds(aws: FakeAws, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("operator-policy") == 0
    told = json.loads(capsys.readouterr().out)
    assert [s["Sid"] for s in told["Statement"]] == ["ReadTheDeployable", "SayAWord", "FindTheTable", "SeeWhoIsTold", "ReadTheEvidence"]

    assert run("operator-policy", "--table", "state", "--deployable", "demo", "--assembly", "counter") == 2


def test_what_is_no_stack_is_refused() -> None:
    with pytest.raises(ValueError, match="is no stack's ARN"):
        operator_policy("demo", ["counter"], stack_id="understudy-demo", table="state")

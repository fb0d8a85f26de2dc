"""`understudy diff` against moto's CloudFormation; what synth would write is handed in."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from cli import diff
from cli.programs import Trouble

DEMO = Path(__file__).resolve().parents[2] / "deployables" / "demo.yaml"
STACK = "understudy-demo"
TEMPLATE: dict[str, Any] = {"Resources": {"People": {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": "one"}}}}


@pytest.fixture
def wanted(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """What the file's template is; the test changes it."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    template = copy.deepcopy(TEMPLATE)
    monkeypatch.setattr(diff, "synthesized", lambda file, stack: template)
    with mock_aws():
        yield template


def deploy() -> None:
    boto3.client("cloudformation").create_stack(StackName=STACK, TemplateBody=json.dumps(TEMPLATE))


def test_what_is_not_deployed_is_said_to_interrupt_nothing(wanted: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert diff.diff(DEMO, as_json=False) == diff.DIFFERS
    assert "understudy-demo is not deployed: a deploy makes all of its 1 resources" in capsys.readouterr().out


def test_nothing_changed_is_said_and_is_status_0(wanted: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    deploy()

    assert diff.diff(DEMO, as_json=False) == diff.SAME
    assert capsys.readouterr().out == "understudy-demo: nothing changed; a deploy would do nothing\n"


def test_a_change_in_place_is_named_and_is_status_1(wanted: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    deploy()
    wanted["Resources"]["People"]["Properties"]["DisplayName"] = "two"

    assert diff.diff(DEMO, as_json=False) == diff.DIFFERS
    said = capsys.readouterr().out
    assert "a deploy would interrupt nothing" in said
    assert "changed without interruption: SNS Topic People (DisplayName)" in said


def test_a_node_that_would_be_replaced_is_told_with_how_long_clients_wait(
    wanted: dict[str, Any], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    group = {"Type": "AWS::AutoScaling::AutoScalingGroup", "Properties": {"Tags": [{"Key": "understudy:assembly", "Value": "counter"}]}}
    monkeypatch.setattr(diff, "template_of", lambda stack: {"Resources": {"Group": group}})
    wanted["Resources"] = {"Group": copy.deepcopy(group)}
    wanted["Resources"]["Group"]["Properties"]["VPCZoneIdentifier"] = ["subnet-2"]

    assert diff.diff(DEMO, as_json=False) == diff.DIFFERS
    assert "counter: its node is replaced, clients wait about 29 s (VPCZoneIdentifier changed)" in capsys.readouterr().out
    diff.diff(DEMO, as_json=True)
    (change,) = json.loads(capsys.readouterr().out)["changes"]
    assert (change["effect"], round(change["gap_s"])) == ("rolled", 29)


def test_other_contents_of_a_node_are_told_in_words(
    wanted: dict[str, Any], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    tags = [{"Key": "understudy:assembly", "Value": "counter"}]
    resources = {
        "Node": {"Type": "AWS::EC2::LaunchTemplate", "Properties": {"LaunchTemplateData": {"UserData": "one"}}},
        "Group": {"Type": "AWS::AutoScaling::AutoScalingGroup", "Properties": {"Tags": tags, "LaunchTemplate": {"Ref": "Node"}}},
    }
    monkeypatch.setattr(diff, "template_of", lambda stack: {"Resources": resources})
    wanted["Resources"] = copy.deepcopy(resources)
    wanted["Resources"]["Node"]["Properties"]["LaunchTemplateData"]["UserData"] = "two"

    diff.diff(DEMO, as_json=False)

    assert "counter: its node is replaced, clients wait about 29 s (what it boots with changed)" in capsys.readouterr().out


def test_a_cloud_that_does_not_answer_is_trouble(wanted: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise ValueError("Invalid endpoint")

    monkeypatch.setattr(boto3, "client", refuse)

    with pytest.raises(Trouble, match="could not be asked for understudy-demo"):
        diff.diff(DEMO, as_json=False)

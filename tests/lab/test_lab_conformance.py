"""The check after a deploy is loud: about a missing resource, a dropped property, a type it cannot read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from lab.conformance import check
from lab.conformance.live import READERS
from tests.lab.emulator_process import Emulator, emulator

QUEUE: dict[str, Any] = {"Type": "AWS::SQS::Queue", "Properties": {"VisibilityTimeout": 60}}
ALARM = {
    "Type": "AWS::CloudWatch::Alarm",
    "Properties": {
        "Namespace": "Understudy", "MetricName": "Healthy", "Statistic": "Minimum", "Period": 10, "EvaluationPeriods": 3, "Threshold": 1,
        "ComparisonOperator": "LessThanThreshold", "TreatMissingData": "ignore", "AlarmActions": [{"Fn::GetAtt": ["Queue", "Arn"]}],
    },
}  # fmt: skip
TEMPLATE = {"Resources": {"Queue": QUEUE, "Watch": ALARM, "Note": {"Type": "AWS::CDK::Metadata", "Properties": {"Analytics": "x"}}}}


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    with emulator(tmp_path_factory.mktemp("lab")) as running:
        yield running


def deployed(aws: Emulator, stack: str) -> Emulator:
    assert aws.create(stack, TEMPLATE) == ("CREATE_COMPLETE", "")
    assert findings(aws, stack) == []
    return aws


def findings(aws: Emulator, stack: str, template: dict[str, Any] = TEMPLATE) -> list[str]:
    return [str(problem) for problem in check(stack, template, endpoint=aws.endpoint)]


def test_a_resource_taken_away_behind_its_back_is_found(aws: Emulator) -> None:
    name = deployed(aws, "taken").physical("taken", "Watch")
    aws.api("cloudwatch").delete_alarms(AlarmNames=[name])

    assert findings(aws, "taken") == [f"Watch (AWS::CloudWatch::Alarm): the resource does not exist: 0 found: {name}"]


def test_a_resource_whose_api_answers_with_an_error_is_found(aws: Emulator) -> None:
    aws.api("sqs").delete_queue(QueueUrl=deployed(aws, "error").physical("error", "Queue"))
    found = findings(aws, "error")

    assert found[0].startswith("Queue (AWS::SQS::Queue): the resource does not read back: An error occurred")
    assert found[1].startswith("Watch (AWS::CloudWatch::Alarm): the resource does not read back")  # its action names the queue


def test_a_dropped_property_is_found_with_what_was_expected_and_what_is_there(aws: Emulator) -> None:
    name = deployed(aws, "dropped").physical("dropped", "Watch")
    cloudwatch = aws.api("cloudwatch")
    there = cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]
    kept = ("AlarmName", "Namespace", "MetricName", "Statistic", "EvaluationPeriods", "Threshold", "ComparisonOperator", "AlarmActions")
    cloudwatch.put_metric_alarm(Period=60, **{key: there[key] for key in kept})

    assert findings(aws, "dropped") == [
        "Watch (AWS::CloudWatch::Alarm): Period: expected 10, got 60",
        "Watch (AWS::CloudWatch::Alarm): TreatMissingData: expected 'ignore', got None",
    ]


def test_a_resource_the_stack_never_made_is_found(aws: Emulator) -> None:
    deployed(aws, "never")
    more = {"Resources": {**TEMPLATE["Resources"], "Extra": QUEUE}}

    assert findings(aws, "never", more) == ["Extra (AWS::SQS::Queue): the resource does not exist: not among the stack's resources"]


def test_a_type_without_a_reader_is_a_finding(aws: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    deployed(aws, "reader")
    monkeypatch.delitem(READERS, "AWS::SQS::Queue")

    assert findings(aws, "reader")[0] == (
        "Queue (AWS::SQS::Queue): cannot be checked: no reader for AWS::SQS::Queue: write one, or excuse the type with its reason"
    )


def test_a_property_no_reader_gives_is_a_finding(aws: Emulator) -> None:
    deployed(aws, "property")
    odd = {"Resources": {**TEMPLATE["Resources"], "Queue": {**QUEUE, "Properties": {**QUEUE["Properties"], "Colour": "red"}}}}

    assert findings(aws, "property", odd) == ["Queue (AWS::SQS::Queue): Colour: expected 'red', got None"]


def test_conditions_are_a_finding_and_not_ignored(aws: Emulator) -> None:
    assert "has Conditions" in findings(aws, "any", {"Resources": {}, "Conditions": {"Never": {"Fn::Equals": [1, 2]}}})[0]

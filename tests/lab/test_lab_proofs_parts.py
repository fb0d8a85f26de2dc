"""What the proofs lean on: who is under way, who noticed, and what the template's own word is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import pytest

from lab.arguments import parser
from lab.drills.cloud import Cloud, Slot
from lab.drills.sabotage import SABOTAGES
from lab.drills.stage import Stage

AT = 1_000.0


def stage_with(tmp_path: Path, *lines: dict[str, Any]) -> Stage:
    """A stage that is only read from: its watchers are never started."""
    journal = tmp_path / "journal.jsonl"
    journal.write_text("".join(json.dumps({"kind": "event", "who": "recover_assembly", **line}) + "\n" for line in lines))
    return Stage(cast(Cloud, None), Slot("demo", "counter", "group", "198.51.100.10", (8080,)), journal)


class TestCallsThatBeganBeforeASabotage:
    def test_one_that_has_not_ended_is_under_way(self, tmp_path: Path) -> None:
        stage = stage_with(tmp_path, {"at": AT - 1, "what": "invoked by API (cold)", "request_id": "a"})

        assert stage.recovery_under_way(begun_before=AT)

    def test_one_that_has_ended_is_not(self, tmp_path: Path) -> None:
        begun = {"at": AT - 1, "what": "invoked by API (cold)", "request_id": "a"}
        stage = stage_with(tmp_path, begun, {"at": AT + 2, "what": "done in 3.00 s", "request_id": "a"})

        assert not stage.recovery_under_way(begun_before=AT)

    def test_one_that_began_after_is_broken_already_and_not_waited_for(self, tmp_path: Path) -> None:
        stage = stage_with(tmp_path, {"at": AT + 1, "what": "invoked by API (cold)", "request_id": "a"})

        assert not stage.recovery_under_way(begun_before=AT)


class TestWhoNoticed:
    def test_an_alarms_own_call_counts_within_the_span_alone(self, tmp_path: Path) -> None:
        stage = stage_with(tmp_path, {"at": AT, "what": "invoked by alarm Healthy (warm)", "request_id": "a"})

        assert stage.alarm_called(since=AT - 1, until=AT + 1)
        assert not stage.alarm_called(since=AT - 2, until=AT - 1)

    def test_the_sweeps_call_is_not_the_alarms(self, tmp_path: Path) -> None:
        stage = stage_with(tmp_path, {"at": AT, "what": "invoked by API (warm)", "request_id": "a"})

        assert not stage.alarm_called(since=AT - 1, until=AT + 1)


def test_code_that_was_replaced_goes_back_to_the_templates_asset_and_what_it_gave_up_is_cleared() -> None:
    asset = {"S3Bucket": {"Fn::Sub": "cdk-hnb659fds-assets-${AWS::AccountId}-${AWS::Region}"}, "S3Key": "095f.zip"}
    handler = "lambdas.recover_assembly.handler"
    template = {"Resources": {"F": {"Type": "AWS::Lambda::Function", "Properties": {"Handler": handler, "Timeout": 60, "Code": asset}}}}
    told: list[tuple[str, dict[str, Any]]] = []
    lost = ["a call that was given up"]

    class Client:
        def get_template(self, **_: object) -> dict[str, Any]:
            return {"TemplateBody": json.dumps(template)}

        def list_functions(self) -> dict[str, Any]:
            return {"Functions": [{"Handler": handler, "FunctionName": "recover"}]}

        def update_function_code(self, **given: Any) -> None:
            told.append(("code", given))

        def update_function_configuration(self, **given: Any) -> None:
            told.append(("configuration", given))

        def describe_alarms(self) -> dict[str, Any]:
            depth = {"Namespace": "AWS/SQS", "Dimensions": [{"Name": "QueueName", "Value": "dead"}]}
            return {"MetricAlarms": [depth, {"Namespace": "Understudy", "Dimensions": []}]}

        def get_queue_url(self, **given: Any) -> dict[str, Any]:
            return {"QueueUrl": f"http://localhost/{given['QueueName']}"}

        def receive_message(self, **_: object) -> dict[str, Any]:
            return {"Messages": [{"ReceiptHandle": lost.pop()}]} if lost else {}

        def delete_message(self, **given: Any) -> None:
            told.append(("delete", given))

    class FakeCloud:
        stack = "understudy-demo"
        clients = dict.fromkeys(("cloudformation", "lambda", "cloudwatch", "sqs"), Client())

    SABOTAGES["recover-hangs"].undo(cast(Cloud, FakeCloud()))

    place = {"S3Bucket": "cdk-hnb659fds-assets-123456789012-us-east-1", "S3Key": "095f.zip"}
    assert told == [
        ("code", {"FunctionName": "recover", **place}),
        ("configuration", {"FunctionName": "recover", "Timeout": 60}),
        ("delete", {"QueueUrl": "http://localhost/dead", "ReceiptHandle": "a call that was given up"}),
    ]


@pytest.mark.parametrize("seconds", ["0", "-3", "nan", "inf"])
def test_a_patience_that_is_no_time_is_refused(seconds: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        parser().parse_args(["drill", "kill-instance", f"--patience={seconds}"])

    assert refused.value.code == 2
    assert "no time to wait" in capsys.readouterr().err

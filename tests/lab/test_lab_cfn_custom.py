"""Custom resources: a function is asked as CloudFormation asks, and its answer decides.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref.html
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from lab.clock import Clock
from lab.delays import Delays
from lab.emulator.cloudformation import custom
from lab.emulator.cloudformation.provider import Props, Request, ResourceError
from lab.journal import Journal
from lab.world import REGION, World

TYPE = "AWS::CloudFormation::CustomResource"
Answer = Callable[[dict[str, Any]], dict[str, Any] | None]


class Functions:
    """Answers at once, by putting what `answer` makes of the request where the request says."""

    def __init__(self, s3: Any) -> None:
        self.s3 = s3
        self.asked: list[dict[str, Any]] = []
        self.answer: Answer = lambda event: {"Status": "SUCCESS", "PhysicalResourceId": "thing-1"}

    def invoke_async(self, function: str, payload: dict[str, Any], *, origin: str) -> None:
        assert (function, origin) == ("arn:function", "cloudformation")
        self.asked.append(payload)
        body = self.answer(payload)
        if body is not None:
            full = {key: payload[key] for key in ("StackId", "RequestId", "LogicalResourceId")} | body
            self.s3.put_object(Bucket=custom.BUCKET, Key=payload["RequestId"], Body=json.dumps(full))


@pytest.fixture(scope="module")
def s3() -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as environment, mock_aws():
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            environment.setenv(name, "testing")
        yield boto3.client("s3", region_name=REGION)


@pytest.fixture
def world(s3: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(Request, "api", lambda self, service: s3)
    monkeypatch.setattr(custom, "_LOOK_S", 0.01)
    made = World(lab_dir=tmp_path, clock=Clock(), journal=Journal(tmp_path / "journal"), delays=Delays())
    made.functions = Functions(s3)  # type: ignore[assignment]  # half of it
    return made


def request(world: World, **properties: Any) -> Request:
    return Request(world, TYPE, "User", "arn:stack", "name", Props({"ServiceToken": "arn:function", "ServiceTimeout": 0.2, **properties}))


def functions(world: World) -> Functions:
    found: Any = world.functions
    assert isinstance(found, Functions)
    return found


def test_a_function_is_told_what_the_template_says_with_every_value_as_a_text(world: World) -> None:
    made = custom.custom(request(world, port=5432, deep={"flag": True, "list": [1]}))

    [event] = functions(world).asked
    assert (event["RequestType"], event["StackId"], event["LogicalResourceId"]) == ("Create", "arn:stack", "User")
    assert event["ResourceType"] == TYPE
    assert event["ResponseURL"].split("?")[0].endswith(event["RequestId"])
    assert event["ResourceProperties"] == {
        "ServiceToken": "arn:function", "ServiceTimeout": "0.2", "port": "5432", "deep": {"flag": "true", "list": ["1"]},
    }  # fmt: skip
    assert made.physical_id == "thing-1"


def test_one_that_changed_is_told_what_it_was_and_another_id_has_the_old_one_deleted(world: World) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-requesttypes.html"""
    custom.custom(request(world, host="a"))
    functions(world).answer = lambda event: {"Status": "SUCCESS", "PhysicalResourceId": "thing-2"}

    made = custom._changed(request(world, host="b"), "thing-1")

    assert made.physical_id == "thing-2"
    _, update, delete = functions(world).asked
    assert (update["RequestType"], update["PhysicalResourceId"], update["StackId"]) == ("Update", "thing-1", "arn:stack")
    assert (update["OldResourceProperties"]["host"], update["ResourceProperties"]["host"]) == ("a", "b")
    assert (delete["RequestType"], delete["PhysicalResourceId"], delete["ResourceProperties"]["host"]) == ("Delete", "thing-1", "a")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"Status": "FAILED", "Reason": "no such user", "PhysicalResourceId": "x"}, "no such user"),
        ({"Status": "SUCCESS"}, "PhysicalResourceId"),
        ({"Status": "SUCCESS", "PhysicalResourceId": "x", "RequestId": "another"}, "Invalid response"),
        ({"Status": "SUCCESS", "PhysicalResourceId": "x", "Reason": "y" * 4096}, "too long"),
        (None, "did not receive a response"),
    ],
)
def test_what_failed_answered_wrongly_or_not_at_all_fails_the_stack(world: World, answer: dict[str, Any] | None, words: str) -> None:
    """crpg-ref-responses.html: the body may have 4096 bytes; crpg-ref-requests.html: ServiceTimeout."""
    functions(world).answer = lambda event: answer

    with pytest.raises(ResourceError, match=words):
        custom.custom(request(world))

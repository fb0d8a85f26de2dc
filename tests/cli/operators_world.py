"""A state table and a stack as the commands for operators find them, in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cli import main, operators
from cli.state_table import Asked, Aws, plain
from core.items import looks_item, permit_item, report_item
from core.recovery.incident import Cause, Incident, Note, State, incident_item
from tests.core.recovery_story import healthy_view, looks, report

NOW = 1_800_000_000_000
OUTPUTS = {
    "Table": "state",
    "Topic": "arn:aws:sns:us-east-1:123456789012:people",
    "Bucket": "evidence",
    "Assemblies": "counter",
    "CounterFront": "203.0.113.7",
}


def refused(code: str, said: str = "no") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": said}}, "Call")


class FakeAws(Aws):
    """Answers what the commands ask; calls: what was asked of whom. fails: by operation, an error's code."""

    def __init__(self) -> None:
        super().__init__(Asked(deployable=None))
        self.items: dict[tuple[str, str], dict[str, Any]] = {}
        self.stacks: dict[str, dict[str, str]] = {"understudy-demo": dict(OUTPUTS)}
        self.subscriptions: dict[str, str] = {"ops@example.com": "arn:aws:sns:us-east-1:123456789012:people:1"}
        self.front_on = "i-0aaa"
        self.pool: list[dict[str, Any]] = []
        self.fails: dict[str, str] = {}
        self.before_write: Callable[[], None] = lambda: None

    def client(self, service: str, *, once: bool = False) -> Any:
        return self

    def put(self, item: dict[str, Any]) -> None:
        from boto3.dynamodb.types import TypeSerializer

        stored = {name: TypeSerializer().serialize(value) for name, value in item.items()}
        self.items[item["pk"], item["sk"]] = stored

    def stored(self) -> list[dict[str, Any]]:
        return [plain(item) for item in self.items.values()]

    def _may(self, operation: str) -> None:
        if operation in self.fails:
            raise refused(self.fails[operation])

    # --- DynamoDB -------------------------------------------------------------------------------------

    def query(self, **given: Any) -> dict[str, Any]:
        self._may("query")
        values = {name: value["S"] for name, value in given["ExpressionAttributeValues"].items()}
        found = [item for (pk, _), item in sorted(self.items.items()) if pk == values[":pk"]]
        if "begins_with" in given["KeyConditionExpression"]:
            found = [item for item in found if item["sk"]["S"].startswith(values[":sk"])]
        elif "<" in given["KeyConditionExpression"]:
            found = [item for item in found if item["sk"]["S"] < values[":sk"]]
        found = found if given["ScanIndexForward"] else found[::-1]
        return {"Items": found[: given.get("Limit")]}

    def get_item(self, *, Key: dict[str, Any], **_: Any) -> dict[str, Any]:
        self._may("get_item")
        found = self.items.get((Key["pk"]["S"], Key["sk"]["S"]))
        return {"Item": found} if found else {}

    def put_item(self, *, Item: dict[str, Any], ConditionExpression: str, **more: Any) -> None:
        self._may("put_item")
        self.before_write()
        key = (Item["pk"]["S"], Item["sk"]["S"])
        there = self.items.get(key)
        seen = more.get("ExpressionAttributeValues", {}).get(":seen")
        if there is not None if seen is None else there is None or there["revision"] != seen:
            raise refused("ConditionalCheckFailedException")
        self.items[key] = Item

    # --- the others -----------------------------------------------------------------------------------

    def describe_stacks(self, *, StackName: str) -> dict[str, Any]:
        self._may("describe_stacks")
        if StackName not in self.stacks:
            raise refused("ValidationError", f"Stack with id {StackName} does not exist")
        return {"Stacks": [self._stack(StackName)]}

    def get_paginator(self, _: str) -> Any:
        stacks = [self._stack(name) for name in self.stacks]

        class Pages:
            def paginate(self) -> list[dict[str, Any]]:
                return [{"Stacks": stacks}]

        return Pages()

    def _stack(self, name: str) -> dict[str, Any]:
        outputs = [{"OutputKey": key, "OutputValue": value} for key, value in self.stacks[name].items()]
        stack_id = f"arn:aws:cloudformation:us-east-1:123456789012:stack/{name}/0a1b"
        return {"StackName": name, "StackId": stack_id, "StackStatus": "CREATE_COMPLETE", "Outputs": outputs}

    def list_subscriptions_by_topic(self, *, TopicArn: str) -> dict[str, Any]:
        self._may("list_subscriptions_by_topic")
        return {"Subscriptions": [{"Endpoint": name, "SubscriptionArn": arn} for name, arn in self.subscriptions.items()]}

    def describe_addresses(self, **_: Any) -> dict[str, Any]:
        self._may("describe_addresses")
        return {"Addresses": [{"PublicIp": "203.0.113.7", "InstanceId": self.front_on}]}

    def describe_warm_pool(self, *, AutoScalingGroupName: str) -> dict[str, Any]:
        self._may("describe_warm_pool")
        return {"Instances": self.pool if AutoScalingGroupName == "counter-group" else []}

    def get_caller_identity(self) -> dict[str, str]:
        self._may("get_caller_identity")
        return {"Arn": "arn:aws:sts::123456789012:assumed-role/Operators/ann"}


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> FakeAws:
    """The world that the commands reach; the clock stands at NOW."""
    world = FakeAws()
    monkeypatch.setattr(operators, "Aws", lambda asked: world)
    monkeypatch.setattr(operators, "_now_ms", lambda: NOW)
    return world


def run(*arguments: str) -> int:
    return main.main(arguments)


ENDED = Incident(
    deployable="demo", assembly="counter", id=f"{NOW - 60_000}-i-0aaa", revision=9, instance="i-0aaa", epoch=1, state=State.RECOVERED,
    cause=Cause.GONE, reason="EC2 says i-0aaa is terminated", woken_by="ec2", failed_ms=NOW - 60_500, opened_ms=NOW - 60_000,
    state_ms=NOW - 34_000, confirmed_ms=NOW - 59_900, verifying_ms=NOW - 36_000, ended_ms=NOW - 34_000, new_instance="i-0bbb", new_epoch=2,
    evidence=("evidence/demo/counter/i-0aaa/1.json",), told=("open", "end"), notes=(Note(NOW - 60_000, "ec2", "suspected i-0aaa"),),
)  # fmt: skip


def serving(aws: FakeAws) -> None:
    view = healthy_view()
    assert view.permit is not None
    aws.put(permit_item(replace(view.permit, at_ms=NOW - 3_600_000)))
    aws.put(report_item(replace(report(), at_ms=NOW - 2_000)))
    aws.put(looks_item(looks("hhhhhh")))


def keep(aws: FakeAws, one: Incident) -> None:
    aws.put(incident_item(one))
    if one.ended:
        aws.put(incident_item(one, sk=one.id))

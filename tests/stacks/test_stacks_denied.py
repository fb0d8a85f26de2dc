"""What the template's roles are refused when they really ask: requests as the SDK signs them, judged by the lab's gate by these policies.

Beside each refusal stands what the same role may do, so that a gate that refuses everything would be noticed.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from core import names
from lab.clock import Clock
from lab.delays import Delays
from lab.journal import Journal
from lab.policy import enforce
from lab.world import ACCOUNT, REGION, World
from tests.lab.test_lab_policy import FixedDirectory
from tests.lab.test_lab_policy_signed import environ_of, signed
from tests.stacks.conftest import Template
from tests.stacks.test_stacks_every_deployable import templates

__all__ = ["templates"]  # a fixture

FILE = "understudy-kept"  # the demo, with state on S3
PSEUDO = {"AWS::Partition": "aws", "AWS::Region": REGION, "AWS::AccountId": ACCOUNT, "AWS::StackId": "the-stack"}
ARNS = {"AWS::DynamoDB::Table": f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/", "AWS::S3::Bucket": "arn:aws:s3:::"}
TABLE, BUCKET = "the-table", "the-bucket"
NAMED = {"AWS::DynamoDB::Table": TABLE, "AWS::S3::Bucket": BUCKET}
NODE, ADMIT, RECOVER, MOVE = "a node", "admit_node", "recover_assembly", "move_front"


class Tagged(FixedDirectory):
    """Whose an instance, an address or a group is, by its id."""

    def ec2_tags(self, resource_id: str) -> Mapping[str, str]:
        return {"understudy:deployable": "other" if resource_id.endswith("other") else "kept"}

    def group(self, name: str) -> tuple[str, Mapping[str, str]]:
        return f"arn:aws:autoscaling:{REGION}:{ACCOUNT}:autoScalingGroup:u:autoScalingGroupName/{name}", self.ec2_tags(name)

    def group_of(self, instance_id: str) -> str:
        return "group-other" if instance_id.endswith("other") else "group"


def as_deployed(template: Template, value: Any) -> Any:
    """A value with names for what CloudFormation would give one."""
    match value:
        case {"Ref": name}:
            return PSEUDO.get(name) or NAMED.get(template.resources[name]["Type"], name)
        case {"Fn::GetAtt": [name, _]}:
            kind = template.resources[name]["Type"]
            return ARNS.get(kind, "arn:aws:other:::") + NAMED.get(kind, name)
        case {"Fn::Sub": text}:
            return text  # the bucket of what is published, which no call here is about
        case {"Fn::Join": [between, parts]}:
            return between.join(as_deployed(template, part) for part in parts)
        case dict():
            return {key: as_deployed(template, one) for key, one in value.items()}
        case list():
            return [as_deployed(template, one) for one in value]
    return value


def refused(template: Template, who: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: tuple[str, str, dict[str, Any]]) -> bool:
    """Whether the lab's gate refuses the call, as AWS would: with 400 or 403, and not for want of knowing it."""
    statements = template.statements(template.node_role() if who == NODE else template.role_of(who))
    monkeypatch.setattr(enforce, "role_policies", lambda _arn: [{"Statement": as_deployed(template, statements)}])
    monkeypatch.setattr(enforce, "_directory", lambda _id, _world: Tagged())
    world = World(lab_dir=tmp_path, clock=Clock(), journal=Journal(tmp_path / "journal.jsonl"), delays=Delays())
    role = world.principals.issue(f"arn:aws:iam::{ACCOUNT}:role/r", "i-own", now=world.clock.now())
    service, operation, parameters = call
    answer = enforce.check(world, *environ_of(signed(role, service, operation, **parameters)))
    assert answer is None or answer.status_code in (400, 403), answer.get_data()
    return answer is not None


def put(pk: str) -> tuple[str, str, dict[str, Any]]:
    return "dynamodb", "put_item", {"TableName": TABLE, "Item": {"pk": {"S": pk}, "sk": {"S": "x"}}}


def got(key: str) -> tuple[str, str, dict[str, Any]]:
    return "s3", "get_object", {"Bucket": BUCKET, "Key": key}


def item(pk: str) -> dict[str, Any]:
    return {"TableName": TABLE, "Key": {"pk": {"S": pk}, "sk": {"S": names.CURRENT}}}


OWN, PERMIT = names.node_pk("kept", "counter"), names.permit_pk("kept", "counter")
ADDRESS = {"AllocationId": "eipalloc-own", "NetworkInterfaceId": "eni-own"}
REFUSED = [
    pytest.param(NODE, put(names.node_pk("kept", "twin")), put(OWN), id="another assembly's partition"),
    pytest.param(NODE, put(names.node_pk("other", "counter")), put(OWN), id="another deployable's partition"),
    pytest.param(NODE, put(PERMIT), ("dynamodb", "get_item", item(PERMIT)), id="its own permit"),
    pytest.param(NODE, ("dynamodb", "delete_item", item(OWN)), put(OWN), id="deleting an item"),
    pytest.param(ADMIT, ("dynamodb", "delete_item", item(PERMIT)), put(PERMIT), id="deleting a permit, for who writes it"),
    pytest.param(NODE, got("state/other/counter/manifest"), got("state/kept/counter/manifest"), id="another deployable's state"),
    pytest.param(NODE, got("state/kept/twin/manifest"), got("state/kept/counter/manifest"), id="another assembly's state"),
    pytest.param(NODE, ("ec2", "terminate_instances", {"InstanceIds": ["i-own"]}), put(OWN), id="any instance, for a node"),
    pytest.param(
        RECOVER,
        ("ec2", "terminate_instances", {"InstanceIds": ["i-other"]}),
        ("ec2", "terminate_instances", {"InstanceIds": ["i-own"]}),
        id="another group's instance",
    ),
    pytest.param(
        RECOVER,
        (
            "autoscaling",
            "terminate_instance_in_auto_scaling_group",
            {"InstanceId": "i-other", "ShouldDecrementDesiredCapacity": False},
        ),
        ("autoscaling", "terminate_instance_in_auto_scaling_group", {"InstanceId": "i-own", "ShouldDecrementDesiredCapacity": False}),
        id="another group's instance, by its group",
    ),
    pytest.param(
        MOVE,
        ("ec2", "associate_address", {**ADDRESS, "AllocationId": "eipalloc-other"}),
        ("ec2", "associate_address", ADDRESS),
        id="another deployable's address",
    ),
]


@pytest.mark.parametrize(("who", "call", "own"), REFUSED)
def test_it_is_refused_and_its_own_is_not(
    who: str,
    call: tuple[str, str, dict[str, Any]],
    own: tuple[str, str, dict[str, Any]],
    templates: Mapping[str, Template],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    template = templates[FILE]

    assert not refused(template, who, tmp_path, monkeypatch, own)
    assert refused(template, who, tmp_path, monkeypatch, call)

"""State on a volume: one that outlives everything, in the group's zone, moved by move_front alone, with snapshots by its own tag."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from core import names
from core.estimate.volume import SNAPSHOTS_KEPT
from tests.stacks.conftest import Template, as_list

MOVES = {"ec2:AttachVolume", "ec2:DetachVolume"}


@pytest.fixture(scope="module")
def template(every: Path) -> Template:
    return Template(json.loads((every / "understudy-zonal.template.json").read_text()))


def tags(properties: Mapping[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in properties["Tags"]}


def test_it_is_encrypted_and_outlives_the_stack(template: Template) -> None:
    [id_] = template.ids("AWS::EC2::Volume")
    body = template.resources[id_]

    assert (body["DeletionPolicy"], body["UpdateReplacePolicy"]) == ("Retain", "Retain")
    assert (body["Properties"]["VolumeType"], body["Properties"]["Size"], body["Properties"]["Encrypted"]) == ("gp3", 1, True)


def test_it_lies_in_the_zone_that_the_group_launches_into(template: Template) -> None:
    """https://docs.aws.amazon.com/ebs/latest/userguide/ebs-attaching-volume.html"""
    [subnet] = [template.resources[s["Ref"]] for s in template.only("AWS::AutoScaling::AutoScalingGroup")["VPCZoneIdentifier"]]

    assert template.only("AWS::EC2::Volume")["AvailabilityZone"] == subnet["Properties"]["AvailabilityZone"]


def test_move_front_and_nobody_else_moves_it_and_only_between_tagged_ends(template: Template) -> None:
    """Service Authorization Reference, Amazon EC2: both actions know the instance and the volume as resources."""
    moving = [s for s in template.statements(template.role_of("move_front")) if MOVES & set(as_list(s["Action"]))]

    assert moving == [s for s in template.statements() if MOVES & set(as_list(s["Action"]))]
    [statement] = moving
    assert statement["Condition"] == {"StringEquals": {f"aws:ResourceTag/{names.TAG_DEPLOYABLE}": "zonal"}}
    assert tags(template.only("AWS::EC2::Volume"))[names.TAG_DEPLOYABLE] == "zonal"


def test_a_node_may_do_nothing_with_volumes(template: Template) -> None:
    assert not [a for s in template.statements(template.node_role()) for a in as_list(s["Action"]) if a.startswith("ec2:")]


def test_node_and_functions_are_told_its_id(template: Template) -> None:
    [made] = template.ids("AWS::EC2::Volume")
    for module in ("move_front", "tick"):
        told = template.resources[template.function(module)]["Properties"]["Environment"]["Variables"][names.ENV_VOLUMES]
        assert "".join(part if isinstance(part, str) else part["Ref"] for part in told["Fn::Join"][1]) == f'{{"counter":"{made}"}}'
    assert f"{names.ENV_VOLUME}=${{{json.dumps({'Ref': made})}}}" in template.user_data()


def test_a_snapshot_is_taken_each_day_of_this_volume_and_no_disk_of_a_node(template: Template) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-dlm-lifecyclepolicy.html"""
    policy = template.only("AWS::DLM::LifecyclePolicy")
    [target] = policy["PolicyDetails"]["TargetTags"]
    [schedule] = policy["PolicyDetails"]["Schedules"]

    assert (policy["State"], schedule["CreateRule"]["Interval"], schedule["RetainRule"]["Count"]) == ("ENABLED", 24, SNAPSHOTS_KEPT)
    assert tags(template.only("AWS::EC2::Volume"))[target["Key"]] == target["Value"]
    for specification in template.only("AWS::EC2::LaunchTemplate")["LaunchTemplateData"]["TagSpecifications"]:
        assert target["Key"] not in tags(specification)


def test_who_takes_snapshots_deletes_none_but_its_own(template: Template) -> None:
    [policy] = template.of("AWS::DLM::LifecyclePolicy")
    role = policy["ExecutionRoleArn"]["Fn::GetAtt"][0]
    [deleting] = [s for s in template.statements(role) if "ec2:DeleteSnapshot" in as_list(s["Action"])]

    assert deleting["Condition"]["StringEquals"][f"aws:ResourceTag/{names.TAG_VOLUME}"] == "zonal/counter"
    assert {a for s in template.statements(role) for a in as_list(s["Action"])} <= {
        "ec2:CreateSnapshot",
        "ec2:CreateTags",
        "ec2:DeleteSnapshot",
        "ec2:DescribeInstances",
        "ec2:DescribeSnapshots",
        "ec2:DescribeVolumes",
    }


def test_recovery_alone_is_woken_by_what_ebs_says_of_this_volume_and_aws_health_of_any(template: Template) -> None:
    """https://docs.aws.amazon.com/ebs/latest/userguide/ebs-cloud-watch-events.html"""
    rules = {rule["EventPattern"]["detail-type"][0]: rule for rule in volume_rules(template)}
    ours = rules["EBS Volume Notification"]

    [made] = template.ids("AWS::EC2::Volume")
    [arn] = ours["EventPattern"]["resources"]
    assert json.dumps(arn).endswith(json.dumps([":volume/", {"Ref": made}])[1:-1] + "]]}")
    assert ours["EventPattern"]["detail"]["event"] == ["attachVolume", "reattachVolume", "detachVolume", "deleteVolume"]
    assert rules["AWS Health Event"]["EventPattern"]["detail"] == {"service": ["EBS"], "eventTypeCategory": ["issue"]}
    for rule in rules.values():
        [target] = rule["Targets"]
        assert target["Arn"]["Fn::GetAtt"][0] == template.function("recover_assembly")
        assert "DeadLetterConfig" in target
    told = template.resources[template.function("recover_assembly")]["Properties"]["Environment"]["Variables"]
    assert made in json.dumps(told[names.ENV_VOLUMES])


def test_where_no_state_is_on_a_volume_nobody_listens_for_volumes(every: Path) -> None:
    assert volume_rules(Template(json.loads((every / "understudy-demo.template.json").read_text()))) == []


def volume_rules(template: Template) -> list[dict[str, Any]]:
    patterns = [(rule, rule.get("EventPattern", {})) for rule in template.of("AWS::Events::Rule")]
    return [rule for rule, asked in patterns if "EBS Volume" in str(asked) or asked.get("detail", {}).get("service") == ["EBS"]]

"""Two templates compared: what a deploy would interrupt, and what it would not."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from core.template_changes import Effect, changes

GROUP = "AWS::AutoScaling::AutoScalingGroup"
DEPLOYED: dict[str, Any] = {
    "Resources": {
        "Node": {"Type": "AWS::EC2::LaunchTemplate", "Properties": {"LaunchTemplateData": {"UserData": "one"}}},
        "Group": {
            "Type": GROUP,
            "Properties": {
                "LaunchTemplate": {"LaunchTemplateId": {"Ref": "Node"}, "Version": {"Fn::GetAtt": ["Node", "LatestVersionNumber"]}},
                "HealthCheckGracePeriod": 120,
                "Tags": [{"Key": "understudy:assembly", "Value": "counter"}],
            },
            "UpdatePolicy": {"AutoScalingRollingUpdate": {"PauseTime": "PT10M"}},
        },
        "Address": {"Type": "AWS::EC2::EIP", "Properties": {"Domain": "vpc"}},
        "Alarm": {"Type": "AWS::CloudWatch::Alarm", "Properties": {"Threshold": 1}, "DependsOn": ["Address"]},
    }
}


def with_(resource: str, **properties: Any) -> dict[str, Any]:
    wanted = copy.deepcopy(DEPLOYED)
    wanted["Resources"][resource]["Properties"] |= properties
    return wanted


def test_the_same_template_changes_nothing() -> None:
    assert changes(DEPLOYED, copy.deepcopy(DEPLOYED)) == ()


def test_nothing_deployed_is_all_added() -> None:
    assert {change.effect for change in changes(None, DEPLOYED)} == {Effect.ADDED}


def test_what_a_node_boots_with_rolls_its_group() -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-updatepolicy.html"""
    found = changes(DEPLOYED, with_("Node", LaunchTemplateData={"UserData": "two"}))

    assert [(change.effect, change.logical_id, change.assembly) for change in found] == [
        (Effect.ROLLED, "Group", "counter"),
        (Effect.CHANGED, "Node", ""),
    ]


@pytest.mark.parametrize("properties", [{"VPCZoneIdentifier": ["a"]}, {"MixedInstancesPolicy": {}}])
def test_other_zones_or_types_roll_it_too(properties: dict[str, Any]) -> None:
    (change,) = changes(DEPLOYED, with_("Group", **properties))

    assert (change.effect, change.what) == (Effect.ROLLED, tuple(properties))


def test_a_setting_of_the_group_is_changed_under_its_node() -> None:
    (change,) = changes(DEPLOYED, with_("Group", HealthCheckGracePeriod=60))

    assert (change.effect, change.what) == (Effect.CHANGED, ("HealthCheckGracePeriod",))


def test_what_cannot_be_changed_in_place_is_made_anew() -> None:
    (change,) = changes(DEPLOYED, with_("Address", Domain="standard"))

    assert (change.effect, change.logical_id) == (Effect.REPLACED, "Address")


def test_an_order_among_resources_is_no_change() -> None:
    wanted = copy.deepcopy(DEPLOYED)
    wanted["Resources"]["Alarm"]["DependsOn"] = ["Group"]

    assert changes(DEPLOYED, wanted) == ()


def test_how_it_rolls_is_changed_in_place() -> None:
    wanted = copy.deepcopy(DEPLOYED)
    wanted["Resources"]["Group"]["UpdatePolicy"] = {}

    assert [(change.effect, change.what) for change in changes(DEPLOYED, wanted)] == [(Effect.CHANGED, ("UpdatePolicy",))]


def test_what_is_not_in_the_file_any_more_is_removed_by_its_assembly() -> None:
    wanted = copy.deepcopy(DEPLOYED)
    del wanted["Resources"]["Group"]

    assert [(change.effect, change.assembly) for change in changes(DEPLOYED, wanted)] == [(Effect.REMOVED, "counter")]

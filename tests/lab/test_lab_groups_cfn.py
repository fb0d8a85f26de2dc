"""CloudFormation's Auto Scaling and EC2 types as the lab makes them, with what Ref and GetAtt give."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.emulator.cloudformation import provider
from tests.lab.groups_bench import LAUNCH_HOOK, Bench, bench, session

DATA = {
    "ImageId": "ami-0deb12000000000a6",
    "InstanceType": "t4g.small",
    "MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": "1"},
    "UserData": {"Fn::Base64": "#!/bin/sh\n"},
    "TagSpecifications": [{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": "n"}]}],
}
TAG = {"Key": "understudy:deployable", "Value": "demo"}


@pytest.fixture
def b(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    with bench(tmp_path) as made:
        monkeypatch.setattr(provider, "client", lambda endpoint, service: session().client(service))
        yield made


def template(subnets: list[str]) -> dict[str, Any]:
    lt = {"LaunchTemplateId": {"Ref": "Lt"}, "Version": {"Fn::GetAtt": ["Lt", "LatestVersionNumber"]}}
    group = {
        "MinSize": "1",
        "MaxSize": "1",
        "DesiredCapacity": "1",
        "HealthCheckType": "EC2",
        "HealthCheckGracePeriod": 0,
        "VPCZoneIdentifier": subnets,
        "LaunchTemplate": lt,
        "LifecycleHookSpecificationList": [LAUNCH_HOOK],
        "Tags": [{**TAG, "PropagateAtLaunch": True}],
    }
    hook = {
        "AutoScalingGroupName": {"Ref": "Group"},
        "LifecycleTransition": "autoscaling:EC2_INSTANCE_TERMINATING",
        "HeartbeatTimeout": "180",
    }
    return {
        "Resources": {
            "Lt": {
                "Type": "AWS::EC2::LaunchTemplate",
                "Properties": {"LaunchTemplateData": DATA, "TagSpecifications": [{"ResourceType": "launch-template", "Tags": [TAG]}]},
            },
            "Group": {"Type": "AWS::AutoScaling::AutoScalingGroup", "Properties": group},
            "Hook": {"Type": "AWS::AutoScaling::LifecycleHook", "Properties": hook},
            "Eip": {"Type": "AWS::EC2::EIP", "Properties": {"Domain": "vpc", "Tags": [TAG]}},
        },
        "Outputs": {
            "Group": {"Value": {"Ref": "Group"}},
            "Lt": {"Value": {"Ref": "Lt"}},
            "Default": {"Value": {"Fn::GetAtt": ["Lt", "DefaultVersionNumber"]}},
            "Address": {"Value": {"Fn::GetAtt": ["Eip", "PublicIp"]}},
            "Ref": {"Value": {"Ref": "Eip"}},
            "Allocation": {"Value": {"Fn::GetAtt": ["Eip", "AllocationId"]}},
            "Hook": {"Value": {"Ref": "Hook"}},
        },
    }


def deploy(b: Bench, body: dict[str, Any], name: str = "understudy-demo") -> dict[str, str]:
    api = session().client("cloudformation")
    api.create_stack(StackName=name, TemplateBody=json.dumps(body))
    stack = api.describe_stacks(StackName=name)["Stacks"][0]
    assert stack["StackStatus"] == "CREATE_COMPLETE", stack
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}


def test_a_stack_with_a_group_launches_and_reads_back(b: Bench):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-autoscaling-autoscalinggroup.html."""
    out = deploy(b, template(b.subnets))
    assert out["Group"].startswith("understudy-demo-Group-")
    group = b.asg.describe_auto_scaling_groups(AutoScalingGroupNames=[out["Group"]])["AutoScalingGroups"][0]
    tags = {tag["Key"]: tag for tag in group["Tags"]}
    assert (tags[TAG["Key"]]["Value"], tags[TAG["Key"]]["PropagateAtLaunch"]) == ("demo", True)
    assert tags["aws:cloudformation:stack-name"]["Value"] == "understudy-demo"
    assert (group["LaunchTemplate"]["LaunchTemplateId"], group["LaunchTemplate"]["Version"]) == (out["Lt"], "1")
    hooks = {
        hook["LifecycleHookName"]: hook for hook in b.asg.describe_lifecycle_hooks(AutoScalingGroupName=out["Group"])["LifecycleHooks"]
    }
    assert set(hooks) == {"admit", out["Hook"]}
    assert hooks["admit"]["NotificationMetadata"] == LAUNCH_HOOK["NotificationMetadata"]

    b.tick(10)
    instance = b.asg.describe_auto_scaling_instances()["AutoScalingInstances"][0]["InstanceId"]
    told = b.instance(instance)
    assert (told["MetadataOptions"]["HttpTokens"], told["MetadataOptions"]["HttpPutResponseHopLimit"]) == ("required", 1)
    b.tick(20)
    assert b.machines.on[instance].user_data == b"#!/bin/sh\n"
    assert b.machines.on[instance].tags["Name"] == "n"


def test_a_launch_template_reads_back_typed(b: Bench):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-launchtemplate.html."""
    out = deploy(b, template(b.subnets))
    version = b.ec2.describe_launch_template_versions(LaunchTemplateId=out["Lt"])["LaunchTemplateVersions"][0]
    assert version["LaunchTemplateData"]["MetadataOptions"] == {"HttpTokens": "required", "HttpPutResponseHopLimit": 1}
    assert base64.b64decode(version["LaunchTemplateData"]["UserData"]) == b"#!/bin/sh\n"
    assert TAG in b.ec2.describe_launch_templates(LaunchTemplateIds=[out["Lt"]])["LaunchTemplates"][0]["Tags"]
    assert out["Default"] == "1"


def test_an_address_has_its_tags_and_both_attributes(b: Bench):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-eip.html: Ref is the address."""
    out = deploy(b, template(b.subnets))
    told = b.ec2.describe_addresses(AllocationIds=[out["Allocation"]])["Addresses"][0]
    assert out["Address"] == out["Ref"] == told["PublicIp"]
    assert TAG in told["Tags"]


def test_an_association_in_a_template_moves_the_address(b: Bench):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-eipassociation.html."""
    instance, allocation = b.running_instance(), b.ec2.allocate_address(Domain="vpc")["AllocationId"]
    wanted = {"InstanceId": instance, "AllocationId": allocation}
    body = {"Resources": {"A": {"Type": "AWS::EC2::EIPAssociation", "Properties": wanted}}, "Outputs": {"Id": {"Value": {"Ref": "A"}}}}
    out = deploy(b, body, "association")
    told = b.ec2.describe_addresses(AllocationIds=[allocation])["Addresses"][0]
    assert (told["InstanceId"], told["AssociationId"]) == (instance, out["Id"])


def test_a_stack_makes_changes_and_deletes_a_warm_pool(b: Bench):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-autoscaling-warmpool.html."""
    body, api = template(b.subnets), session().client("cloudformation")
    pool = {"AutoScalingGroupName": {"Ref": "Group"}, "PoolState": "Stopped", "MinSize": 1, "MaxGroupPreparedCapacity": 2}
    body["Resources"]["Pool"] = {"Type": "AWS::AutoScaling::WarmPool", "Properties": pool}
    body["Outputs"]["Pool"] = {"Value": {"Ref": "Pool"}}
    out = deploy(b, body)
    assert out["Pool"] == out["Group"]
    name = {"AutoScalingGroupName": out["Group"]}
    assert b.asg.describe_warm_pool(**name)["WarmPoolConfiguration"] == {
        "PoolState": "Stopped",
        "MinSize": 1,
        "MaxGroupPreparedCapacity": 2,
    }
    b.tick(4)
    assert [row["LifecycleState"] for row in b.asg.describe_warm_pool(**name)["Instances"]] == ["Warmed:Pending"]

    del pool["MaxGroupPreparedCapacity"]
    api.update_stack(StackName="understudy-demo", TemplateBody=json.dumps(body))
    assert b.asg.describe_warm_pool(**name)["WarmPoolConfiguration"] == {"PoolState": "Stopped", "MinSize": 1}

    del body["Resources"]["Pool"], body["Outputs"]["Pool"]
    api.update_stack(StackName="understudy-demo", TemplateBody=json.dumps(body))
    b.tick(10)
    told = b.asg.describe_warm_pool(**name)
    assert ("WarmPoolConfiguration" in told, told["Instances"]) == (False, [])

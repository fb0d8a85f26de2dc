"""Groups whose stack waits for signals: creation, rolling update, and the way back, as CloudFormation does them.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-creationpolicy.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-updatepolicy.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_SignalResource.html
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.lab.emulator_process import Emulator, emulator

SCALE = 20.0  # AWS's five seconds until an instance runs are a quarter of one here
HOOK = {"LifecycleHookName": "admit", "LifecycleTransition": "autoscaling:EC2_INSTANCE_LAUNCHING", "HeartbeatTimeout": 600}
ROLLING = {
    "MinInstancesInService": 0, "MaxBatchSize": 1, "WaitOnResourceSignals": True, "PauseTime": "PT15M", "SuspendProcesses": ["AZRebalance"],
}  # fmt: skip


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    with emulator(tmp_path_factory.mktemp("lab"), "--time-scale", str(SCALE), engines="ec2,groups") as running:
        yield running


def template(version: str, *, timeout: str = "PT8M", more: dict[str, Any] | None = None, **rolling: Any) -> dict[str, Any]:
    """A group of one whose nodes run the version."""
    data = {"ImageId": "ami-0deb12000000000a6", "InstanceType": "t4g.small", "UserData": {"Fn::Base64": version}}
    group = {
        "MinSize": "1",
        "MaxSize": "1",
        "DesiredCapacity": "1",
        "VPCZoneIdentifier": [{"Ref": "Subnet"}],
        "LaunchTemplate": {"LaunchTemplateId": {"Ref": "Lt"}, "Version": {"Fn::GetAtt": ["Lt", "LatestVersionNumber"]}},
        "LifecycleHookSpecificationList": [HOOK],
    }
    return {
        "Resources": {
            "Net": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.1.0.0/16"}},
            "Subnet": {"Type": "AWS::EC2::Subnet", "Properties": {"VpcId": {"Ref": "Net"}, "CidrBlock": "10.1.0.0/24"}},
            "Lt": {"Type": "AWS::EC2::LaunchTemplate", "Properties": {"LaunchTemplateData": data}},
            "Group": {
                "Type": "AWS::AutoScaling::AutoScalingGroup",
                "Properties": group,
                "CreationPolicy": {"ResourceSignal": {"Count": 1, "Timeout": timeout}},
                "UpdatePolicy": {"AutoScalingRollingUpdate": {**ROLLING, **rolling}},
            },
            **(more or {}),
        }
    }


def eventually(ask: Callable[[], Any], what: str) -> Any:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        if found := ask():
            return found
        time.sleep(0.05)
    raise AssertionError(f"never: {what}")


class Stack:
    """One stack, and the part of admit_node in it."""

    def __init__(self, aws: Emulator, name: str) -> None:
        self.aws, self.name, self.api = aws, name, aws.api("cloudformation")

    def update(self, body: dict[str, Any]) -> None:
        names = {"StackName": self.name, "ChangeSetName": "cdk-deploy-change-set"}
        self.api.delete_change_set(**names)
        self.api.create_change_set(**names, ChangeSetType="UPDATE", TemplateBody=json.dumps(body))
        self.api.execute_change_set(**names)

    def status(self) -> str:
        return str(self.api.describe_stacks(StackName=self.name)["Stacks"][0]["StackStatus"])

    def ends(self, status: str) -> None:
        eventually(lambda: not self.status().endswith("_IN_PROGRESS"), f"{self.name} at rest")
        assert self.status() == status

    def group(self) -> dict[str, Any]:
        name = self.aws.physical(self.name, "Group")
        return dict(self.aws.api("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"][0])

    def waiting(self) -> str:
        """The instance that waits to be let in."""

        def found() -> str | None:
            return next((i["InstanceId"] for i in self.group()["Instances"] if i["LifecycleState"] == "Pending:Wait"), None)

        return str(eventually(found, "a node waits to be let in"))

    def version_of(self, instance: str) -> str:
        said = self.aws.api("ec2").describe_instance_attribute(InstanceId=instance, Attribute="userData")
        return base64.b64decode(said["UserData"]["Value"]).decode()

    def answer(self, instance: str, result: str) -> None:
        self.aws.api("autoscaling").complete_lifecycle_action(
            AutoScalingGroupName=self.group()["AutoScalingGroupName"],
            LifecycleHookName="admit",
            InstanceId=instance,
            LifecycleActionResult=result,
        )

    def signal(self, instance: str, status: str) -> None:
        self.api.signal_resource(StackName=self.name, LogicalResourceId="Group", UniqueId=instance, Status=status)

    def admit(self) -> str:
        instance = self.waiting()
        self.answer(instance, "CONTINUE")
        self.signal(instance, "SUCCESS")
        return instance

    def said(self) -> list[str]:
        events = self.api.describe_stack_events(StackName=self.name)["StackEvents"]
        return [e["ResourceStatusReason"] for e in reversed(events) if e["LogicalResourceId"] == "Group" and e.get("ResourceStatusReason")]


def standing(aws: Emulator, name: str, **more: Any) -> tuple[Stack, str]:
    """A stack whose first node was let in."""
    stack = Stack(aws, name)
    aws.begun(name, template("one", **more))
    instance = stack.admit()
    stack.ends("CREATE_COMPLETE")
    return stack, instance


def test_a_stack_is_complete_only_once_its_node_is_told_of(aws: Emulator) -> None:
    stack = Stack(aws, "first")
    aws.begun("first", template("one"))
    instance = stack.waiting()
    assert stack.status() == "CREATE_IN_PROGRESS"

    stack.signal(instance, "SUCCESS")

    stack.ends("CREATE_COMPLETE")
    assert stack.said()[-1] == f"Received SUCCESS signal with UniqueId {instance}"


def test_a_first_node_that_fails_fails_the_stack_at_once(aws: Emulator) -> None:
    stack = Stack(aws, "never")
    aws.begun("never", template("one"))

    stack.signal(stack.waiting(), "FAILURE")

    stack.ends("CREATE_FAILED")
    assert "Received 0 SUCCESS signal(s) out of 1" in aws.outcome("never")[1]


def test_a_first_node_of_which_nothing_is_heard_fails_the_stack_in_time(aws: Emulator) -> None:
    stack = Stack(aws, "silent")
    aws.begun("silent", template("one", timeout="PT20S"))

    stack.ends("CREATE_FAILED")


def test_an_update_ends_the_old_node_first_and_waits_for_the_new_one(aws: Emulator) -> None:
    stack, old = standing(aws, "good")

    stack.update(template("two"))
    new = stack.waiting()
    states = {i["InstanceId"]: i["LifecycleState"] for i in stack.group()["Instances"]}
    assert (stack.status(), stack.version_of(new)) == ("UPDATE_IN_PROGRESS", "two")
    assert states.get(old, "Terminating").startswith("Terminating")
    assert [p["ProcessName"] for p in stack.group()["SuspendedProcesses"]] == ["AZRebalance"]
    stack.admit()

    stack.ends("UPDATE_COMPLETE")
    assert stack.group()["SuspendedProcesses"] == []
    assert [line.split(" ")[0] for line in stack.said()[-4:]] == ["Rolling", "Terminating", "New", "Received"]


def test_a_failure_has_the_update_roll_back_by_itself_to_a_node_of_the_old_version(aws: Emulator) -> None:
    stack, _ = standing(aws, "bad")

    stack.update(template("two"))
    bad = stack.waiting()
    stack.signal(bad, "FAILURE")
    back = eventually(lambda: (i := stack.waiting()) != bad and stack.version_of(i) == "one" and i, "a node of the old version waits")
    assert stack.status() == "UPDATE_ROLLBACK_IN_PROGRESS"
    stack.admit()

    stack.ends("UPDATE_ROLLBACK_COMPLETE")
    assert {i["InstanceId"]: i["LaunchTemplate"]["Version"] for i in stack.group()["Instances"]}[back] == stack.group()["LaunchTemplate"][
        "Version"
    ]
    stack.update(template("three"))
    assert stack.version_of(stack.admit()) == "three"
    stack.ends("UPDATE_COMPLETE")


def test_an_abandoned_node_may_leave_the_way_back_nothing_to_replace(aws: Emulator) -> None:
    """The group launches again by itself, from the version to which the stack goes back."""
    stack, _ = standing(aws, "abandoned")

    stack.update(template("two"))
    bad = stack.waiting()
    stack.answer(bad, "ABANDON")
    stack.signal(bad, "FAILURE")

    def back() -> bool:
        instance = stack.waiting()
        if stack.version_of(instance) == "one" and stack.status() == "UPDATE_ROLLBACK_IN_PROGRESS":
            stack.signal(instance, "SUCCESS")
        return stack.version_of(instance) == "one" and stack.status() == "UPDATE_ROLLBACK_COMPLETE"

    eventually(back, "rolled back, and a node of the old version waits")


def test_silence_has_the_update_roll_back_too_and_a_failure_on_the_way_back_is_the_end(aws: Emulator) -> None:
    stack, _ = standing(aws, "silence", PauseTime="PT2M")

    stack.update(template("two", PauseTime="PT40S"))
    eventually(lambda: stack.status() == "UPDATE_ROLLBACK_IN_PROGRESS", "rolls back")
    back = eventually(lambda: stack.version_of(i := stack.waiting()) == "one" and i, "a node of the old version waits")
    stack.signal(back, "FAILURE")

    stack.ends("UPDATE_ROLLBACK_FAILED")
    assert "Failed to receive 1 resource signal(s) for the current batch" in "\n".join(stack.said())


def test_an_update_that_concerns_no_node_waits_for_none(aws: Emulator) -> None:
    stack, instance = standing(aws, "other")

    stack.update(template("one", more={"Notes": {"Type": "AWS::Logs::LogGroup"}}))

    stack.ends("UPDATE_COMPLETE")
    assert [i["InstanceId"] for i in stack.group()["Instances"]] == [instance]


def test_a_signal_for_which_nobody_waits_is_refused_in_awss_words(aws: Emulator) -> None:
    """github.com/aws-cloudformation/aws-cloudformation-templates/issues/34"""
    stack, instance = standing(aws, "idle")

    with pytest.raises(ClientError, match=r"ValidationError.*is in CREATE_COMPLETE state and cannot be signaled"):
        stack.signal(instance, "SUCCESS")


def test_what_the_lab_does_not_imitate_of_a_policy_is_refused_by_name(aws: Emulator) -> None:
    status, why = aws.create("strange", template("one", MinInstancesInService=1))

    assert (status, "MinInstancesInService 0 only" in why) == ("CREATE_FAILED", True)


@pytest.mark.heavy
def test_a_rolling_update_leaves_the_pool_as_it_was_and_may_take_the_former_version_from_it(aws: Emulator) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-autoscaling-warmpool.html.

    "CloudFormation replaces InService instances only. Instances in the warm pool are not replaced."
    """
    pool = {"AutoScalingGroupName": {"Ref": "Group"}, "MinSize": 1, "MaxGroupPreparedCapacity": 1}
    more = {"Pool": {"Type": "AWS::AutoScaling::WarmPool", "Properties": pool}}
    stack, _ = standing(aws, "pooled", more=more)
    name, asg = stack.group()["AutoScalingGroupName"], aws.api("autoscaling")

    def pooled(state: str) -> str | None:
        rows = asg.describe_warm_pool(AutoScalingGroupName=name)["Instances"]
        return next((row["InstanceId"] for row in rows if row["LifecycleState"] == state), None)

    spare = str(eventually(lambda: pooled("Warmed:Pending:Wait"), "a spare is prepared"))
    stack.answer(spare, "CONTINUE")
    eventually(lambda: pooled("Warmed:Stopped") == spare, "the spare is stopped")

    stack.update(template("two", more=more))
    assert (stack.waiting(), stack.version_of(spare)) == (spare, "one")
    stack.admit()

    stack.ends("UPDATE_COMPLETE")
    fresh = str(eventually(lambda: pooled("Warmed:Pending:Wait"), "another spare is prepared"))
    assert stack.version_of(fresh) == "two"

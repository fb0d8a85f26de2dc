"""The group controller through Auto Scaling's API, on a clock turned by hand, against the pages it follows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.lab.groups_bench import LAUNCH_HOOK, TERMINATE_HOOK, Bench, bench

HOOKS = {"LifecycleHookSpecificationList": [LAUNCH_HOOK, TERMINATE_HOOK]}
GUIDE = "https://docs.aws.amazon.com/autoscaling/ec2/userguide"


@pytest.fixture
def b(tmp_path: Path) -> Iterator[Bench]:
    with bench(tmp_path) as made:
        yield made


def serving(b: Bench, **more: Any) -> str:
    """A group with both hooks and one instance in service."""
    b.create_group(**HOOKS, **more)
    b.tick(10)
    instance = b.only("Pending:Wait")
    b.complete("admit", instance)
    b.tick(20)
    assert b.members() == {instance: "InService"}
    return instance


def test_a_launch_takes_its_time_and_waits_for_its_hook(b: Bench):
    """lifecycle-hooks-overview.html."""
    b.create_group(**HOOKS)
    b.tick()
    assert b.members() == {}

    b.tick(2.5)
    instance = b.only("Pending")
    b.tick(5)
    assert b.members() == {instance: "Pending:Wait"}

    b.complete("admit", instance)
    b.tick(0.5)
    b.tick(0.5)
    assert b.members() == {instance: "InService"}


def test_lifecycle_events_have_awss_shape(b: Bench):
    """ec2-auto-scaling-event-reference.html."""
    instance = serving(b)
    b.asg.terminate_instance_in_auto_scaling_group(InstanceId=instance, ShouldDecrementDesiredCapacity=False)
    b.tick(0.5)

    arn = b.group()["AutoScalingGroupARN"]
    launch, terminate = (b.events.details(f"EC2 Instance-{what} Lifecycle Action") for what in ("launch", "terminate"))
    token = launch[0].pop("LifecycleActionToken")
    assert len(token) == 36
    assert launch[0] == {
        "AutoScalingGroupName": "g",
        "LifecycleHookName": "admit",
        "EC2InstanceId": instance,
        "LifecycleTransition": "autoscaling:EC2_INSTANCE_LAUNCHING",
        "NotificationMetadata": "understudy/demo/counter",
        "Origin": "EC2",
        "Destination": "AutoScalingGroup",
    }
    assert (terminate[0]["Origin"], terminate[0]["Destination"]) == ("AutoScalingGroup", "EC2")
    assert {(source, tuple(resources)) for source, kind, _, resources in b.events.sent if "Lifecycle" in kind} == {
        ("aws.autoscaling", (arn,))
    }


def test_activity_events_have_awss_shape(b: Bench):
    """ec2-auto-scaling-event-reference.html: comes once the hooks are done."""
    b.create_group(**HOOKS)
    b.tick(10)
    assert b.events.details("EC2 Instance Launch Successful") == []

    b.complete("admit", b.only("Pending:Wait"))
    b.tick(1)
    detail = b.events.details("EC2 Instance Launch Successful")[0]
    instance = b.only("InService")
    assert set(detail) >= {
        "StatusCode",
        "Description",
        "AutoScalingGroupName",
        "ActivityId",
        "Details",
        "RequestId",
        "EC2InstanceId",
        "Cause",
    }
    assert detail["Description"] == f"Launching a new EC2 instance: {instance}"
    assert set(detail["Details"]) == {"Subnet ID", "Availability Zone"}


def test_an_instance_terminated_behind_our_back_is_noticed_later_hooked_and_replaced(b: Bench):
    """ec2-auto-scaling-health-checks.html; its terminate hook still runs."""
    old = serving(b)
    b.ec2.terminate_instances(InstanceIds=[old])
    b.settle()
    b.tick(7)
    assert b.members() == {old: "InService"}

    b.tick(1.5)
    assert b.members() == {old: "Terminating:Wait"}
    assert b.group()["Instances"][0]["HealthStatus"] == "Unhealthy"
    b.tick(10)
    new = b.only("Pending:Wait")
    b.complete("retire", old)
    b.tick(1)
    assert b.members() == {new: "Pending:Wait"}
    causes = [activity["Cause"] for activity in b.asg.describe_scaling_activities(AutoScalingGroupName="g")["Activities"]]
    assert any("in response to an EC2 health check indicating it has been terminated or stopped." in cause for cause in causes)
    assert any("launched in response to an unhealthy instance needing to be replaced." in cause for cause in causes)


def test_terminating_through_the_group_overlaps_with_the_replacement(b: Bench):
    """API_TerminateInstanceInAutoScalingGroup.html; instance-maintenance-policy-overview-and-considerations.html."""
    old = serving(b)
    activity = b.asg.terminate_instance_in_auto_scaling_group(InstanceId=old, ShouldDecrementDesiredCapacity=False)["Activity"]
    again = b.asg.terminate_instance_in_auto_scaling_group(InstanceId=old, ShouldDecrementDesiredCapacity=False)["Activity"]
    assert again["ActivityId"] == activity["ActivityId"]
    assert f"instance {old} was taken out of service in response to a user request." in activity["Cause"]

    b.tick(10)
    assert sorted(b.members().values()) == ["Pending:Wait", "Terminating:Wait"]
    assert b.state(old) == "running"
    assert ("target", old, "Terminated") in b.machines.calls
    b.complete("retire", old)
    b.tick(5)
    assert b.state(old) == "terminated"
    assert b.events.details("EC2 Instance Terminate Successful")[0]["EC2InstanceId"] == old


def test_decrementing_below_the_minimum_is_refused(b: Bench):
    """API_TerminateInstanceInAutoScalingGroup.html."""
    instance = serving(b)
    with pytest.raises(ClientError, match="violate group's min size constraint"):
        b.asg.terminate_instance_in_auto_scaling_group(InstanceId=instance, ShouldDecrementDesiredCapacity=True)


def test_an_abandoned_launch_is_terminated_and_tried_again(b: Bench):
    """lifecycle-hooks.html, ABANDON."""
    b.create_group(**HOOKS)
    b.tick(10)
    first = b.only("Pending:Wait")
    b.complete("admit", first, "ABANDON")
    b.tick(10)
    assert b.members()[first] == "Terminating:Wait"
    assert b.only("Pending:Wait") != first

    failed = b.events.details("EC2 Instance Launch Unsuccessful")[0]
    assert failed["StatusMessage"].endswith("was abandoned: Lifecycle Action Completed with ABANDON Result")


def test_a_launch_hook_that_times_out_takes_its_default_result_and_heartbeats_postpone_it(b: Bench):
    """lifecycle-hooks.html, "Keeping instances in a wait state"."""
    b.create_group(**HOOKS)
    b.tick(10)
    instance = b.only("Pending:Wait")
    b.clock.advance(590)
    b.asg.record_lifecycle_action_heartbeat(AutoScalingGroupName="g", LifecycleHookName="admit", InstanceId=instance)
    b.clock.advance(590)
    b.tick()
    assert b.members()[instance] == "Pending:Wait"

    b.clock.advance(20)
    b.tick()
    assert b.members()[instance] == "Terminating"
    assert b.events.details("EC2 Instance Launch Unsuccessful")[0]["StatusMessage"].endswith("Lifecycle Action Timed Out")


def test_completing_by_token_works_and_a_second_time_is_a_validation_error(b: Bench):
    """API_CompleteLifecycleAction.html."""
    b.create_group(**HOOKS)
    b.tick(10)
    token = b.events.details("EC2 Instance-launch Lifecycle Action")[0]["LifecycleActionToken"]
    asked = {"AutoScalingGroupName": "g", "LifecycleHookName": "admit", "LifecycleActionToken": token, "LifecycleActionResult": "CONTINUE"}
    b.asg.complete_lifecycle_action(**asked)
    with pytest.raises(ClientError, match="No active Lifecycle Action found") as error:
        b.asg.complete_lifecycle_action(**asked)
    assert error.value.response["Error"]["Code"] == "ValidationError"


def test_setting_health_respects_the_grace_period_unless_told_otherwise(b: Bench):
    """API_SetInstanceHealth.html, health-check-grace-period.html."""
    instance = serving(b, HealthCheckGracePeriod=600)
    b.asg.set_instance_health(InstanceId=instance, HealthStatus="Unhealthy")
    b.tick()
    assert b.members() == {instance: "InService"}

    b.asg.set_instance_health(InstanceId=instance, HealthStatus="Unhealthy", ShouldRespectGracePeriod=False)
    b.tick()
    assert b.members()[instance] == "Terminating"
    cause = b.asg.describe_scaling_activities(AutoScalingGroupName="g")["Activities"][0]["Cause"]
    assert "user health-check" in cause or "unhealthy instance" in cause


def test_suspended_processes_are_told_respected_and_resumed(b: Bench):
    """as-suspend-resume-processes.html."""
    instance = serving(b)
    b.asg.suspend_processes(AutoScalingGroupName="g", ScalingProcesses=["ReplaceUnhealthy", "Launch"])
    assert [row["ProcessName"] for row in b.group()["SuspendedProcesses"]] == ["ReplaceUnhealthy", "Launch"]
    b.ec2.terminate_instances(InstanceIds=[instance])
    b.settle()
    b.tick(20)
    assert b.members() == {instance: "InService"}

    b.asg.resume_processes(AutoScalingGroupName="g", ScalingProcesses=["ReplaceUnhealthy"])
    b.tick(20)
    assert b.members() == {instance: "Terminating:Wait"}
    b.asg.resume_processes(AutoScalingGroupName="g")
    b.tick(10)
    assert len(b.members()) == 2


def test_short_capacity_fails_the_activity_pauses_and_tries_again(b: Bench):
    """https://docs.aws.amazon.com/autoscaling/ec2/userguide/ts-as-capacity.html."""
    b.world.faults["insufficient_capacity"] = True
    b.create_group(**HOOKS)
    b.tick(5)
    activity = b.asg.describe_scaling_activities(AutoScalingGroupName="g")["Activities"][0]
    assert activity["StatusCode"] == "Failed"
    assert "We currently do not have sufficient t4g.small capacity" in activity["StatusMessage"]
    assert activity["StatusMessage"].endswith("Launching EC2 instance failed.")
    assert b.events.details("EC2 Instance Launch Unsuccessful")[0]["StatusCode"] == "Failed"

    del b.world.faults["insufficient_capacity"]
    b.tick(20)
    assert b.only("Pending:Wait")


def test_the_next_type_and_the_next_zone_are_tried_when_capacity_is_short(b: Bench):
    """https://docs.aws.amazon.com/autoscaling/ec2/userguide/allocation-strategies.html, prioritized."""
    b.world.faults["insufficient_capacity"] = ["us-east-1a", "t4g.small"]
    source = {"LaunchTemplateSpecification": {"LaunchTemplateId": b.template(), "Version": "1"}}
    source["Overrides"] = [{"InstanceType": "t4g.small"}, {"InstanceType": "t4g.medium"}]  # type: ignore[assignment]
    b.create_group(MixedInstancesPolicy={"LaunchTemplate": source})
    b.tick(10)
    told = b.group()["Instances"][0]
    assert (told["InstanceType"], told["AvailabilityZone"]) == ("t4g.medium", "us-east-1b")


def test_an_instance_that_ends_before_it_runs_fails_the_launch_without_a_hook(b: Bench):
    b.create_group(**HOOKS)
    b.tick(2.5)
    first = b.only("Pending")
    b.ec2.terminate_instances(InstanceIds=[first])
    b.settle()
    b.tick(2)
    assert b.events.details("EC2 Instance Launch Unsuccessful")[0]["EC2InstanceId"] == first
    assert b.events.details("EC2 Instance-terminate Lifecycle Action") == []
    b.tick(20)
    assert b.only("Pending:Wait") != first


def test_tags_reach_instances_only_where_they_are_to_be_propagated(b: Bench):
    """https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-tagging.html."""
    tags = [
        {"Key": "understudy:deployable", "Value": "demo", "PropagateAtLaunch": True},
        {"Key": "quiet", "Value": "x", "PropagateAtLaunch": False},
    ]
    instance = serving(b, Tags=tags)
    told = {tag["Key"]: tag["Value"] for tag in b.instance(instance)["Tags"]}
    assert (told["understudy:deployable"], told["aws:autoscaling:groupName"]) == ("demo", "g")
    assert "quiet" not in told
    for wanted, count in (("demo", 1), ("other", 0)):
        found = b.asg.describe_auto_scaling_groups(Filters=[{"Name": "tag:understudy:deployable", "Values": [wanted]}])
        assert len(found["AutoScalingGroups"]) == count


def test_everything_that_was_said_reads_back(b: Bench):
    """API_DescribeAutoScalingGroups.html, API_DescribeLifecycleHooks.html, API_DescribeAutoScalingInstances.html."""
    instance = serving(b, HealthCheckGracePeriod=120, HealthCheckType="EC2", TerminationPolicies=["OldestInstance"])
    group = b.group()
    assert (group["MinSize"], group["MaxSize"], group["DesiredCapacity"], group["HealthCheckGracePeriod"]) == (1, 1, 1, 120)
    assert (group["VPCZoneIdentifier"], group["AvailabilityZones"]) == (",".join(b.subnets), ["us-east-1a", "us-east-1b"])
    assert (group["LaunchTemplate"]["Version"], group["TerminationPolicies"]) == ("$Latest", ["OldestInstance"])
    assert group["Instances"][0]["LaunchTemplate"]["Version"] == "1"
    hook = b.asg.describe_lifecycle_hooks(AutoScalingGroupName="g", LifecycleHookNames=["admit"])["LifecycleHooks"][0]
    assert {key: hook[key] for key in LAUNCH_HOOK} == LAUNCH_HOOK
    assert hook["GlobalTimeout"] == 60_000
    row = b.asg.describe_auto_scaling_instances(InstanceIds=[instance])["AutoScalingInstances"][0]
    assert (row["AutoScalingGroupName"], row["HealthStatus"], row["LifecycleState"]) == ("g", "HEALTHY", "InService")


def test_a_new_template_version_counts_for_the_next_launch(b: Bench):
    """https://docs.aws.amazon.com/autoscaling/ec2/userguide/create-asg-launch-template.html, $Latest."""
    old = serving(b)
    data = {"ImageId": "ami-0deb12000000000a6", "InstanceType": "t4g.medium"}
    b.ec2.create_launch_template_version(LaunchTemplateId=b.group()["LaunchTemplate"]["LaunchTemplateId"], LaunchTemplateData=data)
    b.asg.terminate_instance_in_auto_scaling_group(InstanceId=old, ShouldDecrementDesiredCapacity=False)
    b.tick(10)
    new = next(row for row in b.group()["Instances"] if row["InstanceId"] != old)
    assert (new["InstanceType"], new["LaunchTemplate"]["Version"]) == ("t4g.medium", "2")


def test_capacity_follows_what_is_asked_within_the_bounds(b: Bench):
    """as-manual-scaling.html."""
    b.create_group(MaxSize=2)
    b.tick(10)
    b.asg.set_desired_capacity(AutoScalingGroupName="g", DesiredCapacity=2)
    b.tick(10)
    zones = {row["AvailabilityZone"] for row in b.group()["Instances"]}
    assert (len(b.members()), zones) == (2, {"us-east-1a", "us-east-1b"})
    with pytest.raises(ClientError, match="must be between the specified min size:1 and max size:2"):
        b.asg.set_desired_capacity(AutoScalingGroupName="g", DesiredCapacity=3)
    b.asg.update_auto_scaling_group(AutoScalingGroupName="g", MinSize=0, MaxSize=0, DesiredCapacity=0)
    b.tick(10)
    assert b.members() == {}


def test_a_group_with_instances_is_deleted_only_by_force_and_then_without_hooks(b: Bench):
    """API_DeleteAutoScalingGroup.html."""
    instance = serving(b)
    with pytest.raises(ClientError, match="You cannot delete an AutoScalingGroup while there are instances"):
        b.asg.delete_auto_scaling_group(AutoScalingGroupName="g")
    b.asg.delete_auto_scaling_group(AutoScalingGroupName="g", ForceDelete=True)
    b.tick(5)
    assert b.asg.describe_auto_scaling_groups()["AutoScalingGroups"] == []
    assert b.state(instance) == "terminated"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"HealthCheckType": "ELB"}, "EC2 health checks only"),
        ({"CapacityRebalance": True}, "do not understand CapacityRebalance"),
        ({"DesiredCapacity": 3}, "must be between"),
        ({"VPCZoneIdentifier": "subnet-0"}, "subnet-0"),
        ({"LaunchTemplate": {"LaunchTemplateId": "lt-0", "Version": "1"}}, "does not exist"),
        ({"LifecycleHookSpecificationList": [{**LAUNCH_HOOK, "HeartbeatTimeout": 10}]}, "between 30 and 7200"),
    ],
)
def test_what_the_lab_cannot_honour_is_refused_by_name(b: Bench, changes: dict[str, Any], words: str):
    with pytest.raises(ClientError, match=words):
        b.create_group(**changes)
    assert b.asg.describe_auto_scaling_groups()["AutoScalingGroups"] == []


def test_an_action_we_do_not_have_never_reaches_motos_own_groups(b: Bench):
    with pytest.raises(ClientError, match="do not have PutScalingPolicy"):
        b.asg.put_scaling_policy(AutoScalingGroupName="g", PolicyName="p")


def test_deleting_a_hook_completes_what_waits_for_it(b: Bench):
    """API_DeleteLifecycleHook.html: ABANDON for launching instances, CONTINUE for terminating ones."""
    old = serving(b)
    b.asg.terminate_instance_in_auto_scaling_group(InstanceId=old, ShouldDecrementDesiredCapacity=False)
    b.tick(10)
    new = b.only("Pending:Wait")
    b.asg.delete_lifecycle_hook(AutoScalingGroupName="g", LifecycleHookName="retire")
    b.asg.delete_lifecycle_hook(AutoScalingGroupName="g", LifecycleHookName="admit")
    b.tick(5)
    assert old not in b.members()
    assert new not in b.members()

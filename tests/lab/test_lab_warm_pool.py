"""A group's warm pool through Auto Scaling's API, on a clock turned by hand; pages are under GUIDE unless they begin with API_."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

import lab.groups
from lab.groups import warm
from lab.groups.model import Pool
from tests.lab.groups_bench import LAUNCH_HOOK, TERMINATE_HOOK, Bench, bench, session

GUIDE = "https://docs.aws.amazon.com/autoscaling/ec2/userguide"
HOOKS = {"LifecycleHookSpecificationList": [LAUNCH_HOOK, TERMINATE_HOOK]}
OF_ONE = {"PoolState": "Stopped", "MinSize": 1, "MaxGroupPreparedCapacity": 1, "InstanceReusePolicy": {"ReuseOnScaleIn": False}}
LAUNCH, END = "EC2 Instance-launch Lifecycle Action", "EC2 Instance-terminate Lifecycle Action"


@pytest.fixture
def b(tmp_path: Path) -> Iterator[Bench]:
    with bench(tmp_path) as made:
        yield made


def put(b: Bench, **asked: Any) -> None:
    b.asg.put_warm_pool(AutoScalingGroupName="g", **(asked or OF_ONE))


def ways(b: Bench, kind: str) -> list[tuple[str, str, str]]:
    return [(event["EC2InstanceId"], event["Origin"], event["Destination"]) for event in b.events.details(kind)]


def prepared(b: Bench, **more: Any) -> tuple[str, str]:
    """A group with both hooks, one instance in service and one prepared in its pool: (serving, pooled)."""
    b.create_group(**HOOKS, **more)
    put(b)
    b.tick(10)
    serving, pooled = b.only("Pending:Wait"), b.pooled("Warmed:Pending:Wait")
    b.complete("admit", serving)
    b.clock.advance(25)
    b.complete("admit", pooled)
    b.tick(6)
    assert (b.members(), b.pool()) == ({serving: "InService"}, {pooled: "Warmed:Stopped"})
    return serving, pooled


def test_an_instance_is_prepared_stopped_and_told_what_it_is_to_be(b: Bench):
    """warm-pool-instance-lifecycle.html, retrieving-target-lifecycle-state-through-imds.html."""
    b.create_group(**HOOKS)
    put(b)
    b.tick(3)
    pooled = b.pooled("Warmed:Pending")
    b.tick(7)
    assert b.pool() == {pooled: "Warmed:Pending:Wait"}
    b.clock.advance(25)
    b.tick()
    assert ("target", pooled, "Warmed:Stopped") in b.machines.calls

    b.complete("admit", pooled)
    lab.groups.groups_of(b.world).tick()  # without waiting for EC2's threads
    assert b.pool() == {pooled: "Warmed:Pending:Proceed"}
    b.tick(6)
    assert b.pool() == {pooled: "Warmed:Stopped"}
    assert (b.state(pooled), b.machines.is_on(pooled)) == ("stopped", False)
    assert b.events.states(pooled) == ["pending", "running", "stopping", "stopped"]


def test_the_pools_events_name_where_an_instance_comes_from_and_goes_to(b: Bench):
    """warm-pools-eventbridge-events.html."""
    serving, pooled = prepared(b)
    assert ways(b, LAUNCH) == [(serving, "EC2", "AutoScalingGroup"), (pooled, "EC2", "WarmPool")]
    done = ("EC2 Instance Launch Successful", [(serving, "EC2", "AutoScalingGroup"), (pooled, "EC2", "WarmPool")])
    assert ways(b, done[0]) == done[1]
    event = b.events.details(LAUNCH)[1]
    assert (event["LifecycleTransition"], event["NotificationMetadata"]) == (
        LAUNCH_HOOK["LifecycleTransition"],
        "understudy/demo/counter",
    )


def test_a_replacement_is_taken_from_the_pool_and_the_pool_is_filled_again(b: Bench):
    """ec2-auto-scaling-warm-pools.html: a warm start; warm-pool-instance-lifecycle.html: the hook holds it a second time."""
    old, pooled = prepared(b)
    address = b.instance(pooled)["PrivateIpAddress"]
    boots = b.machines.calls.count(("boot", pooled))
    b.asg.terminate_instance_in_auto_scaling_group(InstanceId=old, ShouldDecrementDesiredCapacity=False)
    b.tick(3)
    assert b.members()[pooled] == "Pending"
    assert list(b.pool()) == []
    b.tick(5)
    assert b.members()[pooled] == "Pending:Wait"
    b.clock.advance(20)
    b.tick()
    assert b.machines.calls.count(("boot", pooled)) == boots + 1
    assert [call for call in b.machines.calls if pooled in call][-2:] == [("boot", pooled), ("target", pooled, "InService")]
    assert b.instance(pooled)["PrivateIpAddress"] == address
    assert ways(b, LAUNCH)[2] == (pooled, "WarmPool", "AutoScalingGroup")

    b.complete("admit", pooled)
    b.complete("retire", old)
    b.tick(5)
    assert b.members() == {pooled: "InService"}
    assert b.pooled("Warmed:Pending:Wait") not in (old, pooled)
    texts = [row["Description"] for row in b.asg.describe_scaling_activities(AutoScalingGroupName="g")["Activities"]]
    assert f"Launching a new EC2 instance from warm pool: {pooled}" in texts
    assert f"Launching a new EC2 instance into warm pool: {pooled}" in texts
    assert b.events.states(pooled)[-2:] == ["pending", "running"]


def test_one_that_is_not_prepared_yet_is_left_and_the_start_is_cold(b: Bench):
    """ec2-auto-scaling-warm-pools.html, "Limitations": depleted."""
    b.create_group(**HOOKS)
    put(b)
    b.tick(10)
    first, pooled = b.only("Pending:Wait"), b.pooled("Warmed:Pending:Wait")
    b.asg.terminate_instance_in_auto_scaling_group(InstanceId=first, ShouldDecrementDesiredCapacity=False)
    b.tick(10)
    assert b.pool() == {pooled: "Warmed:Pending:Wait"}
    assert b.only("Pending:Wait") != pooled


@pytest.mark.parametrize("fault", [["t4g.small/us-east-1b"], True])
def test_without_capacity_in_its_zone_a_pooled_instance_stays_and_another_zone_is_tried(b: Bench, fault: Any):
    """ec2-auto-scaling-warm-pools.html: "cold starts if an Availability Zone is out of capacity"; troubleshooting-launch.html."""
    old, pooled = prepared(b, VPCZoneIdentifier=f"{b.subnets[1]},{b.subnets[0]}")
    zone = b.instance(pooled)["Placement"]["AvailabilityZone"]
    b.world.faults["insufficient_capacity"] = fault if fault is True else [f"t4g.small/{zone}"]
    b.asg.terminate_instance_in_auto_scaling_group(InstanceId=old, ShouldDecrementDesiredCapacity=False)
    b.tick(10)
    assert b.pool() == {pooled: "Warmed:Stopped"}
    with pytest.raises(ClientError, match="InsufficientInstanceCapacity"):
        b.ec2.start_instances(InstanceIds=[pooled])
    if fault is True:
        del b.world.faults["insufficient_capacity"]
        b.tick(12)
        assert b.members()[pooled] in ("Pending", "Pending:Wait")
    else:
        assert b.instance(b.only("Pending:Wait"))["Placement"]["AvailabilityZone"] != zone


def test_abandon_in_the_pool_ends_the_instance_and_another_is_prepared(b: Bench):
    """lifecycle-hooks.html, ABANDON; warm-pools-eventbridge-events.html for where it goes."""
    b.create_group(**HOOKS)
    put(b)
    b.tick(10)
    bad = b.pooled("Warmed:Pending:Wait")
    b.complete("admit", bad, "ABANDON")
    b.tick(0.5)
    assert b.pool()[bad] == "Warmed:Terminating:Wait"
    assert ways(b, END) == [(bad, "WarmPool", "EC2")]
    assert ways(b, "EC2 Instance Launch Unsuccessful") == [(bad, "EC2", "WarmPool")]
    b.tick(9)
    assert sorted(b.pool().values()) == ["Warmed:Pending:Wait", "Warmed:Terminating:Wait"]
    b.complete("retire", bad)
    b.tick(5)
    assert bad not in b.pool()
    assert b.state(bad) == "terminated"
    assert ways(b, "EC2 Instance Terminate Successful") == [(bad, "WarmPool", "EC2")]


def test_a_prepared_instance_that_is_terminated_is_replaced_and_a_stopped_one_is_well(b: Bench):
    """warm-pools-health-checks-monitor-view-status.html: EC2's status checks do not judge a stopped one."""
    serving, pooled = prepared(b)
    b.clock.advance(3600)
    b.tick(1)
    assert b.pool() == {pooled: "Warmed:Stopped"}
    b.ec2.terminate_instances(InstanceIds=[pooled])
    b.settle()
    b.tick(9)
    assert b.pool()[pooled] == "Warmed:Terminating:Wait"
    b.tick(9)
    b.complete("retire", pooled)
    b.tick(1)
    assert b.pooled("Warmed:Pending:Wait") != pooled
    assert b.members() == {serving: "InService"}


def test_a_user_may_call_a_pooled_instance_unhealthy_and_no_grace_period_protects_it(b: Bench):
    """warm-pools-health-checks-monitor-view-status.html: custom health checks are supported, there is no grace period."""
    _, pooled = prepared(b, HealthCheckGracePeriod=100_000)
    b.asg.set_instance_health(InstanceId=pooled, HealthStatus="Unhealthy")
    b.tick(0.5)
    assert b.pool()[pooled].startswith("Warmed:Terminating")


@pytest.mark.parametrize("call", ["terminate_instance_in_auto_scaling_group", "set_instance_protection"])
def test_some_calls_are_not_for_instances_in_a_pool(b: Bench, call: str):
    """API_TerminateInstanceInAutoScalingGroup.html, API_SetInstanceProtection.html."""
    _, pooled = prepared(b)
    asked: dict[str, Any] = {"InstanceId": pooled, "ShouldDecrementDesiredCapacity": False}
    if call == "set_instance_protection":
        asked = {"AutoScalingGroupName": "g", "InstanceIds": [pooled], "ProtectedFromScaleIn": True}
    with pytest.raises(ClientError, match="cannot be called on instances in a warm pool"):
        getattr(b.asg, call)(**asked)


def test_the_pool_reads_back_and_its_instances_are_told_apart_from_the_groups(b: Bench):
    """API_DescribeWarmPool.html, API_AutoScalingGroup.html, API_DescribeAutoScalingInstances.html."""
    serving, pooled = prepared(b)
    told = b.asg.describe_warm_pool(AutoScalingGroupName="g")
    assert told["WarmPoolConfiguration"] == OF_ONE
    (row,) = told["Instances"]
    template = b.group()["LaunchTemplate"]["LaunchTemplateId"]
    assert (row["HealthStatus"], row["LaunchTemplate"]["LaunchTemplateId"], row["LaunchTemplate"]["Version"]) == ("Healthy", template, "1")
    assert (b.group()["WarmPoolConfiguration"], b.group()["WarmPoolSize"]) == (OF_ONE, 1)
    assert [member["InstanceId"] for member in b.group()["Instances"]] == [serving]
    states = {row["InstanceId"]: row["LifecycleState"] for row in b.asg.describe_auto_scaling_instances()["AutoScalingInstances"]}
    assert states == {serving: "InService", pooled: "Warmed:Stopped"}


def test_a_group_without_a_pool_has_no_configuration_and_none_to_delete(b: Bench):
    """API_DescribeWarmPool.html; "No warm pool found": github.com/hashicorp/terraform-provider-aws, internal/service/autoscaling."""
    b.create_group()
    assert "WarmPoolConfiguration" not in b.asg.describe_warm_pool(AutoScalingGroupName="g")
    with pytest.raises(ClientError, match="No warm pool found"):
        b.asg.delete_warm_pool(AutoScalingGroupName="g")


def test_a_pooled_instance_keeps_the_version_it_was_launched_from(b: Bench):
    """ec2-auto-scaling-warm-pools.html, "Update the instances in a warm pool": existing instances are not affected, new ones are."""
    _, pooled = prepared(b)
    data = {"ImageId": "ami-0deb12000000000a6", "InstanceType": "t4g.medium"}
    b.ec2.create_launch_template_version(LaunchTemplateId=b.group()["LaunchTemplate"]["LaunchTemplateId"], LaunchTemplateData=data)
    b.tick(10)
    (row,) = b.asg.describe_warm_pool(AutoScalingGroupName="g")["Instances"]
    assert (row["InstanceId"], row["LaunchTemplate"]["Version"]) == (pooled, "1")
    b.ec2.terminate_instances(InstanceIds=[pooled])
    b.settle()
    b.tick(20)
    rows = b.asg.describe_warm_pool(AutoScalingGroupName="g")["Instances"]
    assert [row["LaunchTemplate"]["Version"] for row in rows if row["InstanceId"] != pooled] == ["2"]


def test_a_suspended_launch_fills_no_pool(b: Bench):
    """as-suspend-resume-processes.html: Launch, "such as when it adds instances to a warm pool"."""
    b.create_group()
    b.asg.suspend_processes(AutoScalingGroupName="g", ScalingProcesses=["Launch"])
    put(b)
    b.tick(10)
    assert b.pool() == {}
    b.asg.resume_processes(AutoScalingGroupName="g", ScalingProcesses=["Launch"])
    b.tick(10)
    assert len(b.pool()) == 1


def test_without_a_hook_it_is_stopped_as_soon_as_it_runs(b: Bench):
    """warm-pool-instance-lifecycle.html: stopped as soon as it finishes launching, whatever the user data does."""
    b.create_group()
    put(b)
    b.tick(13)
    pooled = b.pooled("Warmed:Stopped")
    assert ("boot", pooled) not in b.machines.calls


def test_a_running_pool_keeps_its_instances_on_and_judges_them_by_ec2(b: Bench):
    """ec2-auto-scaling-warm-pools.html, "Warm pool instance state"; warm-pools-health-checks-monitor-view-status.html."""
    b.create_group()
    put(b, PoolState="Running", MinSize=1)
    b.tick(10)
    pooled = b.pooled("Warmed:Running")
    assert b.state(pooled) == "running"
    b.ec2.stop_instances(InstanceIds=[pooled])
    b.settle()
    b.tick(20)
    assert b.pooled("Warmed:Running") != pooled
    assert b.state(pooled) == "terminated"


def test_a_pool_is_deleted_by_force_with_its_instances_and_without_their_hooks(b: Bench):
    """API_DeleteWarmPool.html, delete-warm-pool.html."""
    serving, pooled = prepared(b)
    with pytest.raises(ClientError, match="resource is in use") as error:
        b.asg.delete_warm_pool(AutoScalingGroupName="g")
    assert error.value.response["Error"]["Code"] == "ResourceInUse"
    b.asg.delete_warm_pool(AutoScalingGroupName="g", ForceDelete=True)
    assert b.asg.describe_warm_pool(AutoScalingGroupName="g")["WarmPoolConfiguration"]["Status"] == "PendingDelete"
    b.tick(5)
    assert (b.pool(), b.state(pooled), b.members()) == ({}, "terminated", {serving: "InService"})
    assert "WarmPoolConfiguration" not in b.group()
    assert ways(b, END) == []


def test_while_one_is_prepared_a_pool_is_deleted_by_force_only(b: Bench):
    """API_DeleteWarmPool.html: ScalingActivityInProgress."""
    b.create_group(**HOOKS)
    put(b)
    b.tick(10)
    with pytest.raises(ClientError, match="scaling activities in progress") as error:
        b.asg.delete_warm_pool(AutoScalingGroupName="g")
    assert error.value.response["Error"]["Code"] == "ScalingActivityInProgress"


def test_a_group_deleted_by_force_takes_its_pool_along(b: Bench):
    """API_DeleteAutoScalingGroup.html: "the force delete option also deletes the warm pool"."""
    serving, pooled = prepared(b)
    b.asg.delete_auto_scaling_group(AutoScalingGroupName="g", ForceDelete=True)
    b.tick(6)
    assert b.asg.describe_auto_scaling_groups()["AutoScalingGroups"] == []
    assert (b.state(serving), b.state(pooled)) == ("terminated", "terminated")


def test_what_a_pool_cannot_be_is_refused(b: Bench):
    """API_PutWarmPool.html, valid values and ranges; the last two are the lab's own limits."""
    b.create_group()
    unchecked = session().client("autoscaling", config=Config(parameter_validation=False))
    for asked, words in (
        ({"PoolState": "Frozen"}, "failed to satisfy constraint: Member must satisfy enum value set"),
        ({"MinSize": -1}, "greater than or equal to 0"),
        ({"MaxGroupPreparedCapacity": -2}, "greater than or equal to -1"),
        ({"PoolState": "Hibernated"}, "the lab's warm pools do not hibernate"),
        ({"InstanceReusePolicy": {"ReuseOnScaleIn": True}}, "ReuseOnScaleIn"),
    ):
        with pytest.raises(ClientError, match=words):
            unchecked.put_warm_pool(AutoScalingGroupName="g", **asked)
    assert "WarmPoolConfiguration" not in b.group()


def test_several_types_have_a_pool_and_spot_has_none(b: Bench):
    """ec2-auto-scaling-warm-pools.html, "Limitations"; whats-new/2025/11/ec2-auto-scaling-warm-pool-mixed-instances-policies."""
    source = {
        "LaunchTemplateSpecification": {"LaunchTemplateId": b.template(), "Version": "1"},
        "Overrides": [{"InstanceType": "t4g.medium"}],
    }
    mixed = {"LaunchTemplate": source, "InstancesDistribution": {"OnDemandBaseCapacity": 0, "OnDemandPercentageAboveBaseCapacity": 100}}
    spot = {**mixed, "InstancesDistribution": {"OnDemandBaseCapacity": 0, "OnDemandPercentageAboveBaseCapacity": 0}}
    b.create_group(MixedInstancesPolicy=mixed)
    put(b)
    b.tick(3)
    assert b.asg.describe_warm_pool(AutoScalingGroupName="g")["Instances"][0]["InstanceType"] == "t4g.medium"
    with pytest.raises(ClientError, match="Spot Instances"):
        b.asg.update_auto_scaling_group(AutoScalingGroupName="g", MixedInstancesPolicy=spot)
    b.create_group(AutoScalingGroupName="other", MixedInstancesPolicy=spot)
    with pytest.raises(ClientError, match="Spot Instances"):
        b.asg.put_warm_pool(AutoScalingGroupName="other", **OF_ONE)


@pytest.mark.parametrize(
    ("asked", "largest", "expected"),
    [
        pytest.param({}, 3, 2, id="what the group may have and does not want"),
        pytest.param({"prepared": 2}, 5, 1, id="a capacity of its own"),
        pytest.param({"prepared": 0}, 5, 0, id="less than is desired"),
        pytest.param({"prepared": 0, "min_size": 1}, 5, 1, id="less than is desired, and a least size"),
        pytest.param({"prepared": 2, "min_size": 2}, 5, 2, id="an absolute size"),
        pytest.param({"min_size": 2, "deleting": True}, 5, 0, id="none, for it is to go"),
    ],
)
def test_the_size_of_a_pool(asked: dict[str, Any], largest: int, expected: int):
    """API_PutWarmPool.html, MaxGroupPreparedCapacity; examples-warm-pools-aws-cli.html."""
    assert warm.size(Pool(**asked), largest=largest, desired=1) == expected


def test_a_pool_follows_its_size_up_and_down(b: Bench):
    """API_PutWarmPool.html: "to remove a value that you previously set, include the property but specify -1"; the rest stays."""
    b.create_group(MaxSize=3)
    put(b, MaxGroupPreparedCapacity=2)
    b.tick(3)
    assert len(b.pool()) == 1
    put(b, MaxGroupPreparedCapacity=-1)
    b.tick(3)
    assert len(b.pool()) == 2
    put(b, MaxGroupPreparedCapacity=0)
    b.tick(10)
    assert b.pool() == {}

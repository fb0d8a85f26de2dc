"""A group's spot machines, lifetimes and maintenance, through the API."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from lab.ec2 import instances_of
from lab.ec2.spot import reclaim
from tests.lab.groups_bench import Bench
from tests.lab.test_lab_groups import b

__all__ = ["b"]  # a fixture


def mixed(b: Bench, **distribution: Any) -> dict[str, Any]:
    source = {"LaunchTemplateSpecification": {"LaunchTemplateId": b.template()}, "Overrides": [{"InstanceType": "t4g.small"}]}
    return {"LaunchTemplate": source, "InstancesDistribution": distribution}


def test_a_spot_machine_is_warned_and_ended_two_minutes_later_and_one_on_demand_never(b: Bench):
    """https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html."""
    spot = {"OnDemandBaseCapacity": 0, "OnDemandPercentageAboveBaseCapacity": 0, "SpotAllocationStrategy": "capacity-optimized-prioritized"}
    b.asg.create_auto_scaling_group(
        AutoScalingGroupName="g", MinSize=1, MaxSize=1, VPCZoneIdentifier=",".join(b.subnets), MixedInstancesPolicy=mixed(b, **spot)
    )
    b.tick(10)
    (instance,) = b.members()
    assert b.instance(instance)["InstanceLifecycle"] == "spot"

    reclaim(b.world, instances_of(b.world), instance)
    (warning,) = b.events.details("EC2 Spot Instance Interruption Warning")
    assert warning == {"instance-id": instance, "instance-action": "terminate"}
    b.clock.advance(119)
    assert b.state(instance) == "running"
    b.clock.advance(1)
    b.settle()
    assert b.state(instance) in ("shutting-down", "terminated")

    with pytest.raises(ValueError, match="on demand"):
        reclaim(b.world, instances_of(b.world), b.running_instance())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"MaxInstanceLifetime": 3600}, "must be 0 or at least 86400"),
        ({"InstanceMaintenancePolicy": {"MinHealthyPercentage": 100, "MaxHealthyPercentage": 110}}, "terminate and launch"),
        ({"InstanceMaintenancePolicy": {"MinHealthyPercentage": 0, "MaxHealthyPercentage": 250}}, "not a range"),
    ],
)
def test_a_lifetime_below_a_day_and_a_policy_that_launches_first_are_refused(b: Bench, changes: dict[str, Any], words: str):
    """asg-max-instance-lifetime.html and API_InstanceMaintenancePolicy.html; that the lab cannot launch first it says itself."""
    with pytest.raises(ClientError, match=words):
        b.create_group(**changes)


def test_lifetime_and_maintenance_are_told_as_they_were_given(b: Bench):
    """API_AutoScalingGroup.html."""
    policy = {"MinHealthyPercentage": 0, "MaxHealthyPercentage": 100}
    b.create_group(MaxInstanceLifetime=604_800, InstanceMaintenancePolicy=policy)

    assert (b.group()["MaxInstanceLifetime"], b.group()["InstanceMaintenancePolicy"]) == (604_800, policy)

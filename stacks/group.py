"""The group that keeps exactly one of an assembly, with its hooks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from aws_cdk import Annotations, Tags
from aws_cdk import aws_autoscaling as autoscaling
from aws_cdk import aws_ec2 as ec2
from constructs import Construct, IDependable

from core import names
from core.model import Assembly, Deployable
from spec.capacity import capacity_needs
from stacks.network import NodeNetwork
from stacks.rollout import roll_out

# Long enough for a boot and for a predecessor that is slow to die; admit_node keeps it alive while that goes on.
LAUNCH_HEARTBEAT_S = 600
TERMINATE_HEARTBEAT_S = 180

# A replacement that is launched first would wait for its permit until the old node is gone, and the group would wait with
# ending the old one until the new one serves: terminate, and launch meanwhile, whatever the reason.
# https://docs.aws.amazon.com/autoscaling/ec2/userguide/instance-maintenance-policy-overview-and-considerations.html
NEVER_ABOVE_ONE = autoscaling.CfnAutoScalingGroup.InstanceMaintenancePolicyProperty(min_healthy_percentage=0, max_healthy_percentage=100)
_Distribution = autoscaling.CfnAutoScalingGroup.InstancesDistributionProperty
ON_DEMAND = _Distribution(on_demand_allocation_strategy="prioritized", on_demand_percentage_above_base_capacity=100)
SPOT = _Distribution(
    on_demand_base_capacity=0, on_demand_percentage_above_base_capacity=0, spot_allocation_strategy="capacity-optimized-prioritized"
)


class LaunchKeywords(TypedDict, total=False):
    """What a group launches, as keywords of its construct: one of the two."""

    launch_template: autoscaling.CfnAutoScalingGroup.LaunchTemplateSpecificationProperty
    mixed_instances_policy: autoscaling.CfnAutoScalingGroup.MixedInstancesPolicyProperty


def group_of_one(
    scope: Construct,
    *,
    deployable: Deployable,
    assembly: Assembly,
    network: NodeNetwork,
    template: ec2.CfnLaunchTemplate,
    after: Sequence[IDependable],
) -> autoscaling.CfnAutoScalingGroup:
    """A group with min = max = 1. after: what must stand before its first node, which is launched the moment it exists.

    Recovery makes room for two for a moment: docs/decisions/launched-first.md.

    The hooks stand in the group itself: a hook that is a resource of its own comes after the
    group, and the first instance slips by it.
    """
    needs = capacity_needs(assembly)
    if needs is not None:
        Annotations.of(scope).add_info_v2("understudy:spot", needs)
    group = autoscaling.CfnAutoScalingGroup(
        scope,
        "Group",
        min_size="1",
        max_size="1",
        desired_capacity="1",
        vpc_zone_identifier=[subnet.subnet_id for subnet in network.subnets],
        **_what_to_launch(assembly, template),
        health_check_type="EC2",
        health_check_grace_period=round(assembly.start_grace_s),
        lifecycle_hook_specification_list=_hooks(names.hook_metadata(deployable.name, assembly.name)),
        instance_maintenance_policy=NEVER_ABOVE_ONE,
        max_instance_lifetime=None if assembly.capacity.lifetime_s is None else round(assembly.capacity.lifetime_s),
    )
    Tags.of(group).add(names.TAG_DEPLOYABLE, deployable.name)
    Tags.of(group).add(names.TAG_ASSEMBLY, assembly.name)
    roll_out(group, deployable, assembly)
    group.node.add_dependency(*after)
    if assembly.capacity.warm_pool:
        warm_pool(scope, group)
    return group


def warm_pool(scope: Construct, group: autoscaling.CfnAutoScalingGroup) -> autoscaling.CfnWarmPool:
    """One more instance, launched beforehand and stopped; none of those in service is put there when it goes.

    "Only when MaxGroupPreparedCapacity and MinSize are set to the same value does the warm pool have an absolute size":
    https://docs.aws.amazon.com/AutoScaling/latest/APIReference/API_PutWarmPool.html. The launch hook, which must be there before
    (https://docs.aws.amazon.com/autoscaling/ec2/userguide/create-warm-pool.html), stands in the group itself.
    """
    kind = autoscaling.CfnWarmPool
    return kind(
        scope,
        "WarmPool",
        auto_scaling_group_name=group.ref,
        pool_state="Stopped",
        min_size=1,
        max_group_prepared_capacity=1,
        instance_reuse_policy=kind.InstanceReusePolicyProperty(reuse_on_scale_in=False),
    )


def _hooks(metadata: str) -> list[autoscaling.CfnAutoScalingGroup.LifecycleHookSpecificationProperty]:
    hook = autoscaling.CfnAutoScalingGroup.LifecycleHookSpecificationProperty
    return [
        hook(
            lifecycle_hook_name=names.LAUNCH_HOOK,
            lifecycle_transition="autoscaling:EC2_INSTANCE_LAUNCHING",
            heartbeat_timeout=LAUNCH_HEARTBEAT_S,
            default_result="ABANDON",
            notification_metadata=metadata,
        ),
        hook(
            lifecycle_hook_name=names.TERMINATE_HOOK,
            lifecycle_transition="autoscaling:EC2_INSTANCE_TERMINATING",
            heartbeat_timeout=TERMINATE_HEARTBEAT_S,
            default_result="CONTINUE",
            notification_metadata=metadata,
        ),
    ]


def _what_to_launch(assembly: Assembly, template: ec2.CfnLaunchTemplate) -> LaunchKeywords:
    """The template alone, or with the instance types to try in the file's order when capacity is short, on demand or spot.

    https://docs.aws.amazon.com/autoscaling/ec2/userguide/allocation-strategies.html ("prioritized"; for spot the order is a wish
    that comes after what is likely to last).
    """
    kind = autoscaling.CfnAutoScalingGroup
    specification = kind.LaunchTemplateSpecificationProperty(launch_template_id=template.ref, version=template.attr_latest_version_number)
    if len(assembly.instances) == 1 and not assembly.capacity.spot:
        return {"launch_template": specification}
    return {
        "mixed_instances_policy": kind.MixedInstancesPolicyProperty(
            launch_template=kind.LaunchTemplateProperty(
                launch_template_specification=specification,
                overrides=[kind.LaunchTemplateOverridesProperty(instance_type=instance_type) for instance_type in assembly.instances],
            ),
            instances_distribution=SPOT if assembly.capacity.spot else ON_DEMAND,
        )
    }

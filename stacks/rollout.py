"""How CloudFormation creates and updates a group: it waits to be told that the node serves, and goes back by itself when it does not."""

from __future__ import annotations

from aws_cdk import CfnAutoScalingRollingUpdate, CfnCreationPolicy, CfnResource, CfnResourceSignal, CfnUpdatePolicy

from core.lifecycle.rollout import create_timeout_s, iso_duration, update_pause_s
from core.model import Assembly, Deployable

# What would change the group under CloudFormation's hands; Launch and Terminate are what it works with.
# https://repost.aws/knowledge-center/auto-scaling-group-rolling-updates
HELD_STILL = ("HealthCheck", "ReplaceUnhealthy", "AZRebalance", "AlarmNotification", "ScheduledActions")


def roll_out(group: CfnResource, deployable: Deployable, assembly: Assembly) -> None:
    """Give a group of one its policies.

    The old node goes first (none is kept in service: prefer none over two), by the same hooks as ever, and the new one is told of by
    admit_node. https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-updatepolicy.html and
    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-creationpolicy.html
    """
    timeout = iso_duration(create_timeout_s(deployable, assembly))
    group.cfn_options.creation_policy = CfnCreationPolicy(resource_signal=CfnResourceSignal(count=1, timeout=timeout))
    group.cfn_options.update_policy = CfnUpdatePolicy(
        auto_scaling_rolling_update=CfnAutoScalingRollingUpdate(
            min_instances_in_service=0,
            max_batch_size=1,
            wait_on_resource_signals=True,
            pause_time=iso_duration(update_pause_s(deployable, assembly)),
            suspend_processes=list(HELD_STILL),
        )
    )

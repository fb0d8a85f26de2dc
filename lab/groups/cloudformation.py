"""CloudFormation's Auto Scaling types, made through the controller's own API."""

from __future__ import annotations

from typing import Any

from lab.ec2.shapes import coerce
from lab.emulator.cloudformation.provider import Made, Request, resource

_GROUP = "AWS::AutoScaling::AutoScalingGroup"
_HOOK = "AWS::AutoScaling::LifecycleHook"
_POOL = "AWS::AutoScaling::WarmPool"
_SAME = (
    "MinSize",
    "MaxSize",
    "DesiredCapacity",
    "HealthCheckGracePeriod",
    "HealthCheckType",
    "LaunchTemplate",
    "MixedInstancesPolicy",
    "LifecycleHookSpecificationList",
    "NewInstancesProtectedFromScaleIn",
    "TerminationPolicies",
    "DefaultInstanceWarmup",
    "DesiredCapacityType",
    "Context",
    "AvailabilityZoneDistribution",
    "ServiceLinkedRoleARN",
    "AvailabilityZones",
    "InstanceMaintenancePolicy",
    "MaxInstanceLifetime",
)


@resource(_GROUP, name="AutoScalingGroupName", again=True)
def group(request: Request) -> Made:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-autoscaling-autoscalinggroup.html."""
    props, api = request.props, request.api("autoscaling")
    wanted: dict[str, Any] = props.pick(*_SAME)
    if subnets := props.take("VPCZoneIdentifier"):
        wanted["VPCZoneIdentifier"] = ",".join(subnets)
    if cooldown := props.take("Cooldown"):
        wanted["DefaultCooldown"] = cooldown
    tags = [{**tag, "ResourceId": request.name, "ResourceType": "auto-scaling-group"} for tag in props.take("Tags", [])]
    shown = coerce("autoscaling", "CreateAutoScalingGroupType", {**wanted, "AutoScalingGroupName": request.name})
    exists = api.describe_auto_scaling_groups(AutoScalingGroupNames=[request.name])["AutoScalingGroups"]
    if exists:
        shown.setdefault("MaxInstanceLifetime", 0)  # what a template no longer says holds no more
        shown.pop("LifecycleHookSpecificationList", None)  # CloudFormation changes inline hooks by replacing the group
        api.update_auto_scaling_group(**shown)
        if tags:
            api.create_or_update_tags(Tags=coerce("autoscaling", "Tags", tags))
    else:
        if stack := _stack_tags(request):
            tags += stack
        api.create_auto_scaling_group(**shown, Tags=coerce("autoscaling", "Tags", tags))
    return Made(request.name, undo=lambda: api.delete_auto_scaling_group(AutoScalingGroupName=request.name, ForceDelete=True))


def _stack_tags(request: Request) -> list[dict[str, Any]]:
    """CloudFormation tags what it makes, and Auto Scaling hands these on to instances.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-resource-tags.html
    """
    if "/" not in request.stack_id:
        return []
    values = {"stack-name": request.stack_id.split("/")[1], "stack-id": request.stack_id, "logical-id": request.logical_id}
    place = {"ResourceId": request.name, "ResourceType": "auto-scaling-group", "PropagateAtLaunch": True}
    return [{"Key": f"aws:cloudformation:{key}", "Value": value, **place} for key, value in values.items()]


@resource(_HOOK, name="LifecycleHookName", again=True)
def hook(request: Request) -> Made:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-autoscaling-lifecyclehook.html."""
    api, owner = request.api("autoscaling"), request.props.need("AutoScalingGroupName")
    same = ("LifecycleTransition", "DefaultResult", "HeartbeatTimeout", "NotificationMetadata", "NotificationTargetARN", "RoleARN")
    wanted = {**request.props.pick(*same), "AutoScalingGroupName": owner, "LifecycleHookName": request.name}
    api.put_lifecycle_hook(**coerce("autoscaling", "PutLifecycleHookType", wanted))
    return Made(request.name, undo=lambda: api.delete_lifecycle_hook(AutoScalingGroupName=owner, LifecycleHookName=request.name))


@resource(_POOL, again=True)
def warm_pool(request: Request) -> Made:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-autoscaling-warmpool.html.

    Its identifier is the group's name. It is deleted by force, as its permissions tell: DeleteWarmPool and nothing that empties it first.
    """
    api, owner = request.api("autoscaling"), request.props.need("AutoScalingGroupName")
    wanted = {"MaxGroupPreparedCapacity": -1, "MinSize": 0, "PoolState": "Stopped"}  # what a template no longer says holds no more
    wanted |= request.props.pick("MaxGroupPreparedCapacity", "MinSize", "PoolState", "InstanceReusePolicy")
    api.put_warm_pool(**coerce("autoscaling", "PutWarmPoolType", {**wanted, "AutoScalingGroupName": owner}))
    return Made(owner, undo=lambda: _delete_pool(api, owner))


def _delete_pool(api: Any, owner: str) -> None:
    """Nothing when it is going already."""
    found = api.describe_warm_pool(AutoScalingGroupName=owner).get("WarmPoolConfiguration", {"Status": "gone"})
    if "Status" not in found:
        api.delete_warm_pool(AutoScalingGroupName=owner, ForceDelete=True)

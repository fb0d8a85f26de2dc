"""What CreateAutoScalingGroup and its like are given, checked and made into the model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from lab.groups.ec2 import CannotLaunch, Ec2
from lab.groups.model import ABANDON, CONTINUE, LAUNCHING, TERMINATING, Group, Hook

# Kept and told again; nothing here would behave otherwise on AWS for a group as the lab runs it.
_TOLD = (
    "DefaultCooldown",
    "HealthCheckType",
    "TerminationPolicies",
    "NewInstancesProtectedFromScaleIn",
    "DefaultInstanceWarmup",
    "ServiceLinkedRoleARN",
    "DesiredCapacityType",
    "Context",
    "MixedInstancesPolicy",
    "AvailabilityZoneDistribution",
    "InstanceLifecyclePolicy",
    "InstanceMaintenancePolicy",
    "MaxInstanceLifetime",
)
_OWN = (
    "AutoScalingGroupName",
    "MinSize",
    "MaxSize",
    "DesiredCapacity",
    "HealthCheckGracePeriod",
    "VPCZoneIdentifier",
    "AvailabilityZones",
    "LaunchTemplate",
    "Tags",
    "LifecycleHookSpecificationList",
)

# ec2-auto-scaling-warm-pools.html, "Limitations". A mixed instances policy is none any more:
# https://aws.amazon.com/about-aws/whats-new/2025/11/ec2-auto-scaling-warm-pool-mixed-instances-policies/
NO_SPOT_POOL = "You cannot add a warm pool to an Auto Scaling group that launches Spot Instances."
DAY_S = 86_400  # https://docs.aws.amazon.com/autoscaling/ec2/userguide/asg-max-instance-lifetime.html


class Invalid(Exception):
    """A request AWS would refuse with ValidationError, or one the lab cannot honour; the text says which."""


def hook_from(given: Mapping[str, Any], old: Hook | None = None) -> Hook:
    """https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_PutLifecycleHook.html. Raises Invalid."""
    hook = Hook(
        name=given["LifecycleHookName"],
        transition=given.get("LifecycleTransition", old.transition if old else ""),
        heartbeat_s=int(given.get("HeartbeatTimeout", old.heartbeat_s if old else 3600)),
        default_result=given.get("DefaultResult", old.default_result if old else ABANDON),
        metadata=given.get("NotificationMetadata", old.metadata if old else None),
        target_arn=given.get("NotificationTargetARN", old.target_arn if old else None),
        role_arn=given.get("RoleARN", old.role_arn if old else None),
    )
    if hook.transition not in (LAUNCHING, TERMINATING):
        raise Invalid(f"Lifecycle transition {hook.transition!r} is not valid: use {LAUNCHING} or {TERMINATING}")
    if not 30 <= hook.heartbeat_s <= 7200:
        raise Invalid(f"HeartbeatTimeout is {hook.heartbeat_s}: must be between 30 and 7200 seconds")
    if hook.default_result not in (CONTINUE, ABANDON):
        raise Invalid(f"DefaultResult is {hook.default_result!r}: must be {CONTINUE} or {ABANDON}")
    return hook


def check_sizes(smallest: int, desired: int, largest: int) -> None:
    """Raises Invalid in AWS's words."""
    if smallest > largest:
        raise Invalid(f"Max bound, {largest}, must be greater than or equal to min bound, {smallest}")
    if not smallest <= desired <= largest:
        raise Invalid(f"Desired capacity:{desired} must be between the specified min size:{smallest} and max size:{largest}")


def applied(group: Group, given: Mapping[str, Any], ec2: Ec2) -> Group:
    """The group with the parameters of a create or update call. Raises Invalid; nothing is half-applied."""
    unknown = [key for key in given if key not in _TOLD + _OWN and given[key] not in (None, [], {}, False)]
    if unknown:
        raise Invalid(f"the lab's groups do not understand {', '.join(sorted(unknown))}")
    if given.get("HealthCheckType", "EC2") != "EC2":
        raise Invalid(f"HealthCheckType is {given['HealthCheckType']}: the lab has EC2 health checks only")
    check_maintenance(given.get("InstanceMaintenancePolicy") or {})
    lifetime_s = int(given.get("MaxInstanceLifetime", group.lifetime_s) or 0)
    if 0 < lifetime_s < DAY_S:
        raise Invalid(f"MaxInstanceLifetime is {lifetime_s}: must be 0 or at least {DAY_S} seconds")
    smallest, largest = int(given.get("MinSize", group.min_size)), int(given.get("MaxSize", group.max_size))
    desired = int(given.get("DesiredCapacity", min(max(group.desired, smallest), largest)))
    check_sizes(smallest, desired, largest)
    settings = {**group.settings, **{key: given[key] for key in _TOLD if key in given}}
    try:
        template, overrides, spot = _launch_source(group, given, ec2)
        subnets = group.subnets
        if given.get("VPCZoneIdentifier"):
            subnets = tuple((subnet.strip(), ec2.zone_of(subnet.strip())) for subnet in given["VPCZoneIdentifier"].split(","))
    except CannotLaunch as error:
        raise Invalid(str(error)) from error
    if spot and group.pool is not None:
        raise Invalid(NO_SPOT_POOL)
    if not subnets:
        raise Invalid("At least one Availability Zone or VPC Subnet is required.")
    return replace(
        group,
        min_size=smallest,
        max_size=largest,
        desired=desired,
        grace_s=float(given.get("HealthCheckGracePeriod", group.grace_s)),
        subnets=subnets,
        template=template,
        overrides=overrides,
        spot=spot,
        lifetime_s=float(lifetime_s),
        settings=settings,
    )


def check_maintenance(policy: Mapping[str, Any]) -> None:
    """https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_InstanceMaintenancePolicy.html. Raises Invalid."""
    if not policy:
        return
    try:
        least, most = int(policy["MinHealthyPercentage"]), int(policy["MaxHealthyPercentage"])
    except KeyError as error:
        raise Invalid(f"InstanceMaintenancePolicy: {error.args[0]} must be specified") from error
    if (least, most) != (-1, -1) and not (0 <= least <= 100 <= most <= 200 and most - least <= 100):
        raise Invalid(f"InstanceMaintenancePolicy: {least} and {most} are not a range of 0 to 100 and 100 to 200, at most 100 apart")
    if most > 100:
        raise Invalid("the lab's groups terminate and launch; MaxHealthyPercentage above 100 would launch first")


def _launch_source(group: Group, given: Mapping[str, Any], ec2: Ec2) -> tuple[Mapping[str, str], tuple[str, ...], bool]:
    """The launch template, instance types to try in order, and whether they are bought as spot. Raises Invalid, CannotLaunch."""
    mixed = given.get("MixedInstancesPolicy")
    if mixed:
        source = mixed.get("LaunchTemplate", {})
        types = tuple(str(choice["InstanceType"]) for choice in source.get("Overrides", []) if "InstanceType" in choice)
        return ec2.template(source.get("LaunchTemplateSpecification", {})), types, _is_spot(mixed.get("InstancesDistribution", {}))
    if given.get("LaunchTemplate"):
        return ec2.template(given["LaunchTemplate"]), (), False
    if not group.template:
        raise Invalid(
            "Valid requests must contain either LaunchTemplate, LaunchConfigurationName, InstanceId or MixedInstancesPolicy parameter."
        )
    return group.template, group.overrides, group.spot


def _is_spot(distribution: Mapping[str, Any]) -> bool:
    """https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_InstancesDistribution.html: by default none, then all on demand.

    Raises Invalid for a mixture, which a group of one cannot show.
    """
    base, above = int(distribution.get("OnDemandBaseCapacity", 0)), int(distribution.get("OnDemandPercentageAboveBaseCapacity", 100))
    if base == 0 and above in (0, 100):
        return above == 0
    raise Invalid(f"OnDemandBaseCapacity {base} and {above} % above it: the lab's groups buy all on demand or all as spot")

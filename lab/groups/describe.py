"""Groups, instances and hooks as Auto Scaling's Describe calls tell them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from lab.groups.model import Group, Hook, Member, Pool

# https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_CreateAutoScalingGroup.html: what holds when it is not said
_DEFAULTS: Mapping[str, Any] = {
    "DefaultCooldown": 300,
    "HealthCheckType": "EC2",
    "TerminationPolicies": ["Default"],
    "NewInstancesProtectedFromScaleIn": False,
    "CapacityRebalance": False,
    "ServiceLinkedRoleARN": "arn:aws:iam::123456789012:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling",
    "TrafficSources": [],
    "LoadBalancerNames": [],
    "TargetGroupARNs": [],
}


def group_row(group: Group) -> dict[str, Any]:
    """As DescribeAutoScalingGroups gives it."""
    row: dict[str, Any] = {
        **_DEFAULTS,
        **group.settings,
        "AutoScalingGroupName": group.name,
        "AutoScalingGroupARN": group.arn,
        "MinSize": group.min_size,
        "MaxSize": group.max_size,
        "DesiredCapacity": group.desired,
        "HealthCheckGracePeriod": int(group.grace_s),
        "AvailabilityZones": sorted({zone for _, zone in group.subnets}),
        "VPCZoneIdentifier": ",".join(subnet for subnet, _ in group.subnets),
        "Instances": [member_row(member) for member in group.members if not member.in_pool],
        "CreatedTime": datetime.fromtimestamp(group.created_at, UTC),
        "SuspendedProcesses": [{"ProcessName": name, "SuspensionReason": reason} for name, reason in group.suspended],
        "EnabledMetrics": [],
        "Tags": tag_rows(group),
    }
    if group.pool is not None:
        row["WarmPoolConfiguration"] = pool_row(group.pool)
        row["WarmPoolSize"] = sum(member.in_pool for member in group.members)
    if group.deleting:
        row["Status"] = "Delete in progress"
    if "MixedInstancesPolicy" not in row:
        row["LaunchTemplate"] = dict(group.template)
    return row


def pool_row(pool: Pool) -> dict[str, Any]:
    """https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_WarmPoolConfiguration.html."""
    row: dict[str, Any] = {"MinSize": pool.min_size, "PoolState": pool.state}
    if pool.prepared is not None:
        row["MaxGroupPreparedCapacity"] = pool.prepared
    if pool.reuse is not None:
        row["InstanceReusePolicy"] = {"ReuseOnScaleIn": pool.reuse}
    if pool.deleting:
        row["Status"] = "PendingDelete"
    return row


def tag_rows(group: Group) -> list[dict[str, Any]]:
    return [
        {
            "ResourceId": group.name,
            "ResourceType": "auto-scaling-group",
            "Key": tag["Key"],
            "Value": tag.get("Value", ""),
            "PropagateAtLaunch": bool(tag.get("PropagateAtLaunch")),
        }
        for tag in group.tags
    ]


def member_row(member: Member) -> dict[str, Any]:
    return {
        "InstanceId": member.instance_id,
        "InstanceType": member.instance_type,
        "AvailabilityZone": member.zone,
        "LifecycleState": member.state,
        "HealthStatus": "Healthy" if member.healthy else "Unhealthy",
        "LaunchTemplate": dict(member.template),
        "ProtectedFromScaleIn": member.protected,
    }


def instance_row(group: Group, member: Member) -> dict[str, Any]:
    """As DescribeAutoScalingInstances gives it: there the health is in capitals."""
    return {**member_row(member), "AutoScalingGroupName": group.name, "HealthStatus": "HEALTHY" if member.healthy else "UNHEALTHY"}


def hook_row(group: Group, hook: Hook) -> dict[str, Any]:
    row = {
        "LifecycleHookName": hook.name,
        "AutoScalingGroupName": group.name,
        "LifecycleTransition": hook.transition,
        "HeartbeatTimeout": hook.heartbeat_s,
        "GlobalTimeout": hook.global_timeout_s,
        "DefaultResult": hook.default_result,
        "NotificationMetadata": hook.metadata,
        "NotificationTargetARN": hook.target_arn,
        "RoleARN": hook.role_arn,
    }
    return {key: value for key, value in row.items() if value is not None}


def matches(group: Group, filters: Iterable[Mapping[str, Any]]) -> bool:
    """Filters of DescribeAutoScalingGroups: tag-key, tag-value, tag:<key>; all must hold, any value of one.

    https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_Filter.html. Raises ValueError naming another filter.
    """
    tags = {str(tag["Key"]): str(tag.get("Value", "")) for tag in group.tags}
    return all(_holds(tags, str(wanted["Name"]), [str(value) for value in wanted.get("Values", [])]) for wanted in filters)


def _holds(tags: Mapping[str, str], name: str, values: list[str]) -> bool:
    if name == "tag-key":
        return any(key in values for key in tags)
    if name == "tag-value":
        return any(value in values for value in tags.values())
    if name.startswith("tag:"):
        return tags.get(name.removeprefix("tag:")) in values
    raise ValueError(f"Filter type {name} is not correct. Allowed Filter types are: tag-key tag-value tag:<key>")


def page(rows: list[Any], token: str | None, size: int) -> tuple[list[Any], str | None]:
    """One page from a token on, and the token of the next. Raises ValueError for a token not of ours."""
    start = int(token) if token else 0
    end = start + size
    return rows[start:end], str(end) if end < len(rows) else None

"""What Auto Scaling, and CloudFormation of a group, answer to the functions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core import names
from simulation.groups import Group, Groups, Member
from simulation.table import Item, refused

PROCESSES = (
    "Launch", "Terminate", "HealthCheck", "ReplaceUnhealthy", "AZRebalance", "AlarmNotification", "ScheduledActions", "AddToLoadBalancer",
    "InstanceRefresh",
)  # fmt: skip


class GroupsApi:
    def __init__(self, groups: Groups) -> None:
        self._groups = groups

    def describe_auto_scaling_groups(self, *, Filters: list[Mapping[str, Any]]) -> Item:
        tags = {f["Name"].removeprefix("tag:"): f["Values"][0] for f in Filters}
        group = self._groups.all.get((tags[names.TAG_DEPLOYABLE], tags[names.TAG_ASSEMBLY]))
        return {"AutoScalingGroups": [_row(group)] if group is not None else []}

    def complete_lifecycle_action(
        self, *, AutoScalingGroupName: str, LifecycleHookName: str, InstanceId: str, LifecycleActionResult: str
    ) -> Item:
        group, member = self._waiting(AutoScalingGroupName, LifecycleHookName, InstanceId, "CompleteLifecycleAction")
        self._groups.answered(group, member, LifecycleHookName, LifecycleActionResult)
        return {}

    def record_lifecycle_action_heartbeat(self, *, AutoScalingGroupName: str, LifecycleHookName: str, InstanceId: str) -> Item:
        group, member = self._waiting(AutoScalingGroupName, LifecycleHookName, InstanceId, "RecordLifecycleActionHeartbeat")
        self._groups.heartbeat(group, member, LifecycleHookName)
        return {}

    def terminate_instance_in_auto_scaling_group(self, *, InstanceId: str, ShouldDecrementDesiredCapacity: bool) -> Item:
        group, member = self._member(InstanceId, "TerminateInstanceInAutoScalingGroup")
        if not member.lifecycle.startswith("Terminating"):
            if ShouldDecrementDesiredCapacity:
                self._resize(group, group.desired - 1, "TerminateInstanceInAutoScalingGroup")
            self._groups.retire_now(group, member, hooks=True)
        return {}

    def update_auto_scaling_group(self, *, AutoScalingGroupName: str, MaxSize: int, DesiredCapacity: int) -> Item:
        group = self._named(AutoScalingGroupName)
        group.most = MaxSize
        self._resize(group, DesiredCapacity, "UpdateAutoScalingGroup")
        self._groups.resized(group)
        return {}

    def _resize(self, group: Group, desired: int, operation: str) -> None:
        if not 1 <= desired <= group.most:
            raise refused("ValidationError", operation, f"Desired capacity:{desired} must be between min size:1 and max size:{group.most}")
        group.desired, group.row = desired, None

    def suspend_processes(self, *, AutoScalingGroupName: str, ScalingProcesses: list[str] | None = None) -> Item:
        self._named(AutoScalingGroupName).suspended |= set(ScalingProcesses or PROCESSES)
        self._named(AutoScalingGroupName).row = None
        return {}

    def resume_processes(self, *, AutoScalingGroupName: str, ScalingProcesses: list[str] | None = None) -> Item:
        group = self._named(AutoScalingGroupName)
        self._groups.resume(group, set(ScalingProcesses or PROCESSES))
        group.row = None
        return {}

    def signal_resource(self, *, StackName: str, LogicalResourceId: str, UniqueId: str, Status: str) -> Item:
        """CloudFormation's: taken while an update waits."""
        group = next((g for g in self._groups.all.values() if g.name == LogicalResourceId), None)
        if group is None or not group.waits_for_signal:
            raise refused("ValidationError", "SignalResource", f"Stack {StackName} is in UPDATE_COMPLETE state and cannot be signaled")
        self._groups.signalled(group, UniqueId, Status)
        return {}

    def _named(self, name: str) -> Group:
        group = next((g for g in self._groups.all.values() if g.name == name), None)
        if group is None:
            raise refused("ValidationError", "AutoScaling", f"no group {name}")
        return group

    def _member(self, instance: str, operation: str) -> tuple[Group, Member]:
        machine = self._groups.machines.all.get(instance)
        group = self._groups.all.get(machine.place) if machine else None
        member = group.members.get(instance) if group else None
        if group is None or member is None:
            raise refused("ValidationError", operation, f"Instance Id not found - No managed instance found for instance ID: {instance}")
        return group, member

    def _waiting(self, name: str, hook: str, instance: str, operation: str) -> tuple[Group, Member]:
        group, member = self._member(instance, operation)
        wanted = "Pending:Wait" if hook == names.LAUNCH_HOOK else "Terminating:Wait"
        if group.name != name or member.lifecycle != wanted:
            raise refused("ValidationError", operation, f"No active Lifecycle Action found with instance ID {instance}")
        return group, member


def _row(group: Group) -> Item:
    if group.row is None:
        group.row = {
            "AutoScalingGroupName": group.name,
            "DesiredCapacity": group.desired,
            "MaxSize": group.most,
            "LaunchTemplate": {"LaunchTemplateId": "lt-1", "Version": str(group.version)},
            "SuspendedProcesses": [{"ProcessName": process, "SuspensionReason": "User suspended"} for process in sorted(group.suspended)],
            "Tags": [
                {"Key": "aws:cloudformation:stack-id", "Value": f"stack of {group.place[0]}"},
                {"Key": "aws:cloudformation:logical-id", "Value": group.name},
            ],
            "Instances": [
                {
                    "InstanceId": m.machine.id,
                    "LifecycleState": m.lifecycle,
                    "HealthStatus": "Healthy" if m.healthy else "Unhealthy",
                    "LaunchTemplate": {"LaunchTemplateId": "lt-1", "Version": str(m.version)},
                }
                for m in group.members.values()
            ],
        }
    return group.row

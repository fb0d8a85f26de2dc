"""Auto Scaling groups: found by their tags, for their names cannot be known where their hooks are handled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from core import names
from core.recovery.snapshot import Group, Member, StackPlace, View
from lambdas.adapters.clients import WorldFailed, all_pages, calling, client

# The hook is not waiting (any more), or the instance is on its way out already: somebody was faster.
# https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_CompleteLifecycleAction.html says no more than ValidationError.
_TOO_LATE = frozenset({"ValidationError", "ResourceContention", "ScalingActivityInProgress"})


def find(deployable: str, assembly: str) -> Group | None:
    """The assembly's group; None when there is none."""
    filters = [
        {"Name": f"tag:{names.TAG_DEPLOYABLE}", "Values": [deployable]},
        {"Name": f"tag:{names.TAG_ASSEMBLY}", "Values": [assembly]},
    ]
    with calling(f"describe the group of {deployable}/{assembly}"):
        groups = all_pages(client("autoscaling").describe_auto_scaling_groups, "AutoScalingGroups", Filters=filters)
    for group in groups:
        launches, name = _launches(group), str(group["AutoScalingGroupName"])
        return Group(
            name=name,
            wanted=int(group["DesiredCapacity"]),
            room=int(group["MaxSize"]),
            members=_members(group["Instances"], launches),
            stack=_stack(group),
            suspended=tuple(sorted(str(row["ProcessName"]) for row in group.get("SuspendedProcesses", []))),
            launches=launches,
            pool=_pool(name, launches) if group.get("WarmPoolConfiguration") else None,
        )
    return None


def _members(rows: Sequence[Mapping[str, Any]], launches: str) -> dict[str, Member]:
    return {
        row["InstanceId"]: Member(
            instance=row["InstanceId"],
            lifecycle=row["LifecycleState"],
            healthy=row.get("HealthStatus", "").lower() == "healthy",
            current=not launches or _version(row.get("LaunchTemplate")) in ("", launches),
        )
        for row in rows
    }


def _pool(group: str, launches: str) -> dict[str, Member]:
    """Its warm pool's, which no other call lists: https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_DescribeWarmPool.html"""
    with calling(f"describe the warm pool of {group}"):
        return _members(client("autoscaling").describe_warm_pool(AutoScalingGroupName=group)["Instances"], launches)


def _version(template: Mapping[str, Any] | None) -> str:
    """Of a launch template as the API tells it; "" where it says none that could be compared."""
    version = str((template or {}).get("Version", ""))
    return "" if version.startswith("$") else version


def _launches(group: Mapping[str, Any]) -> str:
    """The version of the launch template from which the group launches now.

    https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_AutoScalingGroup.html
    """
    mixed = group.get("MixedInstancesPolicy", {}).get("LaunchTemplate", {}).get("LaunchTemplateSpecification")
    return _version(mixed or group.get("LaunchTemplate"))


def _stack(group: Mapping[str, Any]) -> StackPlace | None:
    """By the tags that CloudFormation puts on what it makes.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-resource-tags.html
    """
    tags = {tag["Key"]: tag.get("Value", "") for tag in group.get("Tags", [])}
    stack, logical_id = tags.get("aws:cloudformation:stack-id"), tags.get("aws:cloudformation:logical-id")
    return StackPlace(stack=stack, logical_id=logical_id) if stack and logical_id else None


def complete_hook(group: str, hook: str, instance: str, *, let_in: bool) -> str:
    """Answer a lifecycle hook. Gives what came of it in a few words; being too late is not an error."""
    result = "CONTINUE" if let_in else "ABANDON"
    try:
        with calling(f"complete {hook} of {instance}"):
            client("autoscaling").complete_lifecycle_action(
                AutoScalingGroupName=group, LifecycleHookName=hook, InstanceId=instance, LifecycleActionResult=result
            )
    except WorldFailed as error:
        if error.code not in _TOO_LATE:
            raise
        return f"the hook was not waiting any more ({error})"
    return result


def keep_alive(group: str, hook: str, instance: str) -> None:
    """Restart the hook's own clock; too late is too late."""
    try:
        with calling(f"keep {hook} of {instance} alive"):
            client("autoscaling").record_lifecycle_action_heartbeat(AutoScalingGroupName=group, LifecycleHookName=hook, InstanceId=instance)
    except WorldFailed as error:
        if error.code not in _TOO_LATE:
            raise


def terminate(instance: str, *, of: int = 1) -> str:
    """Have its group terminate it and launch another in its place, when it did not before; told in a few words.

    of: how many it keeps. Of two, one is there already.
    """
    try:
        with calling(f"terminate {instance} in its group"):
            client("autoscaling").terminate_instance_in_auto_scaling_group(InstanceId=instance, ShouldDecrementDesiredCapacity=of > 1)
    except WorldFailed as error:
        if error.code not in _TOO_LATE:
            raise
        return f"its group is at it already or has no such instance ({error})"
    return "its group terminates it, and has launched another already" if of > 1 else "its group terminates and replaces it"


def launch_another(view: View) -> str:
    """Have the group keep two, for which it is given room; told in a few words. It launches, and goes on trying where it cannot.

    https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_UpdateAutoScalingGroup.html
    """
    return _keep(view, 2)


def keep_one(view: View, extra: str) -> str:
    """End the one that was launched beside the permit's holder, for a group chooses itself which of two goes; then its room."""
    return terminate(extra, of=2) if extra else _keep(view, 1)


def _keep(view: View, count: int) -> str:
    assert view.group is not None, "a rule asked"
    with calling(f"have {view.group} keep {count}"):
        client("autoscaling").update_auto_scaling_group(AutoScalingGroupName=view.group, MaxSize=count, DesiredCapacity=count)
    return f"its group keeps {count}"


def suspend(group: str, processes: Sequence[str]) -> None:
    """What is suspended already stays so (https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_SuspendProcesses.html)."""
    with calling(f"suspend {', '.join(processes)} of {group}"):
        client("autoscaling").suspend_processes(AutoScalingGroupName=group, ScalingProcesses=list(processes))


def resume(group: str, processes: Sequence[str]) -> None:
    """Of none given AWS would resume all (https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_ResumeProcesses.html)."""
    if not processes:
        return
    with calling(f"resume {', '.join(processes)} of {group}"):
        client("autoscaling").resume_processes(AutoScalingGroupName=group, ScalingProcesses=list(processes))

"""Auto Scaling groups: found by their tags, for their names cannot be known where their hooks are handled."""

from __future__ import annotations

from core import names
from core.snapshot import Group, Member
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
        members = {
            i["InstanceId"]: Member(
                instance=i["InstanceId"], lifecycle=i["LifecycleState"], healthy=i.get("HealthStatus", "").lower() == "healthy"
            )
            for i in group["Instances"]
        }
        return Group(name=str(group["AutoScalingGroupName"]), wanted=int(group["DesiredCapacity"]), members=members)
    return None


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


def terminate(instance: str) -> str:
    """Have its group terminate it and launch another in its place; told in a few words."""
    try:
        with calling(f"terminate {instance} in its group"):
            client("autoscaling").terminate_instance_in_auto_scaling_group(InstanceId=instance, ShouldDecrementDesiredCapacity=False)
    except WorldFailed as error:
        if error.code not in _TOO_LATE:
            raise
        return f"its group is at it already or has no such instance ({error})"
    return "its group terminates and replaces it"

"""Auto Scaling's API, answered by the group controller in place of moto's own model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from moto.autoscaling.exceptions import AutoscalingClientError
from moto.autoscaling.responses import AutoScalingResponse
from moto.core.responses import ActionResult, EmptyResult
from moto.core.utils import camelcase_to_underscores

from lab.ec2.shapes import service_model
from lab.groups import describe, warm_calls
from lab.groups.engine import Groups
from lab.groups.model import PROCESSES
from lab.groups.operations import Operations, refuse

Given = Mapping[str, Any]


class Api:
    """One method an action, named as moto names them; each gets the parsed parameters."""

    def __init__(self, engine: Groups) -> None:
        self._engine, self._do = engine, Operations(engine)

    def create_auto_scaling_group(self, given: Given) -> None:
        self._do.create(given)

    def update_auto_scaling_group(self, given: Given) -> None:
        self._do.update(given)

    def delete_auto_scaling_group(self, given: Given) -> None:
        self._do.delete(given["AutoScalingGroupName"], force=_flag(given, "ForceDelete"))

    def set_desired_capacity(self, given: Given) -> None:
        self._do.set_desired(given["AutoScalingGroupName"], int(given["DesiredCapacity"]))

    def put_lifecycle_hook(self, given: Given) -> None:
        self._do.put_hook(given)

    def delete_lifecycle_hook(self, given: Given) -> None:
        self._do.delete_hook(given["AutoScalingGroupName"], given["LifecycleHookName"])

    def complete_lifecycle_action(self, given: Given) -> None:
        self._do.complete(given)

    def record_lifecycle_action_heartbeat(self, given: Given) -> None:
        self._do.heartbeat(given)

    def set_instance_health(self, given: Given) -> None:
        respect = _flag(given, "ShouldRespectGracePeriod", default=True)
        self._do.set_health(given["InstanceId"], given["HealthStatus"], respect_grace=respect)

    def set_instance_protection(self, given: Given) -> None:
        self._do.protect(given["AutoScalingGroupName"], given["InstanceIds"], protected=_flag(given, "ProtectedFromScaleIn"))

    def terminate_instance_in_auto_scaling_group(self, given: Given) -> dict[str, Any]:
        activity = self._do.terminate_instance(given["InstanceId"], decrement=_flag(given, "ShouldDecrementDesiredCapacity"))
        return {"Activity": activity.described()}

    def suspend_processes(self, given: Given) -> None:
        self._do.suspend(given["AutoScalingGroupName"], given.get("ScalingProcesses") or [])

    def resume_processes(self, given: Given) -> None:
        self._do.resume(given["AutoScalingGroupName"], given.get("ScalingProcesses") or [])

    def create_or_update_tags(self, given: Given) -> None:
        self._do.tag(given["Tags"], add=True)

    def delete_tags(self, given: Given) -> None:
        self._do.tag(given["Tags"], add=False)

    def describe_auto_scaling_groups(self, given: Given) -> dict[str, Any]:
        names, filters = given.get("AutoScalingGroupNames") or [], given.get("Filters") or []
        with self._engine.lock:
            try:
                found = [group for group in self._engine.groups.values() if describe.matches(group, filters)]
            except ValueError as error:
                raise refuse(str(error)) from error
            rows = [describe.group_row(group) for group in found if not names or group.name in names]
        return _paged("AutoScalingGroups", rows, given)

    def describe_auto_scaling_instances(self, given: Given) -> dict[str, Any]:
        wanted = given.get("InstanceIds") or []
        with self._engine.lock:
            pairs = [(group, member) for group in self._engine.groups.values() for member in group.members]
            rows = [describe.instance_row(group, member) for group, member in pairs if not wanted or member.instance_id in wanted]
        return _paged("AutoScalingInstances", rows, given)

    def put_warm_pool(self, given: Given) -> dict[str, Any]:
        warm_calls.put(self._engine, self._do, given)
        return {}

    def delete_warm_pool(self, given: Given) -> dict[str, Any]:
        warm_calls.delete(self._engine, self._do, given["AutoScalingGroupName"], force=_flag(given, "ForceDelete"))
        return {}

    def describe_warm_pool(self, given: Given) -> dict[str, Any]:
        with self._engine.lock:
            group = self._do.group(given["AutoScalingGroupName"])
            rows = [describe.member_row(member) for member in group.members if member.in_pool]
        told = _paged("Instances", rows, given)
        return told if group.pool is None else {"WarmPoolConfiguration": describe.pool_row(group.pool), **told}

    def describe_lifecycle_hooks(self, given: Given) -> dict[str, Any]:
        wanted = given.get("LifecycleHookNames") or []
        with self._engine.lock:
            group = self._do.group(given["AutoScalingGroupName"])
            return {"LifecycleHooks": [describe.hook_row(group, hook) for hook in group.hooks if not wanted or hook.name in wanted]}

    def describe_lifecycle_hook_types(self, given: Given) -> dict[str, Any]:
        return {"LifecycleHookTypes": ["autoscaling:EC2_INSTANCE_LAUNCHING", "autoscaling:EC2_INSTANCE_TERMINATING"]}

    def describe_scaling_process_types(self, given: Given) -> dict[str, Any]:
        return {"Processes": [{"ProcessName": name} for name in PROCESSES]}

    def describe_scaling_activities(self, given: Given) -> dict[str, Any]:
        wanted = given.get("ActivityIds") or []
        with self._engine.lock:
            found = self._engine.history.of(given.get("AutoScalingGroupName"))
            rows = [activity.described() for activity in found if not wanted or activity.id in wanted]
        return _paged("Activities", rows, given, size=100)

    def describe_tags(self, given: Given) -> dict[str, Any]:
        """Filters: auto-scaling-group, key, value, propagate-at-launch."""
        of = {"auto-scaling-group": "ResourceId", "key": "Key", "value": "Value", "propagate-at-launch": "PropagateAtLaunch"}
        with self._engine.lock:
            rows = [row for group in self._engine.groups.values() for row in describe.tag_rows(group)]
        for wanted in given.get("Filters") or []:
            if wanted["Name"] not in of:
                raise refuse(f"Filter type {wanted['Name']} is not correct. Allowed Filter types are: {' '.join(of)}")
            rows = [row for row in rows if str(row[of[wanted["Name"]]]) in wanted.get("Values", [])]
        return _paged("Tags", rows, given)


def _flag(given: Given, name: str, *, default: bool = False) -> bool:
    value = given.get(name, default)
    return value if isinstance(value, bool) else str(value).lower() == "true"


def _paged(key: str, rows: list[Any], given: Given, size: int = 50) -> dict[str, Any]:
    try:
        shown, token = describe.page(rows, given.get("NextToken"), int(given.get("MaxRecords") or size))
    except ValueError as error:
        raise AutoscalingClientError("InvalidNextToken", f"The token '{given.get('NextToken')}' is invalid.") from error
    return {key: shown, "NextToken": token} if token else {key: shown}


def take_over(engine: Groups) -> None:
    """Answer every action of Auto Scaling's model: ours, or a refusal; moto's own model is never reached."""
    api = Api(engine)
    for operation in service_model("autoscaling").operation_names:
        name = camelcase_to_underscores(operation)
        method: Callable[[Given], dict[str, Any] | None] | None = getattr(api, name, None)
        setattr(AutoScalingResponse, name, _answer(method) if method else _refusal(operation))


def _answer(method: Callable[[Given], dict[str, Any] | None]) -> Callable[[Any], ActionResult]:
    def act(response: Any) -> ActionResult:
        result = method(response._get_params())
        return EmptyResult() if result is None else ActionResult(result)

    return act


def _refusal(operation: str) -> Callable[[Any], ActionResult]:
    def act(response: Any) -> ActionResult:
        raise refuse(f"the lab's groups do not have {operation}")

    return act

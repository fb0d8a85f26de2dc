"""Change sets, as the CDK CLI uses them: found by name and stack, absent ones said to be absent, failures on the stack.

Points of moto 5.2.5 replaced here: CloudFormationBackend.execute_change_set (always COMPLETE),
_resolve_update_parameters and Stack.stack_parameters (UsePreviousValue is a 500 for parameters
never passed), Stack.has_parameters, and the responses describe_, delete_ and execute_change_set (a name alone picks some
stack's change set; an absent one is a 500, or a message about a stack).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import moto.cloudformation.models as models
from moto.cloudformation.exceptions import CloudFormationError
from moto.cloudformation.responses import CloudFormationResponse
from moto.core.responses import ActionResult, EmptyResult


class StackFailed(Exception):
    """One resource could not be made; the text names its type and logical id."""

    def __init__(self, logical_id: str, type_name: str, why: str) -> None:
        super().__init__(f"{type_name} {logical_id}: {why}")
        self.logical_id = logical_id
        self.type_name = type_name


class ChangeSetNotFound(CloudFormationError):
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeChangeSet.html#API_DescribeChangeSet_Errors"""

    code = "ChangeSetNotFound"


def install(*, execute: Callable[[models.ChangeSet], None]) -> None:
    """execute: brings a change set's stack to its template; whatever becomes of that is the stack's to say."""

    def answer(self: CloudFormationResponse) -> ActionResult:
        execute(_asked_for(self))
        return EmptyResult()

    CloudFormationResponse.execute_change_set = answer
    CloudFormationResponse.describe_change_set = _describe
    CloudFormationResponse.delete_change_set = _delete
    models.CloudFormationBackend._resolve_update_parameters = _resolve_update_parameters  # type: ignore[assignment]  # of another kind in moto
    models.Stack.has_parameters = _has_parameters
    models.Stack.stack_parameters = property(_given_parameters)  # type: ignore[assignment]  # of another kind in moto


def _find(response: CloudFormationResponse) -> models.ChangeSet | None:
    """By ARN, or the newest of that name for that stack."""
    sets = response.cloudformation_backend.change_sets
    name, stack = response._get_param("ChangeSetName"), response._get_param("StackName")
    if name in sets:
        return sets[name]
    found = [one for one in sets.values() if one.change_set_name == name and stack in (None, one.stack_name, one.stack_id)]
    return found[-1] if found else None


def _asked_for(response: CloudFormationResponse) -> models.ChangeSet:
    found = _find(response)
    if found is None:
        raise ChangeSetNotFound(f"ChangeSet [{response._get_param('ChangeSetName')}] does not exist")
    return found


def _describe(self: CloudFormationResponse) -> ActionResult:
    return ActionResult(_asked_for(self))


def _delete(self: CloudFormationResponse) -> ActionResult:
    """AWS answers 200 for a change set that is not there; CDK deletes before it creates."""
    found = _find(self)
    if found is not None:
        self.cloudformation_backend.change_sets.pop(found.change_set_id, None)
    return EmptyResult()


def _given_parameters(self: models.Stack) -> dict[str, Any]:
    """Parameters as they were given, or their defaults: what UsePreviousValue means.

    moto takes the resolved value (an image id) for the given one (the name of an SSM parameter).
    """
    slots = self.template_dict.get("Parameters", {})
    return {name: self.parameters.get(name, slot.get("Default")) for name, slot in slots.items()}


def _has_parameters(self: models.Stack, other_parameters: dict[str, Any]) -> bool:
    """A parameter passed with its own default is no change; nor is a default that is not passed."""
    given = _given_parameters(self)
    return given == {**given, **{name: value for name, value in other_parameters.items() if name in given}}


def _resolve_update_parameters(self: Any, instance: models.Stack, incoming_params: list[dict[str, Any]]) -> dict[str, str]:
    """UsePreviousValue of a parameter that was never passed means its default."""
    result = {p["ParameterKey"]: p["ParameterValue"] for p in incoming_params if "ParameterValue" in p}
    for parameter in incoming_params:
        key = parameter["ParameterKey"]
        if parameter.get("UsePreviousValue") and key in instance.parameters:
            result[key] = instance.parameters[key]
    return result

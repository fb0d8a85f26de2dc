"""How a stack goes: not at all while it is protected, else its resources in the reverse of the order in which they came.

Points of moto 5.2.5 replaced here: UpdateTerminationProtection (there is none), CloudFormationBackend.delete_stack (deletes whatever
it is asked to) and ResourceMap.delete (in no order).
"""

from __future__ import annotations

import time
from functools import partial

import moto.cloudformation.models as models
import moto.cloudformation.parsing as parsing
from moto.cloudformation.exceptions import ValidationError
from moto.cloudformation.responses import CloudFormationResponse
from moto.core.responses import ActionResult

from lab.emulator.cloudformation.changesets import StackFailed
from lab.emulator.cloudformation.operation import carry_on, now_waits
from lab.emulator.cloudformation.order import creation_order
from lab.emulator.cloudformation.resources import FAILURES, event, state

PATIENCE_S = 60.0  # several times what a machine takes to shut down here


def install() -> None:
    CloudFormationResponse.update_termination_protection = _protect  # type: ignore[attr-defined]  # moto has none: it is given one
    models.CloudFormationBackend.delete_stack = _delete_stack
    parsing.ResourceMap.delete = _delete_resources


def _protect(self: CloudFormationResponse) -> ActionResult:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_UpdateTerminationProtection.html"""
    stack = self.cloudformation_backend.get_stack(self._get_param("StackName"))
    stack.enable_termination_protection = str(self._get_param("EnableTerminationProtection")).lower() == "true"
    return ActionResult({"StackId": stack.stack_id})


def _delete_stack(self: models.CloudFormationBackend, name_or_stack_id: str) -> None:
    """https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-protect-stacks.html"""
    for stack in [stack for stack in self.stacks.values() if name_or_stack_id in (stack.name, stack.stack_id)]:
        if stack.enable_termination_protection:
            raise ValidationError(message=f"Stack [{stack.name}] cannot be deleted while TerminationProtection is enabled")
        state(stack, "DELETE_IN_PROGRESS", "User Initiated")
        carry_on(partial(_remove, self, stack))


def _remove(backend: models.CloudFormationBackend, stack: models.Stack) -> None:
    try:
        stack.resource_map.delete()
    except StackFailed as error:
        event(stack, error.logical_id, error.type_name, "DELETE_FAILED", why=str(error))
        state(stack, "DELETE_FAILED", f"The following resource(s) failed to delete: [{error.logical_id}]. {error}")
        return
    for export in stack.exports:
        backend.exports.pop(export.name, None)
    backend.deleted_stacks[stack.stack_id] = backend.stacks.pop(stack.stack_id)
    state(stack, "DELETE_COMPLETE")


def _delete_resources(self: parsing.ResourceMap) -> None:
    """All but those that are retained, what depends on others first. What cannot go yet, such as the group of machines, is waited for.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-attribute-dependson.html
    """
    bodies = {name: self._resource_json_map[name] for name in self._parsed_resources if name in self._resource_json_map}
    left = [name for name in reversed(creation_order(bodies)) if bodies[name].get("DeletionPolicy") != "Retain"]
    give_up = time.monotonic() + PATIENCE_S
    while left:
        held: dict[str, Exception] = {}
        for name in left:
            try:
                self._delete_resource(self._parsed_resources[name], bodies[name])
                self._parsed_resources.pop(name)
            except FAILURES as error:
                held[name] = error
        if len(held) == len(left):
            if time.monotonic() > give_up:
                name, why = next(iter(held.items()))
                raise StackFailed(name, str(bodies[name]["Type"]), f"{type(why).__name__}: {why}")
            now_waits()
            time.sleep(0.5)
        left = list(held)

"""How stacks are made and changed: moto's template language, our order, events and errors.

Points of moto 5.2.5 replaced here, each held by a test in tests/lab/test_lab_emulator_contracts.py:
parsing.parse_resource (skips unknown types), ResourceMap.create and .update (order), Stack.create_resources and
Stack.update (no outputs, no exports, no events, errors as HTTP 500). Change sets: changesets.py.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

import moto.cloudformation.models as models
import moto.cloudformation.parsing as parsing
from botocore.exceptions import BotoCoreError, ClientError
from moto.cloudformation.exceptions import UnformattedGetAttTemplateException
from moto.core.exceptions import ServiceException
from werkzeug.exceptions import HTTPException

from lab.emulator.cloudformation import changesets, types
from lab.emulator.cloudformation.changesets import StackFailed
from lab.emulator.cloudformation.order import Circular, creation_order
from lab.emulator.cloudformation.provider import ResourceError, publish
from lab.world import World

log = logging.getLogger("lab.emulator.cloudformation")
_moto_parse_resource = parsing.parse_resource


# What making a resource may raise: ours, the API's through boto3, and moto's own models' for the types left to it.
_FAILURES = (
    ResourceError, ClientError, BotoCoreError, ServiceException, HTTPException, UnformattedGetAttTemplateException,
    ArithmeticError, AttributeError, LookupError, NotImplementedError, TypeError, ValueError,
)  # fmt: skip


def install(world: World) -> None:
    """Replace moto's stack engine and make our resource types known."""
    types.load()
    publish(world)
    parsing.parse_resource = _parse_resource
    parsing.ResourceMap.create = _create_all
    parsing.ResourceMap.update = _update_all
    models.Stack.create_resources = _create_stack
    models.Stack.update = _update_stack
    changesets.install(carry_out=_carry_out, fail=_fail)


def _unresolved(value: Any, path: str = "") -> str | None:
    """The path of something in a resolved value that no API would take, or None."""
    if isinstance(value, Mapping):
        if len(value) == 1:
            key = next(iter(value))
            if key == "Ref" or (isinstance(key, str) and key.startswith("Fn::")):
                return f"{path}/{key}"
        return next((bad for key, inner in value.items() if (bad := _unresolved(inner, f"{path}/{key}"))), None)
    if isinstance(value, list):
        return next((bad for index, inner in enumerate(value) if (bad := _unresolved(inner, f"{path}/{index}"))), None)
    return None if value is None or isinstance(value, (str, int, float, bool)) else path


def _parse_resource(resource_json: dict[str, Any], resources_map: parsing.ResourceMap) -> tuple[Any, Any, str]:
    """moto's, but a type that nobody makes is an error, and so is a value that did not resolve."""
    type_name = resource_json["Type"]
    if type_name not in parsing.get_model_map():
        raise ResourceError(f"Unrecognized resource types: [{type_name}]: the lab has nothing that makes it")
    made_by, resolved, name = _moto_parse_resource(resource_json, resources_map)
    bad = _unresolved(resolved.get("Properties", {}))
    if bad is not None:
        raise ResourceError(f"property {bad} did not resolve")
    return made_by, resolved, name


def _wanted(resource_map: parsing.ResourceMap) -> dict[str, Any]:
    """Resources whose condition holds."""
    conditions = resource_map.lazy_condition_map
    return {
        logical_id: body
        for logical_id, body in resource_map._resource_json_map.items()
        if "Condition" not in body or conditions[body["Condition"]]
    }


def _stack_of(resource_map: parsing.ResourceMap) -> models.Stack:
    backend = models.cloudformation_backends[resource_map._account_id][resource_map._region_name]
    return backend.stacks[resource_map.stack_id]


def _event(stack: models.Stack, logical_id: str, type_name: str, status: str, *, physical_id: str = "", why: str | None = None) -> None:
    stack.events.append(
        models.Event(
            stack_id=stack.stack_id,
            stack_name=stack.name,
            logical_resource_id=logical_id,
            physical_resource_id=physical_id,
            resource_type=type_name,
            resource_status=status,
            resource_status_reason=why,
            resource_properties=None,
        )
    )


def _order(stack: models.Stack, resource_map: parsing.ResourceMap) -> list[str]:
    """What the template wants, in order. Raises StackFailed for a type nobody makes and for a circle."""
    wanted = _wanted(resource_map)
    known = parsing.get_model_map()
    unknown = sorted(f"{body['Type']} ({name})" for name, body in wanted.items() if body["Type"] not in known)
    try:
        if unknown:
            raise ResourceError(f"Unrecognized resource types: [{', '.join(unknown)}]")
        return creation_order(wanted)
    except (Circular, ResourceError) as error:
        raise StackFailed(stack.name, "AWS::CloudFormation::Stack", str(error)) from error


def _create_all(self: parsing.ResourceMap, template: dict[str, Any]) -> bool:
    """Make every resource that is not there yet, in order, with an event before and after each."""
    self._template = template
    self._resource_json_map = template["Resources"]
    stack = _stack_of(self)
    for logical_id in _order(stack, self):
        _make(stack, self, logical_id, "CREATE", lambda name: self[name])
    return True


def _update_all(self: parsing.ResourceMap, template: dict[str, Any], parameters: dict[str, Any] | None = None) -> None:
    """Bring the resources to another template: new and changed ones in order, then the old ones away."""
    stack, old = _stack_of(self), self._resource_json_map
    old_order = [name for name in creation_order(old) if name in self._parsed_resources]
    changed = set(self.build_resource_diff(template, parameters)["Modify"])
    self._template = template
    self._resource_json_map = template["Resources"]
    self.input_parameters = parameters or self.input_parameters
    self.load_mapping()
    self.load_parameters()
    self.load_conditions()

    def change(name: str) -> Any:
        made: Any = parsing.parse_and_update_resource(name, template["Resources"][name], self, self._account_id, self._region_name)
        self._parsed_resources[name] = made
        return made

    for logical_id in _order(stack, self):
        if logical_id not in self._parsed_resources:
            _make(stack, self, logical_id, "CREATE", lambda name: self[name])
        elif logical_id in changed and _differs(old[logical_id], template["Resources"][logical_id]):
            _make(stack, self, logical_id, "UPDATE", change)
    for logical_id in reversed([name for name in old_order if name not in template["Resources"]]):
        _make(stack, self, logical_id, "DELETE", lambda name: _remove(self, name, old[name]))


def _differs(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Metadata and DependsOn change nothing about a resource that is there."""
    return any(old.get(key) != new.get(key) for key in ("Type", "Properties"))


def _remove(resource_map: parsing.ResourceMap, logical_id: str, body: dict[str, Any]) -> Any:
    """Delete a resource, unless the template had said to retain it."""
    made = resource_map._parsed_resources.pop(logical_id)
    if body.get("DeletionPolicy") != "Retain":
        resource_map._delete_resource(made, body)
    return made


def _make(stack: models.Stack, resource_map: parsing.ResourceMap, logical_id: str, verb: str, act: Callable[[str], Any]) -> None:
    """Do one thing to one resource, with an event before and after. Raises StackFailed whatever goes wrong."""
    if verb == "CREATE" and logical_id in resource_map._parsed_resources:
        return
    there: Any = resource_map._parsed_resources.get(logical_id)
    type_name = resource_map._resource_json_map[logical_id]["Type"] if verb != "DELETE" else there.cf_resource_type
    _event(stack, logical_id, type_name, f"{verb}_IN_PROGRESS")
    try:
        made: Any = act(logical_id)
    except _FAILURES as error:
        log.error("%s %s", type_name, logical_id, exc_info=error)
        why = str(error) if isinstance(error, (ResourceError, ClientError, BotoCoreError)) else f"{type(error).__name__}: {error}"
        raise StackFailed(logical_id, type_name, why) from error
    physical_id = getattr(made, "physical_resource_id", None)
    if not isinstance(physical_id, str):
        raise StackFailed(logical_id, type_name, f"made without a physical id ({type(made).__name__})")
    _event(stack, logical_id, type_name, f"{verb}_COMPLETE", physical_id=physical_id)


def _finish(stack: models.Stack) -> None:
    """Outputs and exports, worked out now, so that one that does not resolve fails the deploy."""
    stack.output_map = stack._create_output_map()
    for name in stack.output_map.outputs:
        output = stack.output_map[name]
        if output is not None and not isinstance(output.value, (str, int, float)):
            raise StackFailed(name, "Output", f"did not resolve ({type(output.value).__name__})")
    backend = models.cloudformation_backends[stack.account_id][stack.region_name]
    for export in stack.exports:
        backend.exports[export.name] = export


def _fail(stack: models.Stack, verb: str, error: StackFailed) -> None:
    """As AWS with rollback disabled: what was made stays, the stack says which resource failed and why."""
    _event(stack, error.logical_id, error.type_name, f"{verb}_FAILED", why=str(error))
    stack._add_stack_event(f"{verb}_FAILED", resource_status_reason=str(error))
    stack.status = f"{verb}_FAILED"
    stack.status_reason = str(error)  # type: ignore[attr-defined]  # moto's stacks have none by themselves


def _create_stack(self: models.Stack) -> None:
    """CreateStack (cdk deploy --method=direct)."""
    self.status = "CREATE_IN_PROGRESS"
    self.description = self.template_dict.get("Description")
    try:
        self.resource_map.create(self.template_dict)
        _finish(self)
    except StackFailed as error:
        _fail(self, "CREATE", error)
        return
    self.mark_creation_complete()


def _update_stack(
    self: models.Stack,
    template: str,
    role_arn: str | None = None,
    parameters: dict[str, Any] | None = None,
    tags: dict[str, str] | None = None,
) -> None:
    """UpdateStack."""
    self._add_stack_event("UPDATE_IN_PROGRESS", resource_status_reason="User Initiated")
    self.template = template
    self._parse_template()
    self.role_arn = role_arn
    self.parameters = parameters or self.parameters
    self.tags = self.tags if tags is None else tags
    try:
        self.resource_map.update(self.template_dict, parameters)
        _finish(self)
    except StackFailed as error:
        _fail(self, "UPDATE", error)
        return
    self._add_stack_event("UPDATE_COMPLETE")
    self.status = "UPDATE_COMPLETE"


def _carry_out(change_set: models.ChangeSet) -> None:
    """Bring the stack to the change set's template. Raises StackFailed."""
    stack = change_set.stack
    stack.template, stack.template_dict = change_set.template, change_set.template_dict
    stack.description = change_set.template_dict.get("Description")
    stack.parameters, stack.tags = change_set.parameters, change_set.tags or {}
    if change_set.change_set_type == "CREATE":
        stack.cross_stack_resources = models.cloudformation_backends[stack.account_id][stack.region_name].exports
        stack.resource_map = stack._create_resource_map()
        stack.resource_map.create(change_set.template_dict)
    else:
        stack.resource_map.update(change_set.template_dict, change_set.parameters)
    _finish(stack)

"""How one stack's resources are made, changed and taken away, in order, with an event before and after each."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import moto.cloudformation.models as models
import moto.cloudformation.parsing as parsing
from botocore.exceptions import BotoCoreError, ClientError
from moto.cloudformation.exceptions import UnformattedGetAttTemplateException
from moto.core.exceptions import ServiceException
from werkzeug.exceptions import HTTPException

from lab.emulator.cloudformation import policies
from lab.emulator.cloudformation.changesets import StackFailed
from lab.emulator.cloudformation.order import Circular, creation_order, needed_by
from lab.emulator.cloudformation.provider import ResourceError
from lab.emulator.cloudformation.waited import Waited
from lab.world import World

log = logging.getLogger("lab.emulator.cloudformation")
_moto_parse_resource = parsing.parse_resource
_worlds: list[World] = []  # the one that install() was given

# What making a resource may raise: ours, the API's through boto3, and moto's own models' for the types left to it.
FAILURES = (
    ResourceError, ClientError, BotoCoreError, ServiceException, HTTPException, UnformattedGetAttTemplateException,
    ArithmeticError, AttributeError, LookupError, NotImplementedError, TypeError, ValueError,
)  # fmt: skip


def install(world: World) -> None:
    """Replace moto's way of making a stack's resources."""
    _worlds[:] = [world]
    parsing.parse_resource = parse_resource
    parsing.ResourceMap.create = create_all
    parsing.ResourceMap.update = update_all


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


def parse_resource(resource_json: dict[str, Any], resources_map: parsing.ResourceMap) -> tuple[Any, Any, str]:
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


def stack_of(resource_map: parsing.ResourceMap) -> models.Stack:
    backend = models.cloudformation_backends[resource_map._account_id][resource_map._region_name]
    return backend.stacks[resource_map.stack_id]


def event(stack: models.Stack, logical_id: str, type_name: str, status: str, *, physical_id: str = "", why: str | None = None) -> None:
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


def state(stack: models.Stack, status: str, why: str | None = None) -> None:
    stack._add_stack_event(status, resource_status_reason=why)
    stack.status = status
    stack.status_reason = why  # type: ignore[attr-defined]  # moto's stacks have none by themselves


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


def create_all(self: parsing.ResourceMap, template: dict[str, Any]) -> bool:
    """Make every resource that is not there yet, in order, with an event before and after each."""
    self._template = template
    self._resource_json_map = template["Resources"]
    stack = stack_of(self)
    with Waited(lambda name, made: _complete(stack, self, name, "CREATE", made)) as waited:
        for logical_id in _order(stack, self):
            waited.settle(needed_by(logical_id, self._resource_json_map))
            _make(stack, self, logical_id, "CREATE", lambda name: _create(stack, self, name), waited)
        waited.settle_all()
    return True


def _placed(stack: models.Stack, resource_map: parsing.ResourceMap, logical_id: str, verb: str) -> policies.Placed:
    body = resource_map._resource_json_map[logical_id]

    def say(text: str) -> None:
        event(stack, logical_id, body["Type"], f"{verb}_IN_PROGRESS", why=text)

    return policies.Placed(world=_worlds[0], stack_id=stack.stack_id, logical_id=logical_id, type_name=body["Type"], body=body, say=say)


def _create(stack: models.Stack, resource_map: parsing.ResourceMap, logical_id: str) -> policies.Made:
    placed = _placed(stack, resource_map, logical_id, "CREATE")
    if placed.type_name in policies.ROLLS:
        policies.update_work(placed)  # refused now rather than at the first update
    _remember(resource_map, logical_id, _properties(resource_map, resource_map._resource_json_map[logical_id]))
    return policies.make(placed, lambda: resource_map[logical_id])


def _change(stack: models.Stack, resource_map: parsing.ResourceMap, properties: dict[str, Any], logical_id: str) -> Any:
    """In place, as an UpdatePolicy says; what a failure leaves half done will differ from any template."""
    placed = _placed(stack, resource_map, logical_id, "UPDATE")
    body, before, work = (
        resource_map._resource_json_map[logical_id],
        _made_of(resource_map).get(logical_id, {}),
        policies.update_work(placed),
    )
    try:
        made: Any = parsing.parse_and_update_resource(logical_id, body, resource_map, resource_map._account_id, resource_map._region_name)
    except ResourceError:
        raise  # refused before anything was done
    except BaseException:
        _remember(resource_map, logical_id, {})
        raise
    resource_map._parsed_resources[logical_id] = made
    _remember(resource_map, logical_id, properties)
    if work is not None:
        changed = {key for key in {*before, *properties} if before.get(key) != properties.get(key)}
        work(placed, str(getattr(made, "physical_resource_id", "")), changed)
    return made


def _properties(resource_map: parsing.ResourceMap, body: dict[str, Any]) -> dict[str, Any]:
    """What the resource is made of, every reference resolved: an update is due when this changes, whatever the template's words."""
    resolved: dict[str, Any] = parse_resource(body, resource_map)[1].get("Properties", {})
    return copy.deepcopy(resolved)


def _made_of(resource_map: parsing.ResourceMap) -> dict[str, dict[str, Any]]:
    """By logical id, the resolved properties of what stands."""
    made_of: dict[str, dict[str, Any]] = resource_map.__dict__.setdefault("lab_made_of", {})
    return made_of


def _remember(resource_map: parsing.ResourceMap, logical_id: str, properties: dict[str, Any]) -> None:
    _made_of(resource_map)[logical_id] = properties


def update_all(self: parsing.ResourceMap, template: dict[str, Any], parameters: dict[str, Any] | None = None) -> None:
    """Bring the resources to another template: new and changed ones in order, then the old ones away.

    What depends on a changed resource changes with it where a value that it names has changed.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-update-behaviors.html
    """
    stack, old = stack_of(self), self._resource_json_map
    old_order = [name for name in creation_order(old) if name in self._parsed_resources]
    self._template = template
    self._resource_json_map = template["Resources"]
    self.input_parameters = self.input_parameters if parameters is None else parameters
    self.load_mapping()
    self.load_parameters()
    self.load_conditions()

    for logical_id in _order(stack, self):
        if logical_id not in self._parsed_resources:
            with Waited(lambda name, made: _complete(stack, self, name, "CREATE", made)) as waited:
                _make(stack, self, logical_id, "CREATE", lambda name: _create(stack, self, name), waited)
                waited.settle_all()
            continue
        properties = _wanted_properties(stack, self, logical_id)
        if properties != _made_of(self).get(logical_id):
            _make(stack, self, logical_id, "UPDATE", partial(_change, stack, self, properties))
    for logical_id in reversed([name for name in old_order if name not in template["Resources"]]):
        _make(stack, self, logical_id, "DELETE", lambda name: _remove(self, name, old[name]))


def _wanted_properties(stack: models.Stack, resource_map: parsing.ResourceMap, logical_id: str) -> dict[str, Any]:
    """Raises StackFailed for values that do not resolve, and for a type that changed under a logical id."""
    body, there = resource_map._resource_json_map[logical_id], resource_map._parsed_resources[logical_id]
    try:
        if body["Type"] != there.cf_resource_type:
            raise ResourceError(f"is of type {there.cf_resource_type}: the lab cannot replace it by another")
        return _properties(resource_map, body)
    except FAILURES as error:
        raise StackFailed(logical_id, body["Type"], str(error)) from error


def _remove(resource_map: parsing.ResourceMap, logical_id: str, body: dict[str, Any]) -> Any:
    """Delete a resource, unless the template had said to retain it."""
    made = resource_map._parsed_resources.pop(logical_id)
    _made_of(resource_map).pop(logical_id, None)
    if body.get("DeletionPolicy") != "Retain":
        resource_map._delete_resource(made, body)
    return made


def _make(
    stack: models.Stack,
    resource_map: parsing.ResourceMap,
    logical_id: str,
    verb: str,
    act: Callable[[str], Any],
    waited: Waited | None = None,
) -> None:
    """Do one thing to one resource, with an event before and after. Raises StackFailed whatever goes wrong.

    waited: takes what is made and not complete yet.
    """
    if verb == "CREATE" and logical_id in resource_map._parsed_resources:
        return
    there: Any = resource_map._parsed_resources.get(logical_id)
    type_name = resource_map._resource_json_map[logical_id]["Type"] if verb != "DELETE" else there.cf_resource_type
    event(stack, logical_id, type_name, f"{verb}_IN_PROGRESS")
    try:
        made: Any = act(logical_id)
    except FAILURES as error:
        log.error("%s %s", type_name, logical_id, exc_info=error)
        why = str(error) if isinstance(error, (ResourceError, ClientError, BotoCoreError)) else f"{type(error).__name__}: {error}"
        raise StackFailed(logical_id, type_name, why) from error
    if isinstance(made, policies.Made):
        if made.awaited is not None and waited is not None:
            waited.add(logical_id, type_name, made)
            return
        made = made.resource
    _complete(stack, resource_map, logical_id, verb, made, type_name)


def _complete(stack: models.Stack, resource_map: parsing.ResourceMap, logical_id: str, verb: str, made: Any, type_name: str = "") -> None:
    type_name = type_name or str(resource_map._resource_json_map[logical_id]["Type"])
    physical_id = getattr(made, "physical_resource_id", None)
    if not isinstance(physical_id, str):
        raise StackFailed(logical_id, type_name, f"made without a physical id ({type(made).__name__})")
    event(stack, logical_id, type_name, f"{verb}_COMPLETE", physical_id=physical_id)

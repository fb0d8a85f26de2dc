"""How stacks are made and changed: moto's template language, our order, events and errors, and the way back of an update that fails.

Points of moto 5.2.5 replaced here, each held by a test in tests/lab/test_lab_emulator_contracts.py:
parsing.parse_resource (skips unknown types), ResourceMap.create and .update (order), Stack.create_resources and
Stack.update (no outputs, no exports, no events, errors as HTTP 500). Change sets: changesets.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import moto.cloudformation.models as models

from lab.emulator.cloudformation import changesets, removal, resources, signals, types
from lab.emulator.cloudformation.changesets import StackFailed
from lab.emulator.cloudformation.operation import carry_on
from lab.emulator.cloudformation.provider import publish
from lab.emulator.cloudformation.resources import event, state
from lab.world import World


def install(world: World) -> None:
    """Replace moto's stack engine and make our resource types known."""
    types.load()
    publish(world)
    resources.install(world)
    signals.install()
    removal.install()
    models.Stack.create_resources = _create_stack
    models.Stack.update = _update_stack
    changesets.install(execute=_execute)


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
    """The stack says which resource failed and why; what was made stays, as on AWS with rollback disabled."""
    event(stack, error.logical_id, error.type_name, f"{verb.removesuffix('_ROLLBACK')}_FAILED", why=str(error))
    state(stack, f"{verb}_FAILED", str(error))


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a stack is to become, or was."""

    template: Any
    parameters: dict[str, Any]
    tags: dict[str, str]

    @classmethod
    def of(cls, stack: models.Stack) -> Wanted:
        return cls(stack.template, stack.parameters, stack.tags)

    def put_on(self, stack: models.Stack) -> None:
        stack.template, stack.parameters, stack.tags = self.template, self.parameters, self.tags
        stack._parse_template()
        stack.description = stack.template_dict.get("Description")


def _create_stack(self: models.Stack) -> None:
    """CreateStack (cdk deploy --method=direct)."""
    self.status = "CREATE_IN_PROGRESS"
    self.description = self.template_dict.get("Description")
    carry_on(lambda: _ignore(_build(self)))


def _build(stack: models.Stack) -> bool:
    """Make all resources of a stack that has none. Gives whether it succeeded."""
    try:
        stack.resource_map.create(stack.template_dict)
        _finish(stack)
    except StackFailed as error:
        _fail(stack, "CREATE", error)
        return False
    state(stack, "CREATE_COMPLETE")
    return True


def _rebuild(stack: models.Stack, wanted: Wanted) -> bool:
    """Bring a stack to another template, and back by itself when that fails. Gives whether it succeeded.

    On the way back each resource is changed as the old template says, its UpdatePolicy included.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-monitor-stack.html
    """
    before = Wanted.of(stack)
    try:
        _bring(stack, wanted)
    except StackFailed as error:
        event(stack, error.logical_id, error.type_name, "UPDATE_FAILED", why=str(error))
        state(stack, "UPDATE_ROLLBACK_IN_PROGRESS", f"The following resource(s) failed to update: [{error.logical_id}]. {error}")
    else:
        state(stack, "UPDATE_COMPLETE")
        return True
    try:
        _bring(stack, before)
    except StackFailed as error:
        _fail(stack, "UPDATE_ROLLBACK", error)
    else:
        state(stack, "UPDATE_ROLLBACK_COMPLETE")
    return False


def _bring(stack: models.Stack, wanted: Wanted) -> None:
    wanted.put_on(stack)
    stack.resource_map.update(stack.template_dict, wanted.parameters)
    _finish(stack)


def _update_stack(
    self: models.Stack,
    template: str,
    role_arn: str | None = None,
    parameters: dict[str, Any] | None = None,
    tags: dict[str, str] | None = None,
) -> None:
    """UpdateStack."""
    self.role_arn = role_arn
    wanted = Wanted(template, parameters or self.parameters, self.tags if tags is None else tags)
    state(self, "UPDATE_IN_PROGRESS", "User Initiated")
    carry_on(lambda: _ignore(_rebuild(self, wanted)))


def _ignore(_succeeded: bool) -> None:
    """The stack's status says it."""


def _execute(change_set: models.ChangeSet) -> None:
    """ExecuteChangeSet: bring the stack to the change set's template."""
    stack, verb = change_set.stack, change_set.change_set_type
    wanted = Wanted(change_set.template, change_set.parameters, change_set.tags or {})
    state(stack, f"{verb}_IN_PROGRESS", "User Initiated")
    change_set.execution_status = "EXECUTE_IN_PROGRESS"

    def act() -> None:
        if verb == "CREATE":
            wanted.put_on(stack)
            stack.cross_stack_resources = models.cloudformation_backends[stack.account_id][stack.region_name].exports
            stack.resource_map = stack._create_resource_map()
        succeeded = _build(stack) if verb == "CREATE" else _rebuild(stack, wanted)
        change_set.execution_status = "EXECUTE_COMPLETE" if succeeded else "EXECUTE_FAILED"

    carry_on(act)

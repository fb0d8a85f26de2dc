"""SignalResource, and resources that wait for it: CreationPolicy's and UpdatePolicy's signals.

https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_SignalResource.html
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import moto.cloudformation.models as models
from moto.cloudformation.exceptions import CloudFormationError
from moto.cloudformation.responses import CloudFormationResponse
from moto.core.responses import ActionResult, EmptyResult

from lab.emulator.cloudformation.operation import now_waits
from lab.emulator.cloudformation.provider import ResourceError
from lab.world import World

POLL_S = 0.1  # real seconds between two looks at the lab's clock
SUCCESS, FAILURE = "SUCCESS", "FAILURE"
_DURATION = re.compile(r"PT(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?")

Say = Callable[[str], None]


class Refused(CloudFormationError):
    """A signal that nobody waits for, in AWS's words."""

    code = "ValidationError"


def seconds_of(duration: str, *, longest: float, what: str) -> float:
    """Of an ISO 8601 duration in the form PT#H#M#S. Raises ResourceError."""
    found = _DURATION.fullmatch(duration)
    if found is None or not any(found.groups()):
        raise ResourceError(f"{what} is {duration!r}: use PT#H#M#S")
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    total = float(hours * 3600 + minutes * 60 + seconds)
    if total > longest:
        raise ResourceError(f"{what} is {duration}: at most {longest / 3600:g} hours")
    return total


@dataclass(slots=True)
class Box:
    """What one resource has been told since it began to wait: status by unique id."""

    say: Say
    told: dict[str, str] = field(default_factory=dict)

    def count(self, status: str) -> int:
        return sum(word == status for word in self.told.values())


_boxes: dict[tuple[str, str], Box] = {}
_changed = threading.Condition()


@contextmanager
def listening(stack_id: str, logical_id: str, say: Say) -> Iterator[Box]:
    """The resource takes signals while the block runs. say: writes a stack event."""
    box = Box(say)
    with _changed:
        _boxes[stack_id, logical_id] = box
    try:
        yield box
    finally:
        with _changed:
            del _boxes[stack_id, logical_id]


class Awaited:
    """So many successes for one resource within a time. timeout_s: AWS's seconds, from now."""

    def __init__(self, world: World, box: Box, *, count: int, timeout_s: float) -> None:
        self._world, self._box, self._count = world, box, count
        self._end = world.clock.now() + world.clock.real(timeout_s)

    def come(self) -> bool:
        """Whether they have all come; False while they may still come. Raises ResourceError for a failure, or when time is up."""
        box, count = self._box, self._count
        with _changed:
            if box.count(SUCCESS) >= count:
                return True
            if not box.count(FAILURE):
                if self._world.clock.now() < self._end:
                    return False
                box.say(
                    f"Failed to receive {count} resource signal(s) for the current batch. "
                    "Each resource signal timeout is counted as a FAILURE."
                )
            raise ResourceError(
                f"Received {box.count(SUCCESS)} SUCCESS signal(s) out of {count}. "
                "Unable to satisfy 100% MinSuccessfulInstancesPercent requirement"
            )


def wait_a_moment() -> None:
    """Until a signal comes, or the lab's clock is to be looked at again; the call that began this work returns."""
    now_waits()
    with _changed:
        _changed.wait(POLL_S)


def await_signals(world: World, box: Box, *, count: int, timeout_s: float) -> None:
    """Wait for so many successes. timeout_s: AWS's seconds. Raises ResourceError for a failure, or when time is up."""
    awaited = Awaited(world, box, count=count, timeout_s=timeout_s)
    now_waits()
    while not awaited.come():
        wait_a_moment()


def _signal(self: CloudFormationResponse) -> ActionResult:
    """A signal counts while its stack is at work and the resource waits; one that came before may only turn into a failure."""
    stack = self.cloudformation_backend.get_stack(self._get_param("StackName"))
    logical_id, unique_id, status = (str(self._get_param(name)) for name in ("LogicalResourceId", "UniqueId", "Status"))
    if status not in (SUCCESS, FAILURE):
        raise Refused(f"Value '{status}' at 'status' failed to satisfy constraint: Member must satisfy enum value set: [SUCCESS, FAILURE]")
    if not stack.status.endswith("_IN_PROGRESS"):
        raise Refused(f"Stack {stack.stack_id} is in {stack.status} state and cannot be signaled")
    with _changed:
        box = _boxes.get((stack.stack_id, logical_id))
        if box is None:
            raise Refused(f"Resource {logical_id} is in {_state_of(stack, logical_id)} state and cannot be signaled")
        if unique_id in box.told and status != FAILURE:
            raise Refused(
                f"Signal with ID {unique_id} for resource {logical_id} already exists. Signals may only be updated with a FAILURE status."
            )
        box.told[unique_id] = status
        box.say(f"Received {status} signal with UniqueId {unique_id}")
        _changed.notify_all()
    return EmptyResult()


def _state_of(stack: models.Stack, logical_id: str) -> str:
    states = [event.resource_status for event in stack.events if event.logical_resource_id == logical_id]
    if not states:
        raise Refused(f"Resource {logical_id} does not exist for stack {stack.name}")
    return str(states[-1])


def install() -> None:
    CloudFormationResponse.signal_resource = _signal  # type: ignore[attr-defined]  # moto has no such call

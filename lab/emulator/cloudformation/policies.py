"""CreationPolicy and UpdatePolicy: what a resource is waited for when it is made, and how it is changed.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-creationpolicy.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-updatepolicy.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from lab.emulator.cloudformation.provider import ResourceError
from lab.emulator.cloudformation.signals import Awaited, Say, listening, seconds_of
from lab.world import World

CREATION_LONGEST_S = 12 * 3600.0
# AWS::EC2::Instance and AWS::CloudFormation::WaitCondition take one too; the lab makes neither by a template of ours.
WAITED_FOR = ("AWS::AutoScaling::AutoScalingGroup",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A resource in its stack. say: writes an event of the resource's, with the state that it is in."""

    world: World
    stack_id: str
    logical_id: str
    type_name: str
    body: Mapping[str, Any]
    say: Say


# An UpdatePolicy's work: given the physical id and the names of the properties that changed. Raises ResourceError.
Work = Callable[[Placed, str, Set[str]], None]
# By type: reads the policy into its work. Raises ResourceError for what the lab does not imitate.
ROLLS: dict[str, Callable[[Mapping[str, Any]], Work]] = {}


@dataclass(frozen=True, slots=True)
class Made:
    """A resource that is there. awaited: the signals that it is still waited for, None: it is complete; `done` ends the listening."""

    resource: Any
    awaited: Awaited | None
    done: Callable[[], None]


def make(placed: Placed, act: Callable[[], Any]) -> Made:
    """Make the resource, and say what its CreationPolicy waits for. Raises ResourceError."""
    policy = placed.body.get("CreationPolicy")
    if not policy:
        return Made(act(), None, lambda: None)
    only(policy, "CreationPolicy", "ResourceSignal")
    if placed.type_name not in WAITED_FOR:
        raise ResourceError("the lab does not understand a CreationPolicy of this type")
    wanted = policy["ResourceSignal"]
    only(wanted, "ResourceSignal", "Count", "Timeout")
    timeout_s = seconds_of(str(wanted.get("Timeout", "PT5M")), longest=CREATION_LONGEST_S, what="Timeout")
    with ExitStack() as open_box:
        box = open_box.enter_context(listening(placed.stack_id, placed.logical_id, placed.say))
        made = act()
        return Made(made, Awaited(placed.world, box, count=int(wanted.get("Count", 1)), timeout_s=timeout_s), open_box.pop_all().close)


def update_work(placed: Placed) -> Work | None:
    """How the resource's UpdatePolicy goes on with a change; None when it has none. Raises ResourceError."""
    policy = placed.body.get("UpdatePolicy")
    if not policy:
        return None
    if placed.type_name not in ROLLS:
        raise ResourceError("the lab does not understand an UpdatePolicy of this type")
    return ROLLS[placed.type_name](policy)


def only(given: Mapping[str, Any], what: str, *known: str) -> None:
    """Raises ResourceError naming what the lab would otherwise drop."""
    strange = sorted(set(given) - set(known))
    if strange:
        raise ResourceError(f"the lab does not understand {', '.join(strange)} of {what}")

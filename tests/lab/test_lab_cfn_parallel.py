"""Resources that wait for signals are made beside each other: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-attribute-dependson.html."""

from __future__ import annotations

from typing import Any, cast

import pytest

from lab.emulator.cloudformation.changesets import StackFailed
from lab.emulator.cloudformation.order import needed_by
from lab.emulator.cloudformation.policies import Made
from lab.emulator.cloudformation.provider import ResourceError
from lab.emulator.cloudformation.signals import Awaited
from lab.emulator.cloudformation.waited import Waited


class Signals:
    """Come at the look that is told; never: fail instead."""

    def __init__(self, at_look: int | None) -> None:
        self._at_look, self._looks = at_look, 0
        self.listened_to = True

    def come(self) -> bool:
        self._looks += 1
        if self._at_look is None:
            raise ResourceError("Received 0 SUCCESS signal(s) out of 1")
        return self._looks >= self._at_look

    def done(self) -> None:
        self.listened_to = False


def waited_for(**signals: Signals) -> tuple[Waited, list[str]]:
    complete: list[str] = []

    def tell(logical_id: str, _resource: Any) -> None:
        complete.append(logical_id)

    waited = Waited(tell)
    for logical_id, each in signals.items():
        waited.add(logical_id, "AWS::AutoScaling::AutoScalingGroup", Made(object(), cast(Awaited, each), each.done))
    return waited, complete


def test_groups_are_complete_in_the_order_in_which_their_nodes_are_told_of() -> None:
    slow, quick = Signals(3), Signals(1)
    waited, complete = waited_for(A=slow, B=quick)

    with waited:
        waited.settle_all()

    assert complete == ["B", "A"]
    assert (slow.listened_to, quick.listened_to) == (False, False)


def test_only_what_the_next_resource_needs_is_waited_for() -> None:
    slow, quick = Signals(1000), Signals(2)
    waited, complete = waited_for(A=slow, B=quick)

    with waited:
        waited.settle(needed_by("C", {"A": {}, "B": {}, "C": {"DependsOn": "B"}}))
        assert (complete, slow.listened_to) == (["B"], True)

    assert not slow.listened_to


def test_one_that_fails_fails_the_stack_though_another_is_waited_for() -> None:
    waited, complete = waited_for(A=Signals(1000), B=Signals(None))

    with pytest.raises(StackFailed, match="Received 0 SUCCESS"), waited:
        waited.settle(["A"])

    assert complete == []

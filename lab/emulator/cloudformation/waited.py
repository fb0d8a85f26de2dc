"""Resources of a stack that are there and still wait for signals, while what does not need them is made beside them.

"CloudFormation creates, updates, and deletes resources in parallel to the extent possible":
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-attribute-dependson.html. Here that holds for what takes long.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from lab.emulator.cloudformation.changesets import StackFailed
from lab.emulator.cloudformation.policies import Made
from lab.emulator.cloudformation.provider import ResourceError
from lab.emulator.cloudformation.signals import wait_a_moment


class Waited:
    """As a context manager: whatever happens, nobody listens for their signals afterwards."""

    def __init__(self, complete: Callable[[str, Any], None]) -> None:
        """complete: called with the logical id and the resource once all its signals have come."""
        self._complete = complete
        self._made: dict[str, tuple[str, Made]] = {}

    def __enter__(self) -> Waited:
        return self

    def __exit__(self, *_: object) -> None:
        for _type_name, made in self._made.values():
            made.done()

    def add(self, logical_id: str, type_name: str, made: Made) -> None:
        self._made[logical_id] = (type_name, made)

    def settle(self, logical_ids: Collection[str]) -> None:
        """Wait until those are complete. Raises StackFailed as soon as any resource cannot be, needed or not."""
        while not self._made.keys().isdisjoint(logical_ids):
            for logical_id, (type_name, made) in list(self._made.items()):
                assert made.awaited is not None, "what waits for nothing is complete at once"
                try:
                    come = made.awaited.come()
                except ResourceError as error:
                    raise StackFailed(logical_id, type_name, str(error)) from error
                if come:
                    del self._made[logical_id]
                    made.done()
                    self._complete(logical_id, made.resource)
            if not self._made.keys().isdisjoint(logical_ids):
                wait_a_moment()

    def settle_all(self) -> None:
        self.settle(tuple(self._made))

"""What wakes the functions: the minute, what AWS says, the table's stream; and how well that travels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core import names
from simulation.services import alarm_event

if TYPE_CHECKING:
    from simulation.world import World

# What wakes whom: stacks.wakes.
_STATES = ("shutting-down", "stopping", "stopped", "terminated")
_TO_RECOVER = ("EC2 Instance Launch Unsuccessful", "EC2 Instance Terminate Successful", "EC2 Instance Terminate Unsuccessful")
_HOOKS = {"EC2 Instance-launch Lifecycle Action": "admit_node", "EC2 Instance-terminate Lifecycle Action": "retire_node"}


@dataclass
class Post:
    """How well events travel: shares of those that are lost, that come twice, and that come late, by up to late_s."""

    lost: float = 0.0
    twice: float = 0.0
    late: float = 0.0
    late_s: float = 90.0


class Events:
    def __init__(self, world: World, post: Post) -> None:
        self._world, self._post, self._emitted = world, post, 0

    def minute(self) -> None:
        self._world.schedule.later(60.0, self.minute)
        if not self._world.functions.down:
            self._world.functions.wake("tick", {"source": "aws.events", "detail": {}}, "schedule")

    def put_events(self, *, Entries: list[dict[str, Any]]) -> dict[str, Any]:
        """Of ours, to whoever listens; nobody does here."""
        return {"FailedEntryCount": 0, "Entries": [{"EventId": entry["DetailType"]} for entry in Entries]}

    def emit(self, source: str, kind: str, detail: dict[str, Any]) -> None:
        """EventBridge: best effort."""
        function = _HOOKS.get(kind)
        if function is None and ((source == "aws.ec2" and detail.get("state") in _STATES) or kind in _TO_RECOVER or "Spot" in kind):
            function = "recover_assembly"
        if source == "aws.rds":
            function = "record_event"
        self._world.say(source, kind, **detail)
        if function is None or self._world.draws(self._post.lost, "lost event"):
            return
        self._emitted += 1
        event = {"source": source, "detail-type": kind, "detail": detail, "id": f"e-{self._emitted}"}
        for _ in range(self.copies()):
            self._world.schedule.later(self._world.pace.event + self.late_s(), lambda: self._world.functions.wake(function, event, source))

    def copies(self) -> int:
        return 2 if self._world.draws(self._post.twice, "duplicate event") else 1

    def late_s(self) -> float:
        return self._world.chance.uniform(1.0, self._post.late_s) if self._world.draws(self._post.late, "late event") else 0.0

    def rings(self, place: tuple[str, str]) -> None:
        self._world.say("alarm", f"{place[1]} is in ALARM")
        if not self._world.draws(self._post.lost, "lost event"):
            self._world.schedule.later(
                self._world.pace.event, lambda: self._world.functions.wake("recover_assembly", alarm_event(place), "alarm")
            )

    def written(self, pk: str, sk: str, new: dict[str, Any], _: dict[str, Any] | None) -> None:
        if sk.startswith(names.REQUEST_PREFIX) and not self._world.draws(self._post.lost, "lost event"):
            self._world.schedule.later(self._world.pace.event + self.late_s(), lambda: self._world.functions.stream(new))

"""Scaling activities, their causes in AWS's words, and the events Auto Scaling sends."""

from __future__ import annotations

import json
import uuid
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from lab.groups.model import EC2, GROUP, LAUNCHING, POOL, Group, Member, Wait
from lab.world import ACCOUNT, REGION

HISTORY_MAX = 200  # activities kept per group


def stamp(at: float) -> str:
    """A time as Auto Scaling prints it, in UTC and whole seconds."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def cause_text(at: float, text: str) -> str:
    return f"At {stamp(at)} {text}."


@dataclass(slots=True)
class Activity:
    """One scaling activity: https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_Activity.html. Times: real seconds."""

    group: str
    group_arn: str
    description: str
    cause: str
    start: float
    kind: str  # Launch or Terminate
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    end: float | None = None
    status: str = "InProgress"
    message: str = ""
    progress: int = 0
    instance_id: str = ""
    subnet: str = ""
    zone: str = ""
    origin: str = EC2
    destination: str = GROUP

    def finish(self, at: float, status: str = "Successful", message: str = "") -> None:
        self.end, self.status, self.message, self.progress = at, status, message, 100

    def place(self) -> dict[str, str]:
        place = {"Subnet ID": self.subnet, "Availability Zone": self.zone}
        return {key: value for key, value in place.items() if value}

    def described(self) -> dict[str, Any]:
        """As DescribeScalingActivities gives it."""
        row: dict[str, Any] = {
            "ActivityId": self.id,
            "AutoScalingGroupName": self.group,
            "AutoScalingGroupARN": self.group_arn,
            "Description": self.description,
            "Cause": self.cause,
            "StartTime": datetime.fromtimestamp(self.start, UTC),
            "StatusCode": self.status,
            "Progress": self.progress,
            "Details": json.dumps(self.place()),
        }
        if self.end is not None:
            row["EndTime"] = datetime.fromtimestamp(self.end, UTC)
        if self.message:
            row["StatusMessage"] = self.message
        return row


class History:
    """The latest activities of every group; bounded."""

    def __init__(self) -> None:
        self._by_group: dict[str, deque[Activity]] = {}

    def add(self, activity: Activity) -> Activity:
        self._by_group.setdefault(activity.group, deque(maxlen=HISTORY_MAX)).appendleft(activity)
        return activity

    def find(self, group: str, activity_id: str) -> Activity | None:
        return next((activity for activity in self.of(group) if activity.id == activity_id), None)

    def of(self, group: str | None = None) -> list[Activity]:
        """Those still in progress first, then by start time, newest first (as-verify-scaling-activity.html)."""
        rows = [activity for name, activities in self._by_group.items() if group in (None, name) for activity in activities]
        return sorted(rows, key=lambda activity: (activity.end is not None, -activity.start))


# https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-event-reference.html
def lifecycle_event(group: Group, member: Member, wait: Wait) -> tuple[str, dict[str, Any], list[str]]:
    """(detail-type, detail, resources) of an instance that entered a wait state.

    With a warm pool: https://docs.aws.amazon.com/autoscaling/ec2/userguide/warm-pools-eventbridge-events.html
    """
    launching, here = wait.hook.transition == LAUNCHING, POOL if member.in_pool else GROUP
    detail = {
        "LifecycleActionToken": wait.token,
        "AutoScalingGroupName": group.name,
        "LifecycleHookName": wait.hook.name,
        "EC2InstanceId": member.instance_id,
        "LifecycleTransition": wait.hook.transition,
        "Origin": member.origin if launching else here,
        "Destination": here if launching else EC2,
    }
    if wait.hook.metadata is not None:
        detail["NotificationMetadata"] = wait.hook.metadata
    return f"EC2 Instance-{'launch' if launching else 'terminate'} Lifecycle Action", detail, [group.arn]


def activity_event(activity: Activity) -> tuple[str, dict[str, Any], list[str]]:
    """(detail-type, detail, resources) of a finished launch or termination."""
    failed = activity.status in ("Failed", "Cancelled")
    detail = {
        "StatusCode": "Failed" if failed else "InProgress",
        "Description": activity.description,
        "AutoScalingGroupName": activity.group,
        "ActivityId": activity.id,
        "Details": activity.place(),
        "RequestId": activity.id,
        "StatusMessage": activity.message,
        "StartTime": stamp(activity.start),
        "EndTime": stamp(activity.end or activity.start),
        "EC2InstanceId": activity.instance_id,
        "Cause": activity.cause,
        "Origin": activity.origin,
        "Destination": activity.destination,
    }
    resources = [activity.group_arn]
    if activity.instance_id:
        resources.append(f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/{activity.instance_id}")
    return f"EC2 Instance {activity.kind} {'Unsuccessful' if failed else 'Successful'}", detail, resources

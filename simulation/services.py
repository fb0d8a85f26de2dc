"""The small services: queues with delays, the topic, the bucket, alarms over the metric that was really said, parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from core import names
from simulation.schedule import Schedule
from simulation.table import Item, refused

PERIOD_MS, PERIODS = 10_000, 3  # stacks.alarms


@dataclass
class Queues:
    schedule: Schedule
    receive: Callable[[str, str, int], None]
    copies: Callable[[], int]  # how often a message is delivered, and it may be late:
    late_s: Callable[[], float]
    sent: int = 0

    def send_message(self, *, QueueUrl: str, MessageBody: str, DelaySeconds: int = 0) -> Item:
        if not 0 <= DelaySeconds <= 900:
            raise refused("InvalidParameterValue", "SendMessage")
        for _ in range(self.copies()):
            self.sent += 1
            number = self.sent
            self.schedule.later(DelaySeconds + self.late_s(), lambda number=number: self.receive(QueueUrl, MessageBody, number))  # type: ignore[misc]  # this turn's
        return {"MessageId": f"m-{self.sent}"}

    def send_message_batch(self, *, QueueUrl: str, Entries: list[Mapping[str, Any]]) -> Item:
        for entry in Entries:
            self.send_message(QueueUrl=QueueUrl, MessageBody=entry["MessageBody"], DelaySeconds=entry.get("DelaySeconds", 0))
        return {"Successful": [{"Id": entry["Id"]} for entry in Entries], "Failed": []}


@dataclass
class Bucket:
    objects: dict[str, bytes] = field(default_factory=dict)

    def put_object(self, *, Bucket: str, Key: str, Body: bytes, ContentType: str = "") -> Item:
        self.objects[Key] = Body
        return {}


@dataclass
class Topic:
    told: Callable[[str, str], None]

    def publish(self, *, TopicArn: str, Subject: str, Message: str, **more: Any) -> Item:
        self.told(Subject, Message)
        return {}


@dataclass
class Parameters:
    all: dict[str, str] = field(default_factory=dict)

    def get_parameters_by_path(self, *, Path: str, Recursive: bool) -> Item:
        return {"Parameters": [{"Name": n, "Value": v} for n, v in sorted(self.all.items()) if n.startswith(f"{Path}/")]}


@dataclass(slots=True)
class Alarm:
    state: str = "INSUFFICIENT_DATA"
    points: list[tuple[int, int]] = field(default_factory=list)  # (number of the period, its minimum)


@dataclass
class Alarms:
    """3 of 3 periods of 10 s below one; missing data changes nothing.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
    """

    schedule: Schedule
    chance: Random
    rings: Callable[[tuple[str, str]], None]
    deaf: bool = False  # CloudWatch evaluates nothing
    all: dict[tuple[str, str], Alarm] = field(default_factory=dict)

    def heard(self, dimensions: Mapping[str, str], value: int, at_ms: int) -> None:
        if names.DIM_ASSEMBLY not in dimensions:
            return
        place = (dimensions[names.DIM_DEPLOYABLE], dimensions[names.DIM_ASSEMBLY])
        alarm = self.all.setdefault(place, Alarm())
        period = at_ms // PERIOD_MS
        known = dict(alarm.points)
        known[period] = min(known.get(period, 1), value)
        alarm.points = sorted(known.items())[-PERIODS:]
        if value == 0 or alarm.state != "OK":
            self.schedule.later(self.chance.uniform(2.0, 12.0), lambda: self._evaluate(place, alarm))

    def _evaluate(self, place: tuple[str, str], alarm: Alarm) -> None:
        if self.deaf or not alarm.points:
            return
        newest = alarm.points[-1][0]
        last = [value for period, value in alarm.points if period > newest - PERIODS]
        before = alarm.state
        if len(last) == PERIODS and not any(last):
            alarm.state = "ALARM"
        elif last[-1] == 1:
            alarm.state = "OK"
        if alarm.state == "ALARM" and before != "ALARM":
            self.rings(place)

    def describe_alarms_for_metric(self, *, Namespace: str, MetricName: str, Dimensions: list[Mapping[str, str]]) -> Item:
        wanted = {d["Name"]: d["Value"] for d in Dimensions}
        alarm = self.all.get((wanted[names.DIM_DEPLOYABLE], wanted[names.DIM_ASSEMBLY]))
        return {"MetricAlarms": [{"StateValue": alarm.state, "Dimensions": Dimensions}] if alarm is not None else []}


def alarm_event(place: tuple[str, str]) -> Item:
    """As in tests/events/alarm_action.json."""
    metric = {"dimensions": {names.DIM_DEPLOYABLE: place[0], names.DIM_ASSEMBLY: place[1]}}
    data = {
        "alarmName": f"Healthy-{place[1]}",
        "state": {"value": "ALARM"},
        "configuration": {"metrics": [{"metricStat": {"metric": metric}}]},
    }
    return {"source": "aws.cloudwatch", "alarmData": data}

"""Fires the schedules of rules; these are no events that could get lost, so drop_events leaves them alone."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Any

from lab.functions.guard import guarded
from lab.messaging.bus import Bus, make_event
from lab.messaging.schedules import Cron, Rate, next_due, parse
from lab.messaging.send import backend
from lab.world import World

_LOOK_S = 0.1


@dataclass(slots=True)
class _Entry:
    schedule: Rate | Cron
    expression: str
    due: float  # in AWS's seconds


class Scheduler:
    """AWS's seconds run `clock.scale` times as fast as real ones, counted from the start of the lab."""

    def __init__(self, world: World, bus: Bus) -> None:
        self._world, self._bus = world, bus
        self._stop = threading.Event()
        self._entries: dict[str, _Entry] = {}
        self._origin = time.time()

    def start(self) -> None:
        threading.Thread(target=self._loop, daemon=True, name="scheduler").start()

    def close(self) -> None:
        self._stop.set()

    def _now(self) -> float:
        return self._origin + (time.time() - self._origin) * self._world.clock.scale

    def _loop(self) -> None:
        while not self._stop.wait(_LOOK_S):
            guarded(self._world, "scheduler", self.look, self._now())

    def look(self, now: float) -> None:
        """Fire what is due at `now`. A rule seen for the first time begins its first period now."""
        rules = [rule for bus in backend("events").event_buses.values() for rule in list(bus.rules.values()) if rule.scheduled_expression]
        for name in set(self._entries) - {rule.arn for rule in rules}:
            del self._entries[name]
        for rule in rules:
            self._look_at(rule, now)

    def _look_at(self, rule: Any, now: float) -> None:
        entry = self._entries.get(rule.arn)
        if entry is None or entry.expression != rule.scheduled_expression:
            schedule = parse(rule.scheduled_expression)
            due = next_due(schedule, created_at=now, last=None, now=now)
            self._entries[rule.arn] = _Entry(schedule, rule.scheduled_expression, due)
            return
        if now < entry.due:
            return
        fired, entry.due = entry.due, next_due(entry.schedule, created_at=entry.due, last=entry.due, now=now)
        if entry.due < now:  # the machine slept: do not run a backlog
            entry.due = next_due(entry.schedule, created_at=now, last=now, now=now)
        if rule.state == "DISABLED":
            return
        self._bus.deliver(rule, make_event("aws.events", "Scheduled Event", {}, [rule.arn], at=fired))

"""EventBridge's default bus: events of AWS's own and PutEvents, matched by rules and delivered to targets.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-how-it-works-concepts.html
"""

from __future__ import annotations

import json
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from lab.functions.guard import guarded
from lab.messaging.patterns import matches
from lab.messaging.send import Undeliverable, backend, send
from lab.messaging.transform import target_input
from lab.world import ACCOUNT, REGION, World

_SERVICE = "events.amazonaws.com"
# Delivery that fails is retried for up to 24 hours and 185 times, backing off:
# https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html
_ATTEMPTS, _AGE_S = 185, 86_400.0
_BACK_OFF_S = (1.0, 2.0, 5.0, 15.0, 30.0, 60.0)
_WORKERS = 8
_NAMES = ("instance-id", "EC2InstanceId", "AutoScalingGroupName", "alarmName")  # of a detail: whom AWS's own events are about


class Bus:
    """world.events. Delivery is asynchronous, after AWS's delay, best effort."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._workers = ThreadPoolExecutor(_WORKERS, thread_name_prefix="events")
        self._timers: set[threading.Timer] = set()
        self._lock = threading.Lock()
        self._closed = False

    def emit(self, source: str, detail_type: str, detail: dict[str, Any], resources: list[str] | None = None) -> None:
        self.put(make_event(source, detail_type, detail, resources))

    def put(self, event: dict[str, Any], *, bus: str = "default") -> None:
        """Take an event; rules see it after AWS's delay. With world.drop_events it is gone, and the journal says so."""
        what = f"{event['detail-type']} ({event['source']})"
        if self._world.drop_events:
            self._world.journal.say("events", f"dropped: {what}", event_id=event["id"], detail=event["detail"])
            return
        delay = self._world.delays["event"]
        start = self._world.clock.now()
        if _rules(bus, event):  # an event that nobody waits for has no delay worth telling
            about = " ".join(str(event["detail"][key]) for key in _NAMES if key in event["detail"])
            end = start + self._world.clock.real(delay.seconds)
            self._world.journal.delay(delay.name, f"{what} {about}".rstrip(), start=start, end=end, source=delay.source)
        self._later(delay.seconds, lambda: self._match(event, bus))

    def deliver(self, rule: Any, event: dict[str, Any]) -> None:
        """Give an event to every target of a rule, at once (schedules, and what matched)."""
        for target in list(rule.targets):
            self._submit(rule, target, event, time.monotonic(), 0)

    def close(self) -> None:
        with self._lock:
            self._closed = True
            timers = list(self._timers)
        for timer in timers:
            timer.cancel()
        self._workers.shutdown(wait=False, cancel_futures=True)

    def _match(self, event: dict[str, Any], bus: str) -> None:
        rules = _rules(bus, event)
        names = [rule.name for rule in rules]
        if rules:
            what = f"{event['detail-type']} ({event['source']}) -> {', '.join(names)}"
            self._world.journal.say("events", what, event_id=event["id"], rules=names)
        for rule in rules:
            self.deliver(rule, event)

    def _submit(self, rule: Any, target: dict[str, Any], event: dict[str, Any], since: float, attempt: int) -> None:
        with self._lock:
            if not self._closed:
                self._workers.submit(guarded, self._world, "events", self._attempt, rule, target, event, since, attempt)

    def _attempt(self, rule: Any, target: dict[str, Any], event: dict[str, Any], since: float, attempt: int) -> None:
        origin = event["detail-type"] if event["source"] != "aws.events" else f"schedule {rule.name}"
        try:
            send(self._world, target["Arn"], target_input(target, event), service=_SERVICE, source_arn=rule.arn, origin=origin)
        except Undeliverable as error:
            self._retry(rule, target, event, since, attempt, error)

    def _retry(self, rule: Any, target: dict[str, Any], event: dict[str, Any], since: float, attempt: int, error: Undeliverable) -> None:
        policy = target.get("RetryPolicy") or {}
        left = int(policy.get("MaximumRetryAttempts", _ATTEMPTS)) - attempt
        age = (time.monotonic() - since) * self._world.clock.scale
        # Missing permission and missing targets are not retried, they go to the dead-letter queue at once:
        # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
        hopeless = error.code in ("NO_PERMISSIONS", "RESOURCE_NOT_FOUND", "UNSUPPORTED_TARGET")
        if not hopeless and left > 0 and age < float(policy.get("MaximumEventAgeInSeconds", _AGE_S)):
            wait = _BACK_OFF_S[min(attempt, len(_BACK_OFF_S) - 1)]
            self._later(wait, lambda: self._submit(rule, target, event, since, attempt + 1))
            return
        self._world.journal.say("events", f"not delivered by rule {rule.name}: {error}", event_id=event["id"], target=target["Arn"])
        queue = (target.get("DeadLetterConfig") or {}).get("Arn")
        if not queue:
            return
        attributes = {"RULE_ARN": rule.arn, "TARGET_ARN": target["Arn"], "ERROR_CODE": error.code, "ERROR_MESSAGE": str(error)[:256]}
        try:
            send(self._world, queue, json.dumps(event), attributes=attributes, service=_SERVICE, source_arn=rule.arn)
        except Undeliverable as second:
            self._world.journal.say("events", f"nor to its dead-letter queue: {second}", event_id=event["id"], target=queue)

    def _later(self, seconds: float, act: Any) -> None:
        def run() -> None:
            with self._lock:
                self._timers.discard(timer)
                if self._closed:
                    return
            guarded(self._world, "events", act)

        timer = threading.Timer(self._world.clock.real(seconds), run)
        timer.daemon = True
        with self._lock:
            if self._closed:
                return
            self._timers.add(timer)
        timer.start()


def make_event(
    source: str, detail_type: str, detail: Any, resources: list[str] | None = None, *, at: float | None = None
) -> dict[str, Any]:
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html"""
    moment = datetime.fromtimestamp(time.time() if at is None else at, UTC)
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": detail_type,
        "source": source,
        "account": ACCOUNT,
        "time": moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": REGION,
        "resources": list(resources or []),
        "detail": detail,
    }


def _rules(bus: str, event: dict[str, Any]) -> list[Any]:
    found = backend("events").event_buses.get(bus)
    rules = list(found.rules.values()) if found else []
    return [rule for rule in rules if rule.state != "DISABLED" and (p := rule.event_pattern.get_pattern()) and matches(p, event)]

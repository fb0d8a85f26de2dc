"""Alarms at work: evaluated on the clock, acting on transitions, with a history.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-actions.html
"""

from __future__ import annotations

import json
import math
import threading
from collections import deque
from datetime import UTC, datetime
from typing import Any

from moto.awslambda.exceptions import UnknownFunctionException
from moto.backends import get_backend
from moto.core.exceptions import ServiceException

from lab.alarms.composite import children, holds
from lab.alarms.definition import MetricQuery, Unsupported, Watched, read
from lab.alarms.evaluate import Definition, State, evaluate, windows
from lab.alarms.expression import Points
from lab.alarms.payloads import Change, Composed, Moment, composed_data, for_bus, for_function, for_topic, reason_data, stamp
from lab.functions.engine import Denied, FunctionEngine
from lab.functions.guard import guarded
from lab.messaging.send import ALARMS, Undeliverable, to_topic
from lab.metrics import metrics_of
from lab.world import ACCOUNT, REGION, World

_SERVICE = "lambda.alarms.cloudwatch.amazonaws.com"
_HISTORY_MAX = 2000
_STEP_S = 10.0


class AlarmEngine:
    """`look` evaluates what is due at a moment; the thread calls it at each boundary of 10 seconds."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._stop = threading.Event()
        self._lock = threading.RLock()
        self._said: dict[str, str] = {}
        self._steps: dict[str, int] = {}
        self.history: deque[dict[str, Any]] = deque(maxlen=_HISTORY_MAX)

    def start(self) -> None:
        threading.Thread(target=self._loop, daemon=True, name="alarms").start()

    def close(self) -> None:
        self._stop.set()

    def _loop(self) -> None:
        """CloudWatch looks at a period a little after it ended: that lag is AWS's, and late data may still arrive in it."""
        step = self._world.clock.real(_STEP_S)
        lag = self._world.clock.real(self._world.delays["alarm_evaluation"].seconds)
        boundary = math.floor(self._world.clock.now() / step) * step
        while not self._stop.is_set():
            boundary += step
            if self._stop.wait(max(0.0, boundary + lag - self._world.clock.now())):
                return
            if "alarms" not in self._world.out_of_order:
                guarded(self._world, "alarm", self.look, boundary)
            boundary = max(boundary, math.floor((self._world.clock.now() - lag) / step) * step)

    def look(self, boundary: float) -> None:
        """Evaluate every alarm whose step ends at this boundary (Unix time)."""
        for alarm in _alarms():
            if alarm.rule is not None:
                continue
            try:
                definition, watched = read(alarm)
                if self._is_due(alarm.alarm_arn, boundary / self._world.clock.real(definition.step_s)):
                    self._evaluate(alarm, definition, watched, boundary)
            except Unsupported as error:
                self._say_once(alarm.name, str(error))
        self.compose()

    def compose(self) -> None:
        """Composite alarms have no periods: they follow those that their rule asks about, other composite ones included.

        https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Create_Composite_Alarm.html
        """
        alarms = _alarms()
        for _ in alarms:  # at most as often as one can wait for another
            states = {key: alarm.state_value for alarm in alarms for key in (alarm.name, alarm.alarm_arn)}
            for alarm in (one for one in alarms if one.rule is not None):
                try:
                    value = "ALARM" if holds(alarm.rule, states) else "OK"
                except Unsupported as error:
                    self._say_once(alarm.name, str(error))
                    continue
                if value != alarm.state_value:
                    self._composed(alarm, value)
                    break
            else:
                return

    def _composed(self, alarm: Any, value: str) -> None:
        asked = children(alarm.rule)
        ringing = tuple(
            (one.alarm_arn, one.state_value, _unix(one.state_updated_timestamp))
            for one in _alarms()
            if (one.name in asked or one.alarm_arn in asked) and one.state_value == "ALARM"
        )
        reason = f"{ringing[0][0]} transitioned to ALARM at {stamp(ringing[0][2])}" if ringing else "none of its alarms rings any more"
        data = composed_data(ringing)
        old = self._set(alarm, value, reason, data)
        change = Composed(
            name=alarm.name,
            arn=alarm.alarm_arn,
            description=alarm.description,
            rule=alarm.rule,
            children=ringing,
            actions=_actions(alarm),
            old=old,
            new=Moment(value, reason, data, self._world.clock.now()),
        )
        self._tell(alarm, change)

    def _is_due(self, arn: str, steps: float) -> bool:
        """Once a step, at its boundary; later only when the machine was too slow to look there."""
        step = math.floor(steps + 1e-6)
        last, self._steps[arn] = self._steps.get(arn), step
        return abs(steps - step) < 1e-6 if last is None else step > last

    def _evaluate(self, alarm: Any, definition: Definition, watched: Watched, boundary: float) -> None:
        second = self._world.clock.real(1.0)
        spans = windows(definition, boundary, second_s=second)
        store = metrics_of(self._world).series

        def series(metric: MetricQuery) -> Points:
            return tuple(store.statistic(metric.key, span.start, span.end, metric.statistic, metric.unit) for span in spans)

        values = watched.points(series)
        verdict = evaluate(definition, values, State(alarm.state_value))
        if verdict.state == alarm.state_value:
            return
        now = self._world.clock.now()
        delay = self._world.delays["alarm_evaluation"]
        self._world.journal.delay(delay.name, alarm.name, start=boundary, end=now, source=delay.source)
        points = [(span.start, value) for span, value in zip(spans, values, strict=True)][-definition.evaluation_periods :][::-1]
        self.transition(alarm, str(verdict.state), verdict.reason, reason_data(watched, definition, points, now))

    def transition(self, alarm: Any, value: str, reason: str, data: str | None) -> None:
        """Set a state; when it differs, run the actions of the new one. Also what SetAlarmState does."""
        if alarm.rule is not None:
            if value != alarm.state_value:  # on AWS it stays so until an alarm under it changes, here until the next look
                self._composed(alarm, value)
            return
        old = self._set(alarm, value, reason, data)
        if old.value == value:
            return
        definition, watched = read(alarm)
        change = Change(
            name=alarm.name,
            arn=alarm.alarm_arn,
            description=alarm.description,
            watched=watched,
            definition=definition,
            updated_at=_unix(alarm.configuration_updated_timestamp),
            actions=_actions(alarm),
            old=old,
            new=Moment(value, reason, data, self._world.clock.now()),
        )
        self._tell(alarm, change)
        self.compose()

    def _set(self, alarm: Any, value: str, reason: str, data: str | None) -> Moment:
        """Gives the state before."""
        with self._lock:
            old = Moment(alarm.state_value, alarm.state_reason, alarm.state_reason_data, _unix(alarm.state_updated_timestamp))
            now = self._world.clock.now()
            alarm.state_value, alarm.state_reason, alarm.state_reason_data = value, reason, data or ""
            alarm.state_updated_timestamp = datetime.fromtimestamp(now, UTC).replace(tzinfo=None)
        return old

    def _tell(self, alarm: Any, change: Change | Composed) -> None:
        """The journal, the history, the event bus, and the actions of the new state."""
        old, new = change.old.value, change.new
        self._world.journal.say("alarm", f"{alarm.name}: {old} -> {new.value}: {new.reason}", alarm=alarm.name, state=new.value, old=old)
        history = {"version": "1.0", "oldState": _plain(change.old), "newState": _plain(change.new)}
        self._remember(alarm, "StateUpdate", f"Alarm updated from {old} to {new.value}", history)
        assert self._world.events is not None
        self._world.events.emit("aws.cloudwatch", "CloudWatch Alarm State Change", for_bus(change), [alarm.alarm_arn])
        self._act(alarm, change)

    def _act(self, alarm: Any, change: Change | Composed) -> None:
        for action in change.actions[change.new.value]:
            if not alarm.actions_enabled:
                self._remember(alarm, "Action", f"Actions are disabled: {action} was not run", {})
                continue
            if self._world.drop_events:
                self._world.journal.say("alarm", f"dropped: the action of {alarm.name}", alarm=alarm.name, action=action)
                continue
            problem = self._run(action, change)
            said = f"Failed to execute action {action}. Received error: {problem}" if problem else f"Successfully executed action {action}"
            self._remember(alarm, "Action", said, {"actionState": "Failed" if problem else "Succeeded"})
            self._world.journal.say("alarm", f"{alarm.name}: {said}", alarm=alarm.name, action=action)

    def _run(self, action: str, change: Change | Composed) -> str | None:
        """What went wrong, or None."""
        kind = action.split(":")[2]
        try:
            if kind == "lambda":
                assert isinstance(self._world.functions, FunctionEngine)
                payload, origin = for_function(change), f"alarm {change.name}"
                self._world.functions.invoke_by_service(action, payload, service=_SERVICE, source_arn=change.arn, origin=origin)
                return None
            if kind == "sns":
                to_topic(self._world, action, *for_topic(change), service=ALARMS, source_arn=change.arn)
                return None
        except (Denied, Undeliverable) as error:
            return str(error)
        except (ServiceException, UnknownFunctionException) as error:
            return str(error.message)
        return f"the lab runs no alarm actions of {kind}"

    def _remember(self, alarm: Any, kind: str, summary: str, data: dict[str, Any]) -> None:
        entry = {
            "AlarmName": alarm.name,
            "AlarmType": "MetricAlarm" if alarm.rule is None else "CompositeAlarm",
            "Timestamp": datetime.fromtimestamp(self._world.clock.now(), UTC).replace(tzinfo=None),
            "HistoryItemType": kind,
            "HistorySummary": summary,
            "HistoryData": json.dumps(data),
        }
        self.history.append(entry)

    def _say_once(self, name: str, text: str) -> None:
        if self._said.get(name) != text:
            self._said[name] = text
            self._world.journal.say("alarm", f"{name} is not evaluated: {text}", alarm=name)


def _alarms() -> list[Any]:
    return list(get_backend("cloudwatch")[ACCOUNT][REGION].alarms.values())


def _actions(alarm: Any) -> dict[str, list[str]]:
    found = {"OK": alarm.ok_actions, "ALARM": alarm.alarm_actions, "INSUFFICIENT_DATA": alarm.insufficient_data_actions}
    return {state: list(arns or []) for state, arns in found.items()}


def _plain(moment: Moment) -> dict[str, Any]:
    return {"stateValue": moment.value, "stateReason": moment.reason, "at": stamp(moment.at)}


def _unix(moment: datetime) -> float:
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()

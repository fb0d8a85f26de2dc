"""Alarms evaluated from the metrics really put, with AWS's rules."""

from __future__ import annotations

from typing import Any

import moto.cloudwatch.models as cloudwatch_models
from moto.cloudwatch.exceptions import InvalidParameterValue
from moto.cloudwatch.responses import CloudWatchResponse
from moto.core.responses import ActionResult

from lab.alarms.composite import children
from lab.alarms.engine import AlarmEngine
from lab.alarms.expression import Unsupported
from lab.patching import original_of, replace
from lab.world import World

__all__ = ["engine_of", "install", "start", "stop"]

_HISTORY_PAGE = 100
_by_world: dict[int, AlarmEngine] = {}


def engine_of(world: World) -> AlarmEngine:
    return _by_world[id(world)]


def install(world: World) -> None:
    engine = _by_world[id(world)] = AlarmEngine(world)
    _patch(engine)


def start(world: World) -> None:
    engine_of(world).start()


def stop(world: World) -> None:
    _by_world.pop(id(world)).close()


def _patch(engine: AlarmEngine) -> None:
    """Patch points with contract tests: CloudWatchBackend.put_metric_alarm and set_alarm_state, and the
    DescribeAlarmHistory that moto lacks. What lab.emulator.fixups puts as composite alarms comes by the first of them."""
    backend = cloudwatch_models.CloudWatchBackend
    original = original_of(backend, "put_metric_alarm")
    checked = original_of(backend, "set_alarm_state")

    def put_metric_alarm(self: Any, name: str, *rest: Any, **more: Any) -> Any:
        """A new alarm has INSUFFICIENT_DATA; an update leaves the state as it was (API_PutMetricAlarm).

        A composite one is evaluated at once, and the actions of what is found are run (API_PutCompositeAlarm).
        """
        before = self.alarms.get(name)
        if more.get("rule") is not None:
            _check(more["rule"])
        alarm = original(self, name, *rest, **more)
        if before is None:
            alarm.state_value = "INSUFFICIENT_DATA"
        else:
            for field in ("state_value", "state_reason", "state_reason_data", "state_updated_timestamp", "history"):
                setattr(alarm, field, getattr(before, field))
        if alarm.rule is not None:
            engine.compose()
        return alarm

    def set_alarm_state(self: Any, alarm_name: str, reason: str, reason_data: str | None, state_value: str) -> None:
        """moto checks the arguments on the way; the engine sets the state and runs the actions."""
        alarm = self.alarms.get(alarm_name)
        if alarm is None:
            checked(self, alarm_name, reason, reason_data, state_value)
            return
        kept = (alarm.state_value, alarm.state_reason, alarm.state_reason_data, alarm.state_updated_timestamp)
        checked(self, alarm_name, reason, reason_data, state_value)
        alarm.state_value, alarm.state_reason, alarm.state_reason_data, alarm.state_updated_timestamp = kept
        del alarm.history[:-_HISTORY_PAGE]
        engine.transition(alarm, state_value, reason, reason_data)

    def describe_alarm_history(self: Any) -> ActionResult:
        name, kind = self._get_param("AlarmName"), self._get_param("HistoryItemType")
        limit = min(int(self._get_param("MaxRecords") or _HISTORY_PAGE), _HISTORY_PAGE)
        wanted = [
            item for item in reversed(engine.history) if name in (None, item["AlarmName"]) and kind in (None, item["HistoryItemType"])
        ]
        return ActionResult({"AlarmHistoryItems": wanted[:limit]})

    replace(backend, "put_metric_alarm", put_metric_alarm)
    replace(backend, "set_alarm_state", set_alarm_state)
    CloudWatchResponse.describe_alarm_history = describe_alarm_history  # type: ignore[attr-defined]  # moto lacks it


def _check(rule: str) -> None:
    """Raises AWS's error for what is no rule."""
    try:
        children(rule)
    except Unsupported as error:
        raise InvalidParameterValue(f"AlarmRule: {error}") from error

"""What state an alarm is in: a pure function of its definition, its data points and its last state.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

# CloudWatch retrieves more points than it evaluates and does not say how many; in its examples 5 for N = 3.
_EXTRA_POINTS = 2


class State(StrEnum):
    OK = "OK"
    ALARM = "ALARM"
    INSUFFICIENT_DATA = "INSUFFICIENT_DATA"


class Missing(StrEnum):
    """How missing data points are treated."""

    MISSING = "missing"
    IGNORE = "ignore"
    BREACHING = "breaching"
    NOT_BREACHING = "notBreaching"


_OPERATORS: dict[str, tuple[Callable[[float, float], bool], str]] = {
    "GreaterThanOrEqualToThreshold": (operator.ge, "greater than or equal to"),
    "GreaterThanThreshold": (operator.gt, "greater than"),
    "LessThanThreshold": (operator.lt, "less than"),
    "LessThanOrEqualToThreshold": (operator.le, "less than or equal to"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """period_s in AWS's seconds; evaluation_periods is N, datapoints_to_alarm is M."""

    threshold: float
    comparison: str
    period_s: int
    evaluation_periods: int
    datapoints_to_alarm: int
    missing: Missing = Missing.MISSING

    def __post_init__(self) -> None:
        if self.comparison not in _OPERATORS:
            raise ValueError(f"the lab does not know ComparisonOperator {self.comparison!r}")
        if self.period_s not in (10, 20, 30) and (self.period_s <= 0 or self.period_s % 60):
            raise ValueError(f"Period is {self.period_s}: use 10, 20, 30 or a multiple of 60")
        if not 1 <= self.datapoints_to_alarm <= self.evaluation_periods:
            raise ValueError(f"DatapointsToAlarm is {self.datapoints_to_alarm}: use 1 to {self.evaluation_periods}")

    @property
    def step_s(self) -> int:
        """How often it is evaluated: every 10 s below a minute's period, else every minute."""
        return 10 if self.period_s < 60 else 60

    @property
    def range_points(self) -> int:
        """The evaluation range, in points."""
        return self.evaluation_periods + _EXTRA_POINTS


@dataclass(frozen=True, slots=True)
class Window:
    """One data point's period: start <= t < end."""

    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Verdict:
    state: State
    reason: str


def windows(definition: Definition, now: float, *, second_s: float = 1.0) -> list[Window]:
    """The periods of the evaluation range, oldest first; the newest ended at the last step's boundary.

    Steps are aligned to the clock, and a period longer than a step slides with it: with a period of 5 minutes
    the alarm looks at minutes 1 to 5, a minute later at 2 to 6. second_s: one of AWS's seconds in the unit of `now`.
    """
    step, period = definition.step_s * second_s, definition.period_s * second_s
    # A tiny share of a step forgives a timer that fires just before its boundary.
    end = math.floor(now / step + 1e-6) * step
    return [Window(end - (k + 1) * period, end - k * period) for k in reversed(range(definition.range_points))]


def evaluate(definition: Definition, points: Sequence[float | None], previous: State) -> Verdict:
    """The state for the points of the evaluation range, oldest first, None where one is missing."""
    breaches, _ = _OPERATORS[definition.comparison]
    n, m = definition.evaluation_periods, definition.datapoints_to_alarm
    seen = [(len(points) - index, value) for index, value in enumerate(points) if value is not None]
    recent = seen[-n:]  # the newest that exist, also when they are older than N periods
    bad = [age for age, value in recent if breaches(value, definition.threshold)]
    if len(recent) == n:
        return _judged(definition, recent, State.ALARM if len(bad) >= m else State.OK)
    absent = n - len(recent)
    match definition.missing:
        case Missing.BREACHING:
            return _judged(definition, recent, State.ALARM if len(bad) + absent >= m else State.OK, absent)
        case Missing.NOT_BREACHING:
            return _judged(definition, recent, State.ALARM if len(bad) >= m else State.OK, absent)
    unknown = Verdict(previous, "missing data is ignored") if definition.missing is Missing.IGNORE else _insufficient(absent)
    if not recent:
        return unknown
    if len(bad) >= m:
        return _judged(definition, recent, State.ALARM)
    if len(bad) < len(recent):
        return _judged(definition, recent, State.OK)
    # Only breaching points, and fewer than M of them: an alarm waits while the next point may still be good, unless
    # the oldest breach is M periods old already and nothing good has come since.
    if definition.missing is Missing.MISSING and bad[0] >= m:
        return _judged(definition, recent, State.ALARM)
    return unknown


def _insufficient(absent: int) -> Verdict:
    plural = "datapoint was" if absent == 1 else "datapoints were"
    return Verdict(State.INSUFFICIENT_DATA, f"Insufficient Data: {absent} {plural} unknown.")


def _judged(definition: Definition, recent: Sequence[tuple[int, float]], state: State, filled: int = 0) -> Verdict:
    """The reason in CloudWatch's own manner of speaking."""
    breaches, words = _OPERATORS[definition.comparison]
    total = len(recent) + filled
    bad = [value for _, value in recent if breaches(value, definition.threshold)]
    counted = len(bad) + (filled if definition.missing is Missing.BREACHING else 0)
    good = [value for _, value in recent if not breaches(value, definition.threshold)]
    limit = f"the threshold ({definition.threshold})"
    if filled and not recent:
        how = "Breaching" if state is State.ALARM else "NonBreaching"
        missing = f"{filled} missing {_points(filled)} {_were(filled)} treated as [{how}]"
        return Verdict(state, f"Threshold Crossed: no datapoints were received for {_many(total, 'period')} and {missing}.")
    alarming = state is State.ALARM
    shown, number = (bad, counted) if alarming else (good, len(good))
    values = ", ".join(str(value) for value in shown)
    needed = definition.datapoints_to_alarm if alarming else max(1, total - definition.datapoints_to_alarm + 1)
    turn = "OK -> ALARM" if alarming else "ALARM -> OK"
    what = f"{number} out of the last {total} datapoints [{values}] {_were(number)} {'' if alarming else 'not '}{words} {limit}"
    return Verdict(state, f"Threshold Crossed: {what} (minimum {_many(needed, 'datapoint')} for {turn} transition).")


def _were(number: int) -> str:
    return "was" if number == 1 else "were"


def _points(number: int) -> str:
    return "datapoint" if number == 1 else "datapoints"


def _many(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"

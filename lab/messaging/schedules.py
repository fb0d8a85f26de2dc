"""When a schedule is due: `rate(...)` and `cron(...)` of EventBridge rules, in UTC.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_UNITS = {"minute": 60.0, "hour": 3600.0, "day": 86_400.0}
_MONTHS = dict(zip(("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"), range(1, 13), strict=True))
_DAYS = dict(zip(("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"), range(1, 8), strict=True))
_LOOK_AHEAD = timedelta(days=366)


class BadSchedule(ValueError):
    """Not an expression of EventBridge, or one of its rarer forms that this lab does not do."""


@dataclass(frozen=True, slots=True)
class Rate:
    every_s: float


@dataclass(frozen=True, slots=True)
class Cron:
    """day_of_month or day_of_week is None where the expression has `?`. Sunday is 1."""

    minutes: frozenset[int]
    hours: frozenset[int]
    day_of_month: frozenset[int] | None
    months: frozenset[int]
    day_of_week: frozenset[int] | None
    years: frozenset[int]

    def next_after(self, moment: datetime) -> datetime:
        """The first minute after `moment` that fits. Raises BadSchedule when there is none within a year."""
        at = (moment + timedelta(minutes=1)).replace(second=0, microsecond=0)
        end = at + _LOOK_AHEAD
        while at < end:
            if not self._day_fits(at):
                at = (at + timedelta(days=1)).replace(hour=0, minute=0)
            elif at.hour not in self.hours:
                at = (at + timedelta(hours=1)).replace(minute=0)
            elif at.minute not in self.minutes:
                at += timedelta(minutes=1)
            else:
                return at
        raise BadSchedule("this cron expression is not due within a year")

    def _day_fits(self, at: datetime) -> bool:
        if at.month not in self.months or at.year not in self.years:
            return False
        if self.day_of_month is not None:
            return at.day in self.day_of_month
        return self.day_of_week is None or at.isoweekday() % 7 + 1 in self.day_of_week


def parse(expression: str) -> Rate | Cron:
    """Raises BadSchedule, naming the expression."""
    if match := re.fullmatch(r"rate\((\d+) (minute|hour|day)(s?)\)", expression):
        number = int(match[1])
        if number < 1 or (number == 1) == bool(match[3]):
            raise BadSchedule(f"{expression}: use a number from 1 up, and the singular for 1")
        return Rate(number * _UNITS[match[2]])
    if match := re.fullmatch(r"cron\((.+)\)", expression):
        fields = match[1].split()
        if len(fields) != 6 or (fields[2] == "?") == (fields[4] == "?"):
            raise BadSchedule(f"{expression}: six fields, with ? in exactly one of day-of-month and day-of-week")
        return Cron(
            _numbers(fields[0], 0, 59, {}, expression),
            _numbers(fields[1], 0, 23, {}, expression),
            None if fields[2] == "?" else _numbers(fields[2], 1, 31, {}, expression),
            _numbers(fields[3], 1, 12, _MONTHS, expression),
            None if fields[4] == "?" else _numbers(fields[4], 1, 7, _DAYS, expression),
            _numbers(fields[5], 1970, 2199, {}, expression),
        )
    raise BadSchedule(f"{expression}: not a schedule expression")


def next_due(schedule: Rate | Cron, *, created_at: float, last: float | None, now: float) -> float:
    """Unix time of the next run. A rate's first run is one period after the rule was made, at most; a minute's within it.

    AWS does not say when within the first period a rate rule begins; here it is a period after its creation.
    """
    if isinstance(schedule, Rate):
        return (created_at if last is None else last) + schedule.every_s
    return schedule.next_after(datetime.fromtimestamp(now, UTC)).timestamp()


def _numbers(text: str, low: int, high: int, names: dict[str, int], expression: str) -> frozenset[int]:
    found: set[int] = set()
    for part in text.split(","):
        body, _, step = part.partition("/")
        first, _, last = body.partition("-")
        try:
            if body == "*":
                start, stop = low, high
            else:
                start = names.get(first.upper()) or int(first)
                stop = (names.get(last.upper()) or int(last)) if last else (high if step else start)
            numbers = range(start, stop + 1, int(step) if step else 1)
        except ValueError as error:
            raise BadSchedule(f"{expression}: the lab does not know {part!r}") from error
        if not numbers or start < low or stop > high:
            raise BadSchedule(f"{expression}: {part!r} is outside {low} to {high}")
        found.update(numbers)
    return frozenset(found)

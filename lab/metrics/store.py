"""Every series of metrics in one place: what alarms are evaluated from.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_concepts.html
"""

from __future__ import annotations

import math
import threading
from collections import OrderedDict, deque
from collections.abc import Mapping
from dataclasses import dataclass

_POINTS_MAX = 20_000  # of one series
_SERIES_MAX = 2_000
_KEEP_S = 3 * 3600.0


@dataclass(frozen=True, slots=True)
class SeriesKey:
    """A metric is its namespace, its name and its exact set of dimensions: nothing is summed over dimensions."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Sample:
    """A value, or a statistic set. at: Unix time, already at the resolution it is stored with."""

    at: float
    count: float
    total: float
    low: float
    high: float
    values: tuple[float, ...]  # empty for a statistic set: no percentiles then
    unit: str


def key_of(namespace: str, name: str, dimensions: Mapping[str, str]) -> SeriesKey:
    return SeriesKey(namespace, name, tuple(sorted(dimensions.items())))


class Series:
    """Bounded; safe between threads. minute_s: a minute in real seconds, 60 unless the lab's clock is scaled."""

    def __init__(self, minute_s: float = 60.0) -> None:
        self._lock = threading.Lock()
        self._series: OrderedDict[SeriesKey, deque[Sample]] = OrderedDict()
        self._minute_s = minute_s

    def add(self, key: SeriesKey, value: float, *, at: float, unit: str = "None", high_resolution: bool = False) -> None:
        at, value = self._stored_at(at, high_resolution), float(value)
        self._put(key, Sample(at, 1.0, value, value, value, (value,), unit))

    def add_set(
        self, key: SeriesKey, *, count: float, total: float, low: float, high: float, at: float, unit: str, high_resolution: bool
    ) -> None:
        self._put(key, Sample(self._stored_at(at, high_resolution), count, total, low, high, (), unit))

    def statistic(self, key: SeriesKey, start: float, end: float, statistic: str, unit: str | None = None) -> float | None:
        """Of the samples with start <= at < end, or None when there are none. statistic: Sum, Average, ..., p99."""
        with self._lock:
            samples = [s for s in self._series.get(key, ()) if start <= s.at < end and (unit is None or s.unit == unit)]
        return aggregate(samples, statistic) if samples else None

    def keys(self) -> list[SeriesKey]:
        with self._lock:
            return list(self._series)

    def _stored_at(self, at: float, high_resolution: bool) -> float:
        """Standard resolution keeps the minute a value came in; high resolution the second."""
        grain = min(1.0, self._minute_s / 60.0) if high_resolution else self._minute_s
        return math.floor(at / grain) * grain

    def _put(self, key: SeriesKey, sample: Sample) -> None:
        with self._lock:
            points = self._series.setdefault(key, deque(maxlen=_POINTS_MAX))
            self._series.move_to_end(key)
            points.append(sample)
            while points and points[0].at < sample.at - _KEEP_S:
                points.popleft()
            while len(self._series) > _SERIES_MAX:
                self._series.popitem(last=False)


def aggregate(samples: list[Sample], statistic: str) -> float | None:
    """Raises ValueError for a statistic that the lab does not know."""
    count = sum(s.count for s in samples)
    match statistic:
        case "SampleCount":
            return count
        case "Sum":
            return sum(s.total for s in samples)
        case "Average":
            return sum(s.total for s in samples) / count if count else None
        case "Minimum":
            return min(s.low for s in samples)
        case "Maximum":
            return max(s.high for s in samples)
    if statistic.startswith("p"):
        values = sorted(value for s in samples for value in s.values)
        return _percentile(values, float(statistic[1:])) if values else None
    raise ValueError(f"the lab does not know the statistic {statistic!r}")


def _percentile(values: list[float], percent: float) -> float:
    """Linear between the neighbours; AWS says only that a percentile is the value below which that share lies."""
    place = (len(values) - 1) * percent / 100.0
    low = math.floor(place)
    high = min(low + 1, len(values) - 1)
    return values[low] + (values[high] - values[low]) * (place - low)

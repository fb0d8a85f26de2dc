"""Metrics: what PutMetricData and log lines really put, in one store that alarms and the API read."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import moto.cloudwatch.models as cloudwatch_models
from moto.backends import get_backend

from lab.functions.engine import FunctionEngine
from lab.functions.guard import guarded
from lab.functions.spec import FunctionSpec
from lab.metrics.emf import BadEmf, Point, parse
from lab.metrics.queue_depth import QueueDepth
from lab.metrics.store import Series, key_of
from lab.patching import original_of, replace
from lab.world import ACCOUNT, REGION, World

__all__ = ["Metrics", "install", "metrics_of", "start", "stop"]

_MOTO_KEPT = 20_000  # data points that moto keeps for its own API
_FUTURE_S, _PAST_S = 2 * 3600.0, 14 * 86_400.0  # https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html

_by_world: dict[int, Metrics] = {}
_depths: dict[int, QueueDepth] = {}


class Metrics:
    """The store, and the ways into it."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.series = Series(world.clock.real(60.0))
        self._stopped = False

    def log_line(self, spec: FunctionSpec, line: str) -> None:
        """A line that a function printed. EMF becomes data points after AWS's delay from log to metric."""
        try:
            points = parse(line)
        except BadEmf as error:
            self._world.journal.say("metrics", f"an EMF line of {spec.title} is not valid: {error}", function=spec.name)
            return
        if not points:
            return
        delay = self._world.delays["log_to_metric"]
        start = self._world.clock.now()
        names = ", ".join(sorted({point.name for point in points}))
        end = start + self._world.clock.real(delay.seconds)
        self._world.journal.delay(delay.name, f"{spec.title}: {names}", start=start, end=end, source=delay.source)
        self._world.clock.later(delay.seconds, lambda: guarded(self._world, "metrics", self.add, points))

    def add(self, points: Iterable[Point]) -> None:
        """Into the store, and through to moto so that its API reads the same."""
        if self._stopped:
            return
        for point in points:
            key = key_of(point.namespace, point.name, dict(point.dimensions))
            self.series.add(key, point.value, at=point.at, unit=point.unit, high_resolution=point.high_resolution)
            dimensions = [{"Name": name, "Value": value} for name, value in point.dimensions]
            moment = datetime.fromtimestamp(point.at, UTC).replace(tzinfo=None)
            datum = cloudwatch_models.MetricDatum(point.namespace, point.name, point.value, dimensions, moment, point.unit)
            backend = get_backend("cloudwatch")[ACCOUNT][REGION]
            backend.metric_data.append(datum)
            del backend.metric_data[:-_MOTO_KEPT]

    def invocation(self, function: str, *, at: float, error: bool, throttled: bool, looped: bool, duration_s: float) -> None:
        """What Lambda itself reports when an invocation is over, stamped with the time when it began (at, Unix seconds).

        https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html and
        https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-view.html
        """
        if throttled:
            values = {"Throttles": (1.0, "Count")}
        elif looped:
            values = {"RecursiveInvocationsDropped": (1.0, "Count")}
        else:
            values = {
                "Invocations": (1.0, "Count"),
                "Errors": (1.0 if error else 0.0, "Count"),
                "Duration": (duration_s * 1000, "Milliseconds"),
                "Throttles": (0.0, "Count"),
            }
        dimensions = (("FunctionName", function),)
        self.add(Point("AWS/Lambda", name, dimensions, value, unit, at, False) for name, (value, unit) in values.items())

    def put(self, namespace: str, data: list[dict[str, Any]]) -> None:
        """Members of a PutMetricData call, already validated by moto."""
        now = self._world.clock.now()
        for datum in data:
            at = _seconds(datum.get("Timestamp"), now)
            if not now - _PAST_S <= at <= now + _FUTURE_S:
                continue
            key = key_of(namespace, datum["MetricName"], {d["Name"]: d["Value"] for d in datum.get("Dimensions") or ()})
            unit, high = datum.get("Unit") or "None", int(datum.get("StorageResolution") or 60) == 1
            if datum.get("StatisticValues"):
                values = {name: float(value) for name, value in datum["StatisticValues"].items()}
                self.series.add_set(
                    key,
                    count=values["SampleCount"],
                    total=values["Sum"],
                    low=values["Minimum"],
                    high=values["Maximum"],
                    at=at,
                    unit=unit,
                    high_resolution=high,
                )
                continue
            numbers = [float(v) for v in datum["Values"]] if datum.get("Values") else [float(datum.get("Value", 0))]
            for value, count in zip(numbers, datum.get("Counts") or [1] * len(numbers), strict=True):
                for _ in range(int(float(count))):
                    self.series.add(key, value, at=at, unit=unit, high_resolution=high)

    def close(self) -> None:
        self._stopped = True


def metrics_of(world: World) -> Metrics:
    return _by_world[id(world)]


def install(world: World) -> None:
    engine = _by_world[id(world)] = Metrics(world)
    assert isinstance(world.functions, FunctionEngine)
    world.functions.pool.listener = engine.log_line
    world.functions.metrics = engine
    _patch(engine)


def start(world: World) -> None:
    depth = _depths[id(world)] = QueueDepth(metrics_of(world).add, world.clock)
    depth.start()


def stop(world: World) -> None:
    _by_world.pop(id(world)).close()
    depth = _depths.pop(id(world), None)
    if depth is not None:
        depth.close()


def _patch(engine: Metrics) -> None:
    """Patch point with a contract test: CloudWatchBackend.put_metric_data."""
    original = original_of(cloudwatch_models.CloudWatchBackend, "put_metric_data")

    def put_metric_data(self: Any, namespace: str, metric_data: list[dict[str, Any]]) -> None:
        original(self, namespace, metric_data)
        del self.metric_data[:-_MOTO_KEPT]
        engine.put(namespace, metric_data)

    replace(cloudwatch_models.CloudWatchBackend, "put_metric_data", put_metric_data)


def _seconds(timestamp: Any, now: float) -> float:
    if timestamp is None:
        return now
    if isinstance(timestamp, datetime):
        moment = timestamp if timestamp.tzinfo else timestamp.replace(tzinfo=UTC)
        return moment.timestamp()
    return float(timestamp)

"""Metrics inside log lines: the embedded metric format.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

_METRICS_MAX, _DIMENSIONS_MAX, _VALUES_MAX = 100, 30, 100


class BadEmf(ValueError):
    """The line says it is EMF and breaks its rules: CloudWatch would drop it in silence, the lab says so."""


@dataclass(frozen=True, slots=True)
class Point:
    """at: Unix seconds. One for each value of each metric and each dimension set."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]
    value: float
    unit: str
    at: float
    high_resolution: bool


def parse(line: str) -> list[Point]:
    """The points of a log line; none when it is no EMF. Raises BadEmf, naming what is wrong."""
    if not line.startswith("{") or '"_aws"' not in line:
        return []
    try:
        root = json.loads(line)
    except ValueError:
        return []
    metadata = root.get("_aws") if isinstance(root, dict) else None
    if not isinstance(metadata, dict) or not isinstance(metadata.get("CloudWatchMetrics"), list):
        return []
    timestamp = metadata.get("Timestamp")
    if isinstance(timestamp, bool) or not isinstance(timestamp, int):
        raise BadEmf(f"_aws.Timestamp is {timestamp!r}: use milliseconds since the Unix epoch")
    return [point for directive in metadata["CloudWatchMetrics"] for point in _directive(directive, root, timestamp / 1000.0)]


def _directive(directive: dict[str, Any], root: dict[str, Any], at: float) -> list[Point]:
    namespace, metrics = directive.get("Namespace"), directive.get("Metrics", [])
    if not isinstance(namespace, str) or not namespace:
        raise BadEmf("a directive has no Namespace")
    if len(metrics) > _METRICS_MAX:
        raise BadEmf(f"{len(metrics)} metrics in a directive: at most {_METRICS_MAX}")
    points: list[Point] = []
    for names in directive.get("Dimensions", [[]]):
        dimensions = _dimensions(names, root)
        for metric in metrics:
            points += _metric(metric, root, namespace, dimensions, at)
    return points


def _dimensions(names: list[str], root: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    if len(names) > _DIMENSIONS_MAX:
        raise BadEmf(f"{len(names)} dimensions in a set: at most {_DIMENSIONS_MAX}")
    for name in names:
        if not isinstance(root.get(name), str) or not root[name]:
            raise BadEmf(f"dimension {name!r} is {root.get(name)!r}: it must be a text at the root of the line")
    return tuple(sorted((name, root[name]) for name in names))


def _metric(
    metric: dict[str, Any], root: dict[str, Any], namespace: str, dimensions: tuple[tuple[str, str], ...], at: float
) -> list[Point]:
    name = metric.get("Name")
    values: Any = root.get(str(name))
    numbers: list[Any] = values if isinstance(values, list) else [values]
    if not numbers or len(numbers) > _VALUES_MAX or any(isinstance(n, bool) or not isinstance(n, (int, float)) for n in numbers):
        raise BadEmf(f"metric {name!r} is {values!r}: it must be a number, or up to {_VALUES_MAX} of them, at the root of the line")
    resolution = metric.get("StorageResolution", 60)
    if resolution not in (1, 60):
        raise BadEmf(f"StorageResolution of {name!r} is {resolution!r}: use 1 or 60")
    unit = metric.get("Unit", "None")
    return [Point(namespace, str(name), dimensions, float(n), unit, at, resolution == 1) for n in numbers]

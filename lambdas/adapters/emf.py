"""Metrics through the log (embedded metric format): no API call, no permission, no endpoint.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from core import names


def emit(metric: str, value: int, *, at_ms: int, dimensions: dict[str, str]) -> None:
    """One count at high resolution: an alarm with periods of 10 s needs it."""
    _print({metric: value}, {"Unit": "Count", "StorageResolution": 1}, at_ms, dimensions)


def emit_seconds(values: dict[str, float], *, at_ms: int, dimensions: dict[str, str]) -> None:
    """Several durations of one moment in one line, at most a hundred."""
    _print(values, {"Unit": "Seconds"}, at_ms, dimensions)


def _print(values: Mapping[str, float], kind: dict[str, object], at_ms: int, dimensions: dict[str, str]) -> None:
    directive = {
        "Namespace": names.METRIC_NAMESPACE,
        "Dimensions": [list(dimensions)],
        "Metrics": [{"Name": name, **kind} for name in values],
    }
    line = {"_aws": {"Timestamp": at_ms, "CloudWatchMetrics": [directive]}, **dimensions, **values}
    print(json.dumps(line, separators=(",", ":")), flush=True)

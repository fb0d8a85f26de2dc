"""Metrics through the log (embedded metric format): no API call, no permission, no endpoint.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

import json

from core import names


def emit(metric: str, value: int, *, at_ms: int, dimensions: dict[str, str]) -> None:
    """One value at high resolution: an alarm with periods of 10 s needs it."""
    print(
        json.dumps(
            {
                "_aws": {
                    "Timestamp": at_ms,
                    "CloudWatchMetrics": [
                        {
                            "Namespace": names.METRIC_NAMESPACE,
                            "Dimensions": [list(dimensions)],
                            "Metrics": [{"Name": metric, "Unit": "Count", "StorageResolution": 1}],
                        }
                    ],
                },
                **dimensions,
                metric: value,
            },
            separators=(",", ":"),
        ),
        flush=True,
    )

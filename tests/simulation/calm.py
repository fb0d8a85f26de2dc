"""A world in which nothing goes wrong by itself."""

from __future__ import annotations

CALM = {"latency": 0.0, "lost": 0.0, "twice": 0.0, "late": 0.0, "skew": 0.0, "stale": 0.0, "hidden": 0.0, "front": 0.0}

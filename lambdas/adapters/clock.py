"""Time as a function has it: the wall clock for records, and what is left of this call."""

from __future__ import annotations

import time
from typing import Any

RESERVE_S = 8.0  # kept for the step in hand and for handing over: one slow call of AWS fits twice


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def sleep(seconds: float) -> None:
    time.sleep(max(0.0, seconds))


def left_s(context: Any) -> float:
    """Seconds that this call may still work; 0 or less when it should leave."""
    return float(context.get_remaining_time_in_millis()) / 1000 - RESERVE_S

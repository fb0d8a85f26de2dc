"""The sweep's minute. It comes once in each and finds whatever is wrong by then; a drill of what is to be quicker begins where it is."""

from __future__ import annotations

import time

from lab.drills.stage import Stage

_MINUTE_S = 60.0
# What has stopped is silent only after 15 s without a new report, by looks that are 10 s apart: a sweep within so long finds nothing yet.
_TOO_SOON_S = 14.0
# Three looks 10 s apart, the first within 10 s; up to 10 s of an alarm's period, AWS's 5 s to a metric and its alarm; a busy machine.
_RUNG_BY_S = 50.0


def until_alarms_turn_s(since_sweep_s: float, minute_s: float = _MINUTE_S) -> float:
    """How long to wait until what falls silent is noticed by its alarm first, and not by the next sweep; 0 when that is so now.

    since_sweep_s: the time since a sweep began. minute_s: a minute of AWS's, which may be shortened. All in seconds.
    """
    next_s = minute_s - since_sweep_s % minute_s
    soonest_s, latest_s = _TOO_SOON_S / _MINUTE_S * minute_s, _RUNG_BY_S / _MINUTE_S * minute_s
    return 0.0 if next_s <= soonest_s or next_s >= latest_s else next_s - soonest_s


def wait_alarms_turn(stage: Stage) -> None:
    """Sleep as long as that. A deployable whose sweep has not come for two minutes is left as it is: the drill will tell."""
    minute_s = _MINUTE_S / stage.time_scale
    now = time.time()
    sweeps = [float(line["at"]) for line in stage.lines(now - 2 * minute_s) if _is_sweep(line)]
    if sweeps:
        time.sleep(until_alarms_turn_s(now - max(sweeps), minute_s))


def _is_sweep(line: dict[str, object]) -> bool:
    return line.get("who") == "tick" and str(line.get("what")).startswith("invoked by schedule")

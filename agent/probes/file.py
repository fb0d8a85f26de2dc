"""The file probe: a file that the application touches while it lives, and that must not grow old."""

from __future__ import annotations

import os
import time
from dataclasses import replace

from agent.off_loop import Shortage, Threads
from agent.probes.context import ProbeContext, Shortfall, Sighting, Wrong
from core.application import Probe

DEADLINE_SHARE = 0.9  # of the probe's timeout: a look that could not begin is then told from one that hangs
LOOKS = Threads("probe", 16)  # a file system that hangs holds one for each path
AHEAD_S = 2.0  # a time stamp may be so far ahead of our clock: coarse stamps (FAT has 2 s), another machine's clock


async def ask_file(probe: Probe, context: ProbeContext) -> None:
    """Its time stamp, against the wall clock at the first look and the monotonic one from then on.

    A clock set forward by an hour makes no file old that was seen to change a moment ago; one set back makes none young.
    Raises Wrong (too old, or not there), Shortfall (we cannot look, or cannot tell), TimeoutError (the look hangs).
    """
    assert probe.file is not None, "the model sees to it"
    path, age_max_s = probe.file, probe.file_age_s or 0.0
    try:
        stamp_ns = (await LOOKS.run(path, lambda: os.stat(path), DEADLINE_SHARE * probe.timeout_s)).st_mtime_ns
    except (FileNotFoundError, NotADirectoryError) as error:
        context.sightings.pop(path, None)
        raise Wrong("is not there") from error
    except TimeoutError:
        raise
    except (OSError, Shortage) as error:
        raise Shortfall(f"cannot be looked at: {error}") from error
    sighting = sighted(context.sightings.get(path), stamp_ns, wall_s=time.time(), now_s=time.monotonic())
    context.sightings[path] = sighting
    age_s = time.monotonic() - sighting.changed_at_s
    if age_s > age_max_s:
        raise Wrong(f"has not changed for {age_s:.0f} s, at most {age_max_s:g} s are allowed")
    if not sighting.dated:
        ahead_s = stamp_ns / 1e9 - time.time()
        raise Shortfall(f"is from {ahead_s:.0f} s in the future, so that its age cannot be told: was the clock set back?")


def sighted(former: Sighting | None, stamp_ns: int, *, wall_s: float, now_s: float) -> Sighting:
    """What is known after a look that found this time stamp. It cannot have changed before the former look that found another."""
    if former is not None and former.stamp_ns == stamp_ns:
        return replace(former, looked_at_s=now_s)
    age_s = wall_s - stamp_ns / 1e9
    if former is None:
        return Sighting(stamp_ns, now_s - max(0.0, age_s), now_s, dated=age_s >= -AHEAD_S)
    return Sighting(stamp_ns, now_s - min(max(0.0, age_s), now_s - former.looked_at_s), now_s, dated=True)

"""Under what circumstances a drill was played, for whoever reads its result later: when, which version, how busy the machine was."""

from __future__ import annotations

import os
import subprocess
import time
from functools import cache
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).resolve().parent.parent.parent


def here(began_at: float, time_scale: float = 1.0, *, assembly: str = "", lab: str = "") -> dict[str, Any]:
    """began_at: seconds since the epoch. load: the mean number of processes that wanted a processor, over the last minute.

    time_scale: how many times faster than in reality AWS's own windows passed. assembly: whom the drill struck. lab: its lab's folder.
    """
    return {
        "at": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(began_at)),
        "version": version(),
        "cores": os.cpu_count() or 0,
        "load": round(os.getloadavg()[0], 1),
        "time_scale": time_scale,
        "assembly": assembly,
        "lab": lab,
    }


@cache
def version() -> str:
    """The commit that is checked out, with a + when something was changed besides; "unknown" outside a clone."""
    command = ["git", "-C", str(_ROOT), "describe", "--always", "--dirty=+", "--abbrev=7", "--exclude=*"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    return done.stdout.strip() or "unknown"

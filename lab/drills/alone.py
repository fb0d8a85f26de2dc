"""The drill in which nothing is broken: nothing may happen."""

from __future__ import annotations

import time

from lab.drills.model import Outcome, at_most, exactly
from lab.drills.stage import Situation, Stage

ALONE_S = 600.0
_MEMORY_GROWTH_MB = 20.0  # what ten minutes of sweeps may leave behind in the emulator before "flat" is untrue


def leave_alone(stage: Stage, before: Situation, limit_s: float) -> Outcome:
    """Nothing is broken: nothing may happen. The emulator's memory is taken after a minute, when its caches are warm."""
    began = time.time()
    rang: set[str] = set()
    warm = None
    while time.time() < began + limit_s:
        time.sleep(5.0)
        rang |= {name for name, state in stage.cloud.alarms().items() if state == "ALARM"}
        if warm is None and time.time() > began + limit_s / 10:
            warm = float(stage.cloud.control("memory")["rss_mb"])
    grown = float(stage.cloud.control("memory")["rss_mb"]) - (warm or 0.0)
    after = stage.situation()
    restarts = sum(int(app["restarts"]) for report in stage.reports() for app in report["applications"].values())
    promises = (
        exactly("incidents", len(after.ended - before.ended) + (stage.open_incident() is not None), 0),
        exactly("restarts of applications", restarts - stage.restarts_before, 0),
        exactly("alarms that rang", len(rang), 0),
        exactly("machines replaced", len(after.launched - before.launched), 0),
        at_most("growth of the emulator's memory", max(0.0, grown), _MEMORY_GROWTH_MB, "MB"),
    )
    return Outcome(promises, None, time.time())

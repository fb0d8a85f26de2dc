"""The drill of a deployable whose jobs are in its database: the machine is lost in the middle of one, which goes on where it stood."""

from __future__ import annotations

import http.client
import json
import time
from typing import Any

from lab.drills.cloud import wait_for
from lab.drills.machine_scenes import kill_instance
from lab.drills.model import Outcome, exactly
from lab.drills.stage import Situation, Stage

_STEPS = 200  # of a job; at the scheduler's pace it outlives several recoveries' first seconds
_BEFORE = 20  # steps that must be committed before anything is broken
_TIMEOUT_S = 4.0


def resume_work(stage: Stage, before: Situation, limit_s: float) -> Outcome:
    _, queued = _ask(stage, "POST", "/", {"steps": _STEPS})
    if "job" not in queued:
        raise LookupError("the deployable takes no jobs: play it with one that does, such as deployables/scheduler.yaml")
    path = f"/jobs/{queued['job']}"
    wait_for(lambda: _done(stage, path) >= _BEFORE, timeout_s=stage.patience_s, every_s=0.2)
    committed = _done(stage, path)
    stage.tell(f"job {queued['job']} stands at step {committed} of {_STEPS}")
    outcome = kill_instance(stage, before, limit_s)
    wait_for(lambda: _done(stage, path) == _STEPS, timeout_s=stage.patience_s, every_s=0.5)
    _, job = _ask(stage, "GET", path)
    made: dict[str, int] = job.get("made", {})
    after = stage.situation()
    stage.tell(f"job {queued['job']} is at step {job.get('done')}: {made}")
    promises = (
        exactly("steps of the job that are done", job.get("done", 0), _STEPS),
        exactly("steps that were made, each of them once", min(job.get("different", 0), 2 * _STEPS - sum(made.values())), _STEPS),
        exactly("the first machine's committed steps are kept, and the second went on", int(_went_on(made, before, after, committed)), 1),
    )
    return Outcome((*promises, *outcome.promises), outcome.incident, time.time())


def _went_on(made: dict[str, int], before: Situation, after: Situation, committed: int) -> bool:
    return made.get(before.holder, 0) >= committed and set(made) == {before.holder, after.holder}


def _done(stage: Stage, path: str) -> int:
    return int(_ask(stage, "GET", path)[1].get("done", 0))


def _ask(stage: Stage, method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
    """(status, body) by the front; 0 when nobody answered."""
    try:
        connection = http.client.HTTPConnection(stage.slot.finder()(), stage.slot.ports[0], timeout=_TIMEOUT_S)
        try:
            connection.request(method, path, json.dumps(body) if body else None, {"Connection": "close"})
            response = connection.getresponse()
            value = json.loads(response.read(65536))
        finally:
            connection.close()
    except (OSError, http.client.HTTPException, ValueError):
        return 0, {}
    return response.status, value if isinstance(value, dict) else {}

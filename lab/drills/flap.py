"""The drill in which an application goes up and down: restarted each time, later each time, and replaced only past its tolerance."""

from __future__ import annotations

import time
from itertools import pairwise

from lab.drills import until_kill
from lab.drills.machine_scenes import replaced
from lab.drills.model import Outcome, at_most, exactly
from lab.drills.node import Node
from lab.drills.stage import Situation, Stage

CYCLE_S = 20.0
TOLERATED = 3  # of the demo: its fourth failure within five minutes asks for another node
_CEILING_S = 30.0  # the longest wait before a restart
_PATIENCE_S = 60.0


def flap(stage: Stage, before: Situation, limit_s: float) -> Outcome:
    """As many failures as are tolerated, one every 20 s; then one more."""
    node = Node(stage, before.holder)
    restarts = node.restarts() or 0
    waits: list[float] = []
    penalties: list[float] = []
    for _ in range(TOLERATED):
        began = time.monotonic()
        waited = _down_once(node)
        if waited is None:
            break  # nothing of it is left to kill: its machine was replaced too soon
        waits.append(waited)
        time.sleep(max(0.0, CYCLE_S - (time.monotonic() - began)))
        penalties.append(node.penalty() or 0.0)
    counted = (node.restarts() or 0) - restarts
    still = stage.situation()
    last = node.server()
    at = time.time()
    if last is not None:
        node.signal(last, "SIGKILL")
    outcome, record = replaced(stage, before, at, limit_s)
    promises = (
        exactly(f"restarts after {TOLERATED} failures", counted, TOLERATED),
        at_most("the longest wait before one of them", max(waits, default=None), _CEILING_S, "s"),
        exactly("each waited at least as long as the one before", int(waits == sorted(waits)), 1),
        exactly("the penalty is told, and higher each time", int(_rises([0.0, *penalties])), 1),
        exactly("machines launched so far", len(still.launched - before.launched), 0),
        exactly("incidents so far", len(still.ended - before.ended), 0),
        exactly("the node asked for it", int("asks" in str(record.get("reason", ""))), 1),
    )
    kill = until_kill.after_request(stage, before.holder, since=at)
    return Outcome((*promises, *outcome.promises), outcome.incident, outcome.until, kill)


def _rises(numbers: list[float]) -> bool:
    return len(numbers) > 1 and all(earlier < later for earlier, later in pairwise(numbers))


def _down_once(node: Node) -> float | None:
    """Kill it; seconds until its next process was started, rounded to a tenth: what lies below is the start's own noise.

    None when it is not there to be killed.
    """
    try:
        old = node.must(node.server, "process that listens on the clients' port")
        at = node.signal(old, "SIGKILL")
    except LookupError:
        return None
    new = node.another_server(old, within_s=_PATIENCE_S)
    return _PATIENCE_S if new is None else round(max(0.0, new.started_at - at), 1)

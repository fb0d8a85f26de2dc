"""What the keeping of the assembly's state means for the node: what it says, and when it may leave."""

from __future__ import annotations

from dataclasses import replace

from core.model import Verdict
from core.node.state import Decision, Kept, Memory, Snapshot

# From the first reason to leave until the last save is not waited for any longer, in seconds: below the unit's TimeoutStopSec
# (90 s) and the terminate hook's heartbeat (180 s), with time left for the last report.
SAVE_BUDGET_S = 75.0


def is_saved(memory: Memory, snapshot: Snapshot) -> bool:
    """Whether a node on which nothing runs any more may go: what the applications left is saved, or there is no hope of it."""
    kept = snapshot.kept
    if kept is None or kept.superseded or memory.epoch == 0 or kept.epoch != memory.epoch:
        return True
    if memory.quiet_since_s is not None and kept.began_s >= memory.quiet_since_s:
        return True
    return memory.leaving_since_s is not None and snapshot.now_s - memory.leaving_since_s >= SAVE_BUDGET_S


def with_state(decision: Decision, kept: Kept | None) -> Decision:
    """Saves that fail never make a node failing: to replace it would lose what they could not save. It is said all the same."""
    if kept is None:
        return decision
    concluded = decision.concluded
    if kept.broken and kept.epoch != decision.memory.epoch:
        return replace(decision, concluded=replace(concluded, verdict=Verdict.FAILING, reason=f"its state is not there: {kept.why}"))
    if not kept.trouble:
        return decision
    told = {name: (verdict, reason or kept.trouble) for name, (verdict, reason) in concluded.applications.items()}
    return replace(decision, concluded=replace(concluded, reason=concluded.reason or kept.trouble, applications=told))

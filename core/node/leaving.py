"""A node that may not run, or not any longer: it stops what it runs, in order and bounded, and may release its permit."""

from __future__ import annotations

from dataclasses import replace

from core.model import Assembly, Verdict
from core.node.kept import is_saved
from core.node.state import Action, Concluded, Decision, GiveUp, Memory, Snapshot, Stop
from core.records import Phase
from core.settings import start_order

# From the first reason to leave until everything is killed, in seconds; below the unit's TimeoutStopSec (90 s) and
# the terminate hook's heartbeat (180 s), so that the node itself has the last word.
LEAVE_BUDGET_S = 50.0


def go_down(memory: Memory, snapshot: Snapshot, assembly: Assembly, why: str, *, waiting: bool, for_good: bool, hard: bool) -> Decision:
    """Stop in reverse order, one after the other; all at once and hard when superseded or out of time.

    waiting: for a permit, so that there is nothing that may run. for_good: the permit is released once nothing runs and what
    the applications left is saved; never while it cannot be told whether something does.
    """
    alive = [name for name in reversed(start_order(assembly)) if snapshot.applications[name].alive]
    untold = [name for name, seen in snapshot.applications.items() if seen.cannot_tell is not None]
    actions: list[Action] = list(_stops(memory, snapshot, assembly, alive, why, hard=hard or waiting))
    if alive or waiting:
        memory = replace(memory, quiet_since_s=None)
    elif memory.quiet_since_s is None:
        memory = replace(memory, quiet_since_s=snapshot.now_s)
    saved = hard or waiting or is_saved(memory, snapshot)
    gone = for_good and not alive and not untold and saved
    if gone and memory.epoch > memory.given_up:
        memory = replace(memory, given_up=memory.epoch)
        actions.append(GiveUp(memory.epoch))
    if for_good and not alive and untold:
        why = f"{why}; not released: it cannot be told whether {', '.join(untold)} still runs"
    if not alive and not saved:
        why = f"{why}; nothing runs, its state is being saved"
    if waiting:
        phase, verdict = Phase.WAITING, Verdict.HEALTHY
    else:
        phase = Phase.RELEASED if gone else Phase.STOPPING
        verdict = Verdict.FAILING if memory.epoch else Verdict.UNKNOWN
    concluded = Concluded(
        phase=phase,
        epoch=memory.epoch,
        verdict=verdict,
        reason=why,
        applications={application.name: (Verdict.UNKNOWN, why) for application in assembly.applications},
    )
    return Decision(memory=memory, actions=tuple(actions), concluded=concluded, finished=snapshot.stop_asked and not alive and saved)


def _stops(memory: Memory, snapshot: Snapshot, assembly: Assembly, alive: list[str], why: str, *, hard: bool) -> list[Stop]:
    begun_s = memory.leaving_since_s if memory.leaving_since_s is not None else snapshot.now_s
    left_s = LEAVE_BUDGET_S - (snapshot.now_s - begun_s)
    if hard or left_s <= 0:
        return [Stop(name, 0.0, why) for name in alive]
    if not alive or snapshot.applications[alive[0]].stopping:
        return []
    grace_s = {application.name: application.stop_timeout_s for application in assembly.applications}[alive[0]]
    return [Stop(alive[0], min(grace_s, left_s), why, drain=True)]

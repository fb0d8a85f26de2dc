"""What a node does next: whether it may run anything; then core.node.running or core.node.leaving has the rest."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum

from core.model import Assembly
from core.node import database_outage
from core.node.kept import with_state
from core.node.leaving import LEAVE_BUDGET_S, go_down
from core.node.running import keep_running
from core.node.state import AskReplacement, Concluded, Decision, GiveUp, Hold, Kept, Memory, Seen, Snapshot, Start, Stop
from core.records import Permit, Phase

__all__ = [
    "LEAVE_BUDGET_S",
    "AskReplacement",
    "Concluded",
    "Decision",
    "GiveUp",
    "Hold",
    "Kept",
    "Memory",
    "Seen",
    "Snapshot",
    "Start",
    "Stop",
]
__all__ += ["decide", "next_deadline_s"]


PREPARED = "prepared for the warm pool: it is stopped until it is needed"


class _May(StrEnum):
    WAIT = "wait"
    KEEP = "keep"  # what a former life of the agent started goes on; nothing is begun
    RUN = "run"
    PAUSE = "pause"  # stop, without giving the permit up: the machine comes back
    LEAVE = "leave"  # stop for good


def decide(memory: Memory, snapshot: Snapshot, assembly: Assembly) -> Decision:
    """One step. Pure: the same memory and snapshot give the same decision."""
    memory = _heed_permit(memory, snapshot.permit)
    may, why = _may(memory, snapshot)
    if may in (_May.RUN, _May.KEEP, _May.WAIT):
        if memory.leaving_since_s is not None:
            memory = replace(memory, leaving_since_s=None, quiet_since_s=None)
    elif memory.leaving_since_s is None:
        memory = replace(memory, leaving_since_s=snapshot.now_s)
    if may in (_May.RUN, _May.KEEP):
        return with_state(keep_running(memory, snapshot, assembly, begin_nothing=why), snapshot.kept)
    # A successor is named already, or the epoch was given up before: there is no time for grace.
    superseded = may is _May.LEAVE and not snapshot.terminating and not snapshot.goes_down
    down = go_down(memory, snapshot, assembly, why, waiting=may is _May.WAIT, for_good=may is _May.LEAVE, hard=superseded)
    return replace(down, concluded=replace(down.concluded, phase=Phase.PREPARED)) if why == PREPARED else down


def _heed_permit(memory: Memory, permit: Permit | None) -> Memory:
    """Take up a permit that names this node; never an older one than was already seen."""
    if permit is None or permit.epoch < memory.newest:
        return memory
    if permit.epoch > memory.newest:
        memory = replace(memory, newest=permit.epoch)
    if permit.instance != memory.instance:
        return memory
    if permit.epoch > memory.epoch:
        return replace(memory, epoch=permit.epoch, confirmed=True, was_running=False, histories={}, counted={})
    return memory if memory.confirmed or permit.epoch != memory.epoch else replace(memory, confirmed=True)


def _may(memory: Memory, snapshot: Snapshot) -> tuple[_May, str]:
    """Whether applications may run here, and why not. A table that cannot be read takes nothing back.

    An agent that is told to stop leaves its applications running, for the next one adopts them; unless the machine goes
    down with it.
    """
    if snapshot.prepared and memory.epoch == 0 and not _anything_lives(snapshot):
        return _May.WAIT, PREPARED  # also while it is stopped: it releases nothing, for it never had anything
    if snapshot.terminating:
        return _May.LEAVE, "Auto Scaling's target lifecycle state is Terminated"
    if snapshot.goes_down:
        return (_May.LEAVE, "the machine is powering off") if snapshot.powering_off else (_May.PAUSE, "the machine is rebooting")
    if memory.epoch == 0 and not (memory.newest == 0 and _anything_lives(snapshot)):
        return _May.WAIT, "no permit names this node yet"
    if memory.newest > memory.epoch or _names_another(memory, snapshot.permit):
        return _May.LEAVE, f"superseded: permit {memory.newest} names another node"
    if 0 < memory.epoch <= memory.given_up:
        return _May.LEAVE, f"permit {memory.epoch} was given up here before"
    if snapshot.kept is not None and snapshot.kept.superseded and snapshot.kept.epoch == memory.epoch:
        return _May.LEAVE, snapshot.kept.superseded
    if not memory.confirmed:
        return _May.KEEP, "the agent has not read its permit since it came back"
    if snapshot.kept is not None and snapshot.kept.epoch != memory.epoch:
        return _May.KEEP, f"its state is not there yet: {snapshot.kept.why}"
    return _May.RUN, ""


def _anything_lives(snapshot: Snapshot) -> bool:
    """Something that was adopted without its epoch (its note was lost) is not ended for that before the table has spoken."""
    return any(seen.alive or seen.cannot_tell is not None for seen in snapshot.applications.values())


def _names_another(memory: Memory, permit: Permit | None) -> bool:
    """The same epoch in another's name cannot be; if it is, none is better than two."""
    return permit is not None and permit.epoch == memory.epoch and permit.instance != memory.instance


def next_deadline_s(memory: Memory, snapshot: Snapshot, assembly: Assembly) -> float | None:
    """When the clock alone will call for another decision: the next retry, start timeout, request or excuse's end, on the same clock."""
    at_s = [history.retry_at_s for history in memory.histories.values() if history.retry_at_s is not None]
    at_s += memory.untold.values()
    for application in assembly.applications:
        seen = snapshot.applications[application.name]
        if seen.alive and not seen.ready:
            at_s.append(seen.started_at_s + application.start_timeout_s)
    if snapshot.database is not None and assembly.database is not None:
        budget_s = assembly.database.busy_budget_s
        for doubted_s in memory.doubts.values():
            at_s += database_outage.deadline_s(snapshot.database, doubted_s=doubted_s, budget_s=budget_s)
    return min((at for at in at_s if at > snapshot.now_s), default=None)

"""What a decision, or what was done about it, changes in the incident's record: pure, each gives the next value to be written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from core.budget import Budget, Entry, with_entry
from core.case import NEVER_FAILED
from core.incident import ENDED, TRIED_MAX, Incident, State, incident_id, noted
from core.snapshot import View
from core.steps import Adopt, Change, Confirm, Decision, End, Lose, Move, NoteFront, Open, Proceed

ME = "recover_assembly"


def apply(view: View, decision: Decision) -> Incident:
    """The incident after a decision about this view whose step is a Change: to be written on condition of its revision."""
    step = decision.step
    assert isinstance(step, Change), f"{decision.rule} changes no record: {step!r}"
    before, now_ms = NEVER_FAILED if view.incident is None else view.incident, view.now_ms
    match step:
        case Open():
            return _opened(view, before, step, decision.woken_by)
        case Confirm(cause, reason):
            confirmed = replace(before, cause=cause, reason=reason, confirmed_ms=now_ms)
            return _entered(confirmed, State.CONFIRMED, f"confirmed: {reason}", now_ms)
        case Move(to, reason, rung):
            moved = replace(before, escalated_to=rung or before.escalated_to)
            if to is State.RECREATING:
                moved = replace(moved, isolated_ms=now_ms)
            return _entered(moved, to, reason, now_ms)
        case Lose():
            return _one_less(before, step, now_ms)
        case Adopt(instance, epoch, reason):
            adopted = replace(before, new_instance=instance, new_epoch=epoch, verifying_ms=now_ms, front="")
            return _entered(adopted, State.VERIFYING, reason, now_ms)
        case Proceed(reason):
            return _entered(replace(before, isolated_ms=now_ms, proceeded_ms=now_ms), State.RECREATING, reason, now_ms)
        case NoteFront(instance, said):
            return noted(replace(before, front=said), now_ms, "move_front", f"the front is on {instance}: {said}")
        case End(to, reason, rung):
            return _ended(before, to, reason, rung, now_ms)


def _opened(view: View, before: Incident, step: Open, woken_by: str) -> Incident:
    now_ms = view.now_ms
    incident = replace(
        NEVER_FAILED,
        deployable=view.watched.deployable,
        assembly=view.watched.name,
        id=incident_id(now_ms, step.instance),
        revision=before.revision,  # it is written over the last one
        instance=step.instance,
        epoch=step.epoch,
        state=State.SUSPECTED,
        reason=step.reason,
        woken_by=woken_by,
        failed_ms=step.failed_ms,
        opened_ms=now_ms,
        state_ms=now_ms,
    )
    return noted(incident, now_ms, woken_by, f"suspected {step.instance} (epoch {incident.epoch}): {step.reason}")


def _one_less(before: Incident, step: Lose, now_ms: int) -> Incident:
    fewer = replace(before, tried=(*before.tried, step.instance)[-TRIED_MAX:], new_instance="", verifying_ms=0)
    if before.state is State.VERIFYING:
        return _entered(fewer, State.RECREATING, step.reason, now_ms)
    return noted(fewer, now_ms, ME, step.reason)


def _entered(incident: Incident, state: State, said: str, now_ms: int) -> Incident:
    return noted(replace(incident, state=state, state_ms=now_ms), now_ms, ME, said)


def _ended(incident: Incident, to: State, reason: str, rung: str, now_ms: int) -> Incident:
    assert to in ENDED, to
    ended = replace(incident, reason=reason, ended_ms=now_ms, escalated_to=rung or incident.escalated_to, driver="", driven_until_ms=0)
    return _entered(ended, to, f"{to.value}: {reason}", now_ms)


# --- what was done ----------------------------------------------------------------------------------


def charged(view: View) -> Budget:
    """The budget with this incident's replacement in it."""
    incident = view.incident
    assert incident is not None, "only an incident replaces"
    entry = Entry(at_ms=view.now_ms, deployable=incident.deployable, assembly=incident.assembly, incident=incident.id, replaced=True)
    return with_entry(view.budget, entry)


def with_evidence(incident: Incident, kept: Sequence[str], failed: Sequence[str], *, now_ms: int) -> Incident:
    said = f"evidence kept: {len(kept)} files" + (f"; not kept: {', '.join(failed)}" if failed else "")
    return noted(replace(incident, evidence=tuple(kept), evidence_done=True), now_ms, ME, said)


def with_fence(incident: Incident, instance: str, said: Sequence[str], *, force: bool, began_ms: int) -> Incident:
    """began_ms: when the first call of it was made."""
    acted_ms, fenced_ms = incident.acted_ms or began_ms, incident.fenced_ms or began_ms
    fenced = replace(incident, fence=2 if force else 1, fenced_ms=fenced_ms, acted_ms=acted_ms)
    return noted(fenced, began_ms, ME, f"fencing {instance}: {'; '.join(said) or 'it is gone already'}")


def with_told(incident: Incident, what: str, said: str, *, now_ms: int) -> Incident:
    """People were told `what`, or it could not be said and is not tried again; said: which."""
    return noted(replace(incident, told=(*incident.told, what)), now_ms, ME, said)

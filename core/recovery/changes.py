"""What a decision, or what was done about it, changes in the incident's record: pure, each gives the next value to be written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from core.policy import Policy
from core.recovery.budget import Budget, Entry, with_entry
from core.recovery.case import NEVER_FAILED
from core.recovery.guards import DEPLOYABLE, rung_of
from core.recovery.incident import ENDED, NOTE_CHARS_MAX, TRIED_MAX, Incident, State, incident_id, noted
from core.recovery.ladder import database_word
from core.recovery.snapshot import View
from core.recovery.steps import Adopt, Change, Confirm, Decision, Down, End, Join, Lose, Move, NoteFront, Open, Proceed

ME = "recover_assembly"
USUAL = Policy()


def apply(view: View, decision: Decision) -> Incident:
    """The incident after a decision about this view whose step is a Change: to be written on condition of its revision."""
    step = decision.step
    assert isinstance(step, Change), f"{decision.rule} changes no record: {step!r}"
    before, now_ms = NEVER_FAILED if view.incident is None else view.incident, view.now_ms
    match step:
        case Open():
            return _opened(view, before, step, decision.woken_by)
        case Join():
            return _joined(view, before, step)
        case Down():
            return noted(replace(before, isolated_ms=now_ms), now_ms, ME, step.reason)
        case Confirm(cause):
            reason = step.reason
            confirmed = replace(before, cause=cause, reason=reason, confirmed_ms=now_ms)
            return _entered(confirmed, State.CONFIRMED, f"confirmed: {reason}", now_ms)
        case Move(to):
            moved = replace(before, escalated_to=step.rung or before.escalated_to)
            if step.rung == DEPLOYABLE:
                word = database_word(view, before.instance)
                moved = replace(moved, ladder=before.id, leader=before.assembly, database=word[:NOTE_CHARS_MAX])
            if to is State.SUSPECTED:  # what was kept does not tell why it may be killed later
                moved = replace(moved, evidence_done=False)
            if to is State.RECREATING:
                moved = replace(moved, isolated_ms=now_ms)
            return _entered(moved, to, step.reason, now_ms)
        case Lose():
            return _one_less(before, step, now_ms)
        case Adopt(instance, epoch):
            adopted = replace(before, new_instance=instance, new_epoch=epoch, verifying_ms=now_ms, front="")
            return _entered(adopted, State.VERIFYING, step.reason, now_ms)
        case Proceed():
            return _entered(replace(before, isolated_ms=now_ms, proceeded_ms=now_ms), State.RECREATING, step.reason, now_ms)
        case NoteFront(instance, said):
            return noted(replace(before, front=said), now_ms, "move_front", f"the front is on {instance}: {said}")
        case End():
            return _ended(before, step, now_ms)


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
        part_over=before.ladder or before.part_over,
    )
    return noted(incident, now_ms, woken_by, f"suspected {step.instance} (epoch {incident.epoch}): {step.reason}")


def _joined(view: View, before: Incident, step: Join) -> Incident:
    """People hear of it by the leading incident; whoever heard of its own beginning hears of its own end too."""
    told = before.told if "open" in before.told else (*before.told, "open", "end")
    word = database_word(view, before.instance)[:NOTE_CHARS_MAX]
    joined = replace(before, ladder=step.ladder, leader=step.leader, database=word, told=told)
    return noted(joined, view.now_ms, ME, step.reason)


def _one_less(before: Incident, step: Lose, now_ms: int) -> Incident:
    fewer = replace(before, tried=(*before.tried, step.instance)[-TRIED_MAX:], new_instance="", verifying_ms=0)
    if before.state is State.VERIFYING:
        return _entered(fewer, State.RECREATING, step.reason, now_ms)
    return noted(fewer, now_ms, ME, step.reason)


def _entered(incident: Incident, state: State, said: str, now_ms: int) -> Incident:
    return noted(replace(incident, state=state, state_ms=now_ms), now_ms, ME, said)


def _ended(incident: Incident, step: End, now_ms: int) -> Incident:
    assert step.to in ENDED, step
    rung, reason = step.rung or incident.escalated_to, step.reason
    ended = replace(incident, reason=reason, ended_ms=now_ms, escalated_to=rung, driver="", driven_until_ms=0)
    return _entered(ended, step.to, f"{step.to.value}: {reason}", now_ms)


# --- what was done ----------------------------------------------------------------------------------


def charged(view: View, policy: Policy = USUAL) -> Budget:
    """The budget with this incident's replacement in it; with those of its whole deployable, when it has come to that rung.

    What EC2 says is gone is replaced by its group whatever is left; the rest of its deployable only as far as the budget goes.
    """
    incident = view.incident
    assert incident is not None, "only an incident replaces"
    sisters = view.rung.along if rung_of(view, incident, policy) == DEPLOYABLE else None
    made = view.budget.replaced(view.now_ms - policy.budget_window_ms)
    fits = sisters is not None and made + 1 + len(sisters) <= policy.budget_replacements
    entry = Entry(
        at_ms=view.now_ms,
        deployable=incident.deployable,
        assembly=incident.assembly,
        incident=incident.id,
        replaced=True,
        rung=fits,
        along=sisters or () if fits else (),
    )
    return with_entry(view.budget, entry)


def with_evidence(incident: Incident, kept: Sequence[str], failed: Sequence[str], *, now_ms: int) -> Incident:
    said = f"evidence kept: {len(kept)} files" + (f"; not kept: {', '.join(failed)}" if failed else "")
    return noted(replace(incident, evidence=tuple(kept), evidence_done=True), now_ms, ME, said)


def with_fence(incident: Incident, instance: str, said: Sequence[str], *, force: bool, began_ms: int) -> Incident:
    """began_ms: when the first call of it was made."""
    acted_ms, fenced_ms = incident.acted_ms or began_ms, incident.fenced_ms or began_ms
    fenced = replace(incident, fence=2 if force else 1, fenced_ms=fenced_ms, acted_ms=acted_ms)
    return noted(fenced, began_ms, ME, f"fencing {instance}: {'; '.join(said) or 'it is gone already'}")


def with_called(incident: Incident, assemblies: Sequence[str], *, now_ms: int) -> Incident:
    return noted(replace(incident, called_ms=now_ms), now_ms, ME, f"called {', '.join(assemblies)}: the whole deployable is recreated")


def with_retired(incident: Incident, instance: str, said: str, *, now_ms: int) -> Incident:
    retired = replace(incident, retiring_ms=now_ms, acted_ms=incident.acted_ms or now_ms)
    return noted(retired, now_ms, ME, f"{instance} is to go offline: {said}")


def with_reboot(incident: Incident, identifier: str, why: str, *, now_ms: int) -> Incident:
    return noted(replace(incident, rebooted_ms=now_ms), now_ms, ME, f"rebooted the database {identifier} with failover: {why}")


def with_told(incident: Incident, what: str, said: str, *, now_ms: int) -> Incident:
    """People were told `what`, or it could not be said and is not tried again; said: which."""
    return noted(replace(incident, told=(*incident.told, what)), now_ms, ME, said)

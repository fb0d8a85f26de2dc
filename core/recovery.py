"""The incident's state machine: from what is seen now to the next step and its reason.

Nothing here touches the world. The caller performs one step, reads the world again, and asks again;
so a call that runs twice, late, or beside another one asks the same question and gets an answer
that is right for what it then sees.
"""

from __future__ import annotations

from dataclasses import replace

from core.budget import Entry
from core.guards import Policy, Stop, boot_loop, hold_back, tolerance_spent
from core.incident import TRIED_MAX, Cause, Incident, State, noted
from core.model import FrontKind, Verdict
from core.opening import opening
from core.outlook import SERVES, failing_for_s, inside
from core.records import Phase
from core.snapshot import FreshLook, View
from core.steps import Fence, KeepEvidence, NudgeGroup, PlaceFront, Record, Spend, Step, TakeLook, Tell, Wait

ME = "recover_assembly"


def next_step(view: View, policy: Policy, *, woken_by: str) -> Step:
    """What to do about this assembly now."""
    incident = view.incident
    if incident is None or incident.ended:
        if incident is not None and incident.untold_end:
            return Tell("end", incident.reason)
        return opening(view, policy, woken_by)
    if view.now_ms - incident.opened_ms > policy.incident_s * 1000:
        reason = f"not solved within {policy.incident_s:g} s: stuck while {incident.state.value}"
        return Record(_end(incident, State.ESCALATED, reason, view.now_ms, rung="person"))
    return _STATES[incident.state](view, incident, policy)


# --- the states ------------------------------------------------------------------------------------


def _suspected(view: View, incident: Incident, policy: Policy) -> Step:
    node, now_ms = incident.instance, view.now_ms
    if view.is_gone(node):
        return Record(_confirm(incident, Cause.GONE, f"EC2 says {node} is {view.state_of(node)}", now_ms))
    if view.paused is not None:
        return Record(_end(incident, State.SUPPRESSED, f"paused: {view.paused}", now_ms))
    if view.permit is not None and view.permit.epoch > incident.epoch:
        return Record(_end(incident, State.SUPPRESSED, f"the permit has moved on to {view.permit.instance}", now_ms))
    if view.is_starting(node):
        return Wait(f"{node} is in its start grace", again_s=5.0)
    request = view.asks(node)
    if request is not None:
        return Record(_confirm(incident, Cause.REQUEST, f"{node} asks to be replaced: {request.reason}", now_ms))
    fresh = view.fresh.get(node)
    if fresh is None or now_ms - fresh.taken_ms > policy.look_fresh_s * 1000:
        return TakeLook(node)
    return _weigh(view, incident, fresh, policy)


def _weigh(view: View, incident: Incident, fresh: FreshLook, policy: Policy) -> Step:
    """Two signals and a third look, and the agent given its time, or no kill."""
    node, now_ms = incident.instance, view.now_ms
    signal = inside(view, node, policy)
    looks = view.looks.get(node)
    span_s = failing_for_s(looks) if looks else None
    outside_bad = fresh.look.verdict is Verdict.FAILING
    seen = f"HA port: {fresh.look.ha}; HTTP: {fresh.look.http}"
    if signal.is_bad and outside_bad and span_s is not None and span_s >= policy.looks_failing_s:
        if not signal.silent and fresh.answered and now_ms - incident.opened_ms <= view.watched.start_grace_s * 1000:
            # The first rung is the agent's: it restarts what failed, and asks when its tolerance is spent. To replace
            # the node sooner than a new one might take to be up would gain nothing.
            return Wait(f"{signal.why}, and its agent is at it", again_s=policy.look_fresh_s)
        why = f"{signal.why}; looks from outside have failed for {span_s:.0f} s, and so did a fresh one ({seen})"
        return Record(_confirm(incident, Cause.SIGNALS, why, now_ms))
    if signal.verdict in SERVES and fresh.look.verdict is Verdict.HEALTHY:
        return Record(_end(incident, State.SUPPRESSED, f"healthy again: {signal.why}, and a fresh look is answered", now_ms))
    if now_ms - incident.opened_ms > policy.doubt_s * 1000:
        why = f"only one signal: {signal.why}; a fresh look from outside says {fresh.look.verdict.value} ({seen}): not replaced"
        return Record(_end(incident, State.SUPPRESSED, why, now_ms, rung="person"))
    return Wait(f"{signal.why}; from outside: {seen}: looking again", again_s=policy.look_fresh_s)


def _confirmed(view: View, incident: Incident, policy: Policy) -> Step:
    now_ms = view.now_ms
    stop = hold_back(incident, view.budget, policy, assemblies=view.assemblies, now_ms=now_ms)
    if stop is not None:
        return Record(_stopped(incident, stop, now_ms))
    if not view.budget.holds(incident.id):
        return Spend(Entry(at_ms=now_ms, deployable=incident.deployable, assembly=incident.assembly, incident=incident.id, replaced=True))
    spent = tolerance_spent(incident, view.budget, view.watched.tolerance, now_ms=now_ms)
    if spent is not None and not incident.escalated_to:
        # The deployable's rung is to recreate its assemblies in order: with one assembly, what follows anyway. People are told.
        incident = noted(replace(incident, escalated_to="deployable"), now_ms, ME, f"escalated to the deployable: {spent}")
    return Record(_enter(incident, State.ISOLATING, now_ms, "within the budget: isolating"))


def _isolating(view: View, incident: Incident, policy: Policy) -> Step:
    node, now_ms = incident.instance, view.now_ms
    if not incident.evidence_done:
        return KeepEvidence(node)
    if view.is_dead(node) and (incident.fence or incident.cause is Cause.GONE):
        said = f"{node} is {view.state_of(node)}: it is fenced"
        return Record(_enter(replace(incident, isolated_ms=now_ms), State.RECREATING, now_ms, said))
    if not incident.fence:
        return Fence(node, force=False)
    if "open" not in incident.told:
        return Tell("open", incident.reason)
    waited_s = (now_ms - incident.fenced_ms) / 1000
    if incident.fence < 2 and waited_s > policy.force_after_s:
        return Fence(node, force=True)
    if waited_s > policy.fence_page_s and "page" not in incident.told:
        return Tell("page", f"EC2 does not confirm that {node} is terminated after {waited_s:.0f} s; nothing else may start before it does")
    return Wait(f"waiting for EC2 to say that {node} is terminated: it is {view.state_of(node)}")


def _recreating(view: View, incident: Incident, policy: Policy) -> Step:
    now_ms, permit = view.now_ms, view.permit
    if "open" not in incident.told:
        return Tell("open", incident.reason)
    if view.lifecycle_of(incident.instance) == "InService":
        return NudgeGroup(incident.instance)
    if incident.escalated_to == "deployable" and "often" not in incident.told:
        spent = tolerance_spent(incident, view.budget, view.watched.tolerance, now_ms=now_ms)
        return Tell("often", spent or "more replacements than its tolerance absorbs")
    stop = boot_loop(incident, policy)
    if stop is not None:
        return Record(_stopped(incident, stop, now_ms))
    dead = _died_before_serving(view, incident)
    if dead is not None:
        tried = (*incident.tried, dead)[-TRIED_MAX:]
        return Record(noted(replace(incident, tried=tried), now_ms, ME, f"replacement {dead} is {view.state_of(dead)} before it served"))
    late_s = (now_ms - (incident.isolated_ms or incident.state_ms)) / 1000
    if "late" not in incident.told and late_s > policy.fence_page_s + view.watched.start_grace_s:
        return Tell("late", f"{late_s:.0f} s after {incident.instance} was fenced no new node runs")
    if permit is None or permit.epoch <= incident.epoch:
        coming = sorted(m for m in view.members if m != incident.instance)
        return Wait(f"waiting for a new node to be permitted; the group has {', '.join(coming) or 'none yet'}")
    report = view.reports.get(permit.instance)
    if report is None or report.epoch != permit.epoch or report.phase is not Phase.RUNNING:
        return Wait(f"{permit.instance} is permitted (epoch {permit.epoch}): waiting for it to run")
    found = replace(incident, new_instance=permit.instance, new_epoch=permit.epoch, verifying_ms=now_ms, front="")
    return Record(_enter(found, State.VERIFYING, now_ms, f"{permit.instance} runs under epoch {permit.epoch}: verifying"))


def _died_before_serving(view: View, incident: Incident) -> str | None:
    """A replacement that is gone: a member, or the one that had been permitted."""
    candidates = set(view.members)
    if view.permit is not None and view.permit.epoch > incident.epoch:
        candidates.add(view.permit.instance)
    for instance in sorted(candidates - {incident.instance, *incident.tried}):
        machine = view.machines.get(instance)
        if machine is not None and view.is_gone(instance):
            return instance
    return None


def _verifying(view: View, incident: Incident, policy: Policy) -> Step:
    node, now_ms, permit = incident.new_instance, view.now_ms, view.permit
    if view.is_gone(node) or permit is None or permit.epoch != incident.new_epoch:
        said = f"{node} is {view.state_of(node)} before it was verified"
        tried = (*incident.tried, node)[-TRIED_MAX:]
        return Record(_enter(replace(incident, tried=tried, new_instance="", verifying_ms=0), State.RECREATING, now_ms, said))
    missing = _unverified(view, incident, policy)
    if missing is None:
        return Record(_end(incident, State.RECOVERED, incident.reason, now_ms))
    patience_s = policy.verify_s + (policy.new_target_s if view.watched.front.kind is FrontKind.NLB else 0.0)
    if now_ms - incident.state_ms > patience_s * 1000:
        said = "not verified in time: " + (missing.reason if isinstance(missing, Wait) else type(missing).__name__)
        return Record(_end(incident, State.ESCALATED, said, now_ms, rung="person"))
    return missing


def _unverified(view: View, incident: Incident, policy: Policy) -> Step | None:
    """What is still to be seen before the new node counts as recovered."""
    node = incident.new_instance
    report = view.reports.get(node)
    if report is None or report.epoch != incident.new_epoch or report.phase is not Phase.RUNNING or report.verdict not in SERVES:
        return Wait(f"{node} does not report running and well yet")
    if view.lifecycle_of(node) != "InService":
        return Wait(f"{node} is not in service yet: {view.lifecycle_of(node) or 'not in the group'}")
    if view.watched.front.kind is not FrontKind.NONE and not incident.front:
        return _front_step(view, incident, node)
    fresh = view.fresh.get(node)
    if fresh is None or view.now_ms - fresh.taken_ms > policy.look_fresh_s * 1000:
        return TakeLook(node)
    if fresh.look.verdict is not Verdict.HEALTHY:
        return Wait(f"a look at {node} is not answered yet (HA port: {fresh.look.ha}; HTTP: {fresh.look.http})", again_s=2.0)
    return None


def _front_step(view: View, incident: Incident, node: str) -> Step:
    front = view.front
    if front is None or front.held_by != node:
        return PlaceFront(node)
    if front.tried is False:
        return Wait(f"the front is on {node} and does not answer yet", again_s=1.0)
    said = "tried from outside" if front.tried else "read back, not tried"
    return Record(noted(replace(incident, front=said), view.now_ms, "move_front", f"the front is on {node}: {said}"))


_STATES = {
    State.SUSPECTED: _suspected,
    State.CONFIRMED: _confirmed,
    State.ISOLATING: _isolating,
    State.RECREATING: _recreating,
    State.VERIFYING: _verifying,
}


# --- changes of state ------------------------------------------------------------------------------


def _enter(incident: Incident, state: State, now_ms: int, said: str) -> Incident:
    return noted(replace(incident, state=state, state_ms=now_ms), now_ms, ME, said)


def _confirm(incident: Incident, cause: Cause, why: str, now_ms: int) -> Incident:
    return _enter(replace(incident, cause=cause, reason=why, confirmed_ms=now_ms), State.CONFIRMED, now_ms, f"confirmed: {why}")


def _end(incident: Incident, state: State, reason: str, now_ms: int, *, rung: str = "") -> Incident:
    ended = replace(incident, reason=reason, ended_ms=now_ms, escalated_to=rung or incident.escalated_to, driver="", driven_until_ms=0)
    return _enter(ended, state, now_ms, f"{state.value}: {reason}")


def _stopped(incident: Incident, stop: Stop, now_ms: int) -> Incident:
    return _end(incident, State.ESCALATED if stop.escalate else State.EXHAUSTED, stop.reason, now_ms, rung="person")

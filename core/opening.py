"""Whether there is an incident to be opened: who holds the permit, what speaks against it, and since when."""

from __future__ import annotations

from core.guards import Policy
from core.incident import Cause, Incident, State, incident_id, noted
from core.model import Verdict
from core.outlook import failing_for_s, inside, report_age_s
from core.snapshot import View
from core.steps import Leave, Record, Step, TakeLook


def opening(view: View, policy: Policy, woken_by: str) -> Step:
    """Record a new one, take the look that it needs first, or leave it, and why."""
    permit = view.permit
    if permit is None:
        return Leave("no node has held a permit yet: the first one is admit_node's")
    if view.group is None or view.wanted < 1:
        return Leave("its group is to keep no node: somebody takes it down")
    node = permit.instance
    cause, why = _accusation(view, node, policy)
    if cause is None:
        return Leave(why)
    quiet = _still_quiet(view, cause, policy)
    if quiet is not None:
        return Leave(quiet)
    if cause in (Cause.NONE, Cause.SIGNALS) and node not in view.fresh:
        return TakeLook(node)  # what was kept may be a sweep old, and over by now: then there is no incident at all
    incident = Incident(
        deployable=view.watched.deployable,
        assembly=view.watched.name,
        id=incident_id(view.now_ms, node),
        revision=view.incident.revision if view.incident else 0,
        instance=node,
        epoch=permit.epoch,
        state=State.SUSPECTED,
        cause=Cause.NONE,
        reason=why,
        woken_by=woken_by,
        failed_ms=_began_ms(view, node, cause),
        opened_ms=view.now_ms,
        state_ms=view.now_ms,
    )
    return Record(noted(incident, view.now_ms, woken_by, f"suspected {node} (epoch {permit.epoch}): {why}"))


def _accusation(view: View, node: str, policy: Policy) -> tuple[Cause | None, str]:
    """The best reason to suspect the holder of the permit, or None and why it is left alone."""
    if view.is_gone(node):
        return Cause.GONE, f"EC2 says {node} is {view.state_of(node)}"
    if view.is_starting(node):
        return None, f"{node} is in its start grace, which is admit_node's"
    if view.lifecycle_of(node).startswith("Terminating"):
        return None, f"{node} is being retired by its group"
    request = view.asks(node)
    if request is not None:
        return Cause.REQUEST, f"{node} asks to be replaced: {request.reason}"
    signal = inside(view, node, policy)
    fresh, looks = view.fresh.get(node), view.looks.get(node)
    last = fresh.look if fresh else looks.looks[-1] if looks and looks.looks else None
    failing = last is not None and last.verdict is Verdict.FAILING
    if signal.is_bad and failing:
        return Cause.SIGNALS, f"{signal.why}, and looks from outside fail"
    if signal.is_bad:
        return Cause.NONE, signal.why
    if last is not None and failing:
        return Cause.NONE, f"looks from outside fail (HA port: {last.ha}; HTTP: {last.http}), while {signal.why}"
    return None, f"{node} is not suspected: {signal.why}"


def _still_quiet(view: View, cause: Cause, policy: Policy) -> str | None:
    """An ended incident that solved nothing is not opened again over the same evidence for a while."""
    last = view.incident
    if last is None or last.state is State.RECOVERED or view.permit is None:
        return None
    if (last.instance, last.epoch) != (view.permit.instance, view.permit.epoch):
        return None
    nobody_was_told = last.escalated_to != "person"
    if last.state is State.SUPPRESSED and view.paused is None and (cause is not Cause.NONE or nobody_was_told):
        return None
    pause_s = policy.budget_window_s if last.state is State.EXHAUSTED else policy.quiet_s
    if view.now_ms - last.ended_ms > pause_s * 1000:
        return None
    return f"people know already: incident {last.id} {last.state.value}: {last.reason}"


def _began_ms(view: View, node: str, cause: Cause) -> int:
    """When the trouble began, as well as anybody knows: for the record, never for a decision."""
    looks, machine, now_ms = view.looks.get(node), view.machines.get(node), view.now_ms
    known: int | None = None
    if cause is Cause.GONE:
        known = machine.changed_ms if machine and machine.changed_ms else looks.report_moved_ms if looks else None
    elif cause is Cause.REQUEST:
        known = view.requests[node].at_ms
    elif looks is not None:
        age_s, span_s = report_age_s(looks), failing_for_s(looks)
        starts = [looks.looks[-1].at_ms - int(span_s * 1000)] if span_s is not None else []
        if age_s is not None and age_s > 0:
            starts.append(looks.report_moved_ms)
        known = min(starts, default=None)
    return min(known, now_ms) if known else now_ms

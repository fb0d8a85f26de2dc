"""What retire_node does next about an instance that its group terminates and holds in the terminate hook."""

from __future__ import annotations

from dataclasses import dataclass

from core.records import Phase
from core.recovery.incident import Cause, Incident, State
from core.recovery.snapshot import View


@dataclass(frozen=True, slots=True)
class Wait:
    """heartbeat: the node is busy going offline, which its agent bounds; anybody else has the hook's own time."""

    reason: str
    heartbeat: bool = False


@dataclass(frozen=True, slots=True)
class Complete:
    """keep_evidence: it went in peace, so its last word is still to be had."""

    reason: str
    keep_evidence: bool = False


@dataclass(frozen=True, slots=True)
class Done:
    """Its hook is not waiting any more."""

    reason: str


Step = Wait | Complete | Done


def _is_fenced(incident: Incident) -> bool:
    """A node that its whole deployable takes along goes in peace, unless that takes too long."""
    if incident.cause is Cause.ESCALATION and not incident.fence:
        return False
    return incident.state in (State.ISOLATING, State.RECREATING)


def next_step(view: View, instance: str) -> Step:
    lifecycle = view.lifecycle_of(instance)
    if not lifecycle.startswith("Terminating"):
        return Done(f"{instance} is {lifecycle or 'not in the group any more'}")
    if view.is_gone(instance):
        return Complete(f"{instance} is {view.state_of(instance)}")
    incident = view.incident
    if incident is not None and incident.instance == instance and _is_fenced(incident):
        return Complete(f"{instance} is being fenced")
    report = view.reports.get(instance)
    if report is None:
        held = view.permit is not None and view.permit.instance == instance
        if held:
            return Wait(f"{instance} holds the permit and has no report")
        return Complete(f"{instance} never held a permit")
    if report.phase is Phase.RELEASED:
        return Complete(f"{instance} has gone offline cleanly", keep_evidence=True)
    if report.phase in (Phase.PREPARED, Phase.WAITING) and (view.permit is None or view.permit.instance != instance):
        return Complete(f"{instance} never ran anything", keep_evidence=True)
    return Wait(f"{instance} is going offline ({report.phase.value})", heartbeat=report.phase is Phase.STOPPING)

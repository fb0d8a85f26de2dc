"""What a deployable's rung needs to see beside the one assembly; read only while there is a rung, or one is about to begin."""

from __future__ import annotations

from dataclasses import dataclass, replace

from core.recovery.budget import Budget
from core.recovery.incident import Incident, State
from core.recovery.rung import (
    NOTHING,
    DatabaseState,
    RungSeen,
    Sister,
    being_replaced,
    call_for,
    follows,
    is_open,
    leads,
    seen_of,
    taken_down_first,
)
from core.watching.fleet import Watched
from lambdas.adapters import databases, register, table


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    leader: Incident | None = None
    rung: RungSeen = NOTHING
    database: DatabaseState | None = None


def look(watched: Watched, incident: Incident | None, budget: Budget, now_ms: int) -> Seen:
    """Raises WorldFailed, BadRecord."""
    leader = _leader(watched, incident, budget, now_ms)
    if incident is None or not is_open(incident) or not _needs_sisters(incident, budget):
        return Seen(leader=leader)
    at_database = leads(incident) and incident.state is State.ISOLATING and incident.isolated_ms > 0
    rung = seen_of(incident, watched.after, _sisters(watched), budget)
    return Seen(leader=leader, rung=rung, database=databases.of(watched.deployable) if at_database else None)


def _leader(watched: Watched, incident: Incident | None, budget: Budget, now_ms: int) -> Incident | None:
    """Of the rung that this assembly is tied to, or is called to."""
    if incident is not None and is_open(incident) and incident.ladder:
        return _incident(watched.deployable, incident.leader, incident.ladder) if follows(incident) else None
    since_ms = now_ms - watched.policy.incident_s * 1000  # an older one is over: every incident ends in that time
    call = call_for(budget, watched.deployable, watched.name, since_ms=since_ms)
    if call is None or (incident is not None and call.incident in (incident.ladder, incident.part_over)):
        return None
    return _incident(watched.deployable, call.assembly, call.incident)


def _incident(deployable: str, assembly: str, id_: str) -> Incident | None:
    """What others decide by, without what it tells people."""
    found = table.incident(deployable, assembly)
    return replace(found, notes=(), evidence=()) if found is not None and found.id == id_ else None


def _needs_sisters(incident: Incident, budget: Budget) -> bool:
    """Before it is paid for, for it may become a rung; and while a rung waits for its members."""
    if incident.state is State.CONFIRMED:
        return not budget.holds(incident.id) and not incident.ladder
    if incident.state is State.VERIFYING:
        return leads(incident)
    return incident.state is State.ISOLATING and incident.ladder != ""


def _sisters(watched: Watched) -> dict[str, Sister]:
    of = watched.deployable
    others = [other for other in register.fleet().assemblies if other.deployable == of and other.name != watched.name]
    return {
        other.name: Sister(after=other.after, permit=table.permit(of, other.name), incident=table.incident(of, other.name))
        for other in others
    }


def why_not_yet(watched: Watched, incident: Incident | None) -> tuple[str, ...]:
    """Why no node of the assembly is to be let in while a rung takes its deployable down."""
    leader = None
    if incident is not None and is_open(incident) and follows(incident):
        leader = _incident(watched.deployable, incident.leader, incident.ladder)
    why = taken_down_first(incident, leader)
    return () if why is None else (why,)


def on_its_way_out(deployable: str, assembly: str) -> str | None:
    """Why an assembly does not serve although its last report may say so."""
    return being_replaced(assembly, table.incident(deployable, assembly), table.permit(deployable, assembly))

"""The deployable's rung as its members see it: who is along, who comes after whom, and what became of each.

A failure past an assembly's tolerance takes the whole deployable along. Its incident leads; every other assembly that has a node gets an
incident of its own, which names the leading one (`ladder`, `leader`). The leading incident's entry in the budget is the call: it is written
on condition, so that of two assemblies that fail at once one leads, and it pays for all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from core.records import Permit
from core.recovery.budget import Budget, Entry
from core.recovery.incident import ENDED, Incident, State

# Until the leading incident leaves these, no node of the deployable is let in.
TAKING_DOWN = (State.CONFIRMED, State.ISOLATING)
_BEFORE_NEW_NODE = (State.CONFIRMED, State.ISOLATING, State.RECREATING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sister:
    """Another assembly of the same deployable. after: those that it starts after."""

    after: tuple[str, ...] = ()
    permit: Permit | None = None
    incident: Incident | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseState:
    """The deployable's database as RDS tells it. status: `available`, `rebooting`, `modifying` and so on.

    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/accessing-monitoring.html
    """

    identifier: str
    status: str
    multi_az: bool


# --- order -------------------------------------------------------------------------------------------------------------


def start_order(after: Mapping[str, Iterable[str]]) -> tuple[str, ...]:
    """Each comes after all it names, by name otherwise. What waits for each other, which the file's reader refuses, comes last."""
    order: list[str] = []
    rest = sorted(after)
    while rest:
        ready = next((name for name in rest if not (set(after[name]) & set(rest)) - {name}), rest[0])
        order.append(ready)
        rest.remove(ready)
    return tuple(order)


def later_than(name: str, after: Mapping[str, Iterable[str]]) -> frozenset[str]:
    """Those that start after it, however indirectly."""
    found: set[str] = set()
    more = {name}
    while more:
        more = {other for other, firsts in after.items() if set(firsts) & more} - found - {name}
        found |= more
    return frozenset(found)


# --- who is called, and by whom -----------------------------------------------------------------------------------------


def call_for(budget: Budget, deployable: str, assembly: str, *, since_ms: float) -> Entry | None:
    """The last rung that takes this assembly along."""
    last = budget.last_rung(deployable)
    return last if last is not None and assembly in last.along and last.at_ms >= since_ms else None


def leads(incident: Incident) -> bool:
    return incident.ladder != "" and incident.ladder == incident.id


def follows(incident: Incident) -> bool:
    return incident.ladder not in ("", incident.id)


def is_open(incident: Incident | None) -> bool:
    return incident is not None and incident.state not in ENDED


def goes_on(leader: Incident | None) -> bool:
    """Is a rung under way: its leading incident is open, and is not weighed again before anything was done (core.recovery.last_moment)."""
    return leader is not None and is_open(leader) and leader.state is not State.SUSPECTED


def has_stopped(incident: Incident | None, ladder: str) -> bool:
    """Nothing of it runs any more, or nothing will be done about it."""
    if incident is None or incident.part_over == ladder:
        return incident is not None
    return incident.ladder == ladder and (incident.isolated_ms > 0 or incident.state in ENDED)


# --- what is seen of the others -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class RungSeen:
    """What an incident may have to know of the others, worked out where they are read, so that decisions stay cheap.

    along: the sisters that ever had a node; of a rung that was begun, those that were paid for. order: all of it, in start order.
    deaf: those that took no note of it. later: those that start later and still run; running: those of all that still run.
    open: whose part is not over; bad: what became of those that do not serve, in words. blamed: what a node said against the database.
    """

    along: tuple[str, ...] = ()
    order: tuple[str, ...] = ()
    deaf: tuple[str, ...] = ()
    later: tuple[str, ...] = ()
    running: tuple[str, ...] = ()
    open: tuple[str, ...] = ()
    bad: str = ""
    blamed: str = ""


NOTHING = RungSeen()


def seen_of(incident: Incident, after: Iterable[str], sisters: Mapping[str, Sister], budget: Budget) -> RungSeen:
    """What this incident is to know of its assembly's sisters. after: whom its own assembly starts after."""
    paid = budget.of(incident.ladder) if incident.ladder else None
    if paid is None:
        return RungSeen(along=tuple(sorted(name for name, sister in sisters.items() if sister.permit is not None)))
    members = {paid.assembly, *paid.along} - {incident.assembly}
    afters = {name: sister.after for name, sister in sisters.items() if name in members} | {incident.assembly: tuple(after)}
    parts = {name: _part(sisters.get(name), incident.ladder) for name in sorted(members)}
    running = tuple(name for name, part in parts.items() if not has_stopped(part, incident.ladder))
    later = later_than(incident.assembly, afters)
    said = [incident.database, *(part.database for part in parts.values() if part is not None)]
    return RungSeen(
        along=paid.along,
        order=start_order(afters),
        deaf=tuple(name for name, part in parts.items() if part is None),
        later=tuple(name for name in running if name in later),
        running=running,
        open=tuple(name for name, part in parts.items() if is_open(part)),
        bad="; ".join(f"{name}: {why}" for name, part in parts.items() if (why := _amiss(part))),
        blamed=next((text for text in said if text), ""),
    )


def _part(sister: Sister | None, ladder: str) -> Incident | None:
    """A sister's part of this rung, or what has befallen it since."""
    found = None if sister is None else sister.incident
    return found if found is not None and ladder in (found.ladder, found.part_over) else None


def _amiss(part: Incident | None) -> str:
    """What is not as it should be with a sister at the end; "" when all is well, or when an operator has it."""
    if part is None:
        return "it took no part"
    return "" if part.state in (State.RECOVERED, State.SUPPRESSED) else f"{part.state.value}, {part.reason}"


# --- letting new nodes in -----------------------------------------------------------------------------------------------


def taken_down_first(own: Incident | None, leader: Incident | None) -> str | None:
    """Why no node of the assembly may start yet: the whole of its deployable is still being taken down."""
    if own is None or not own.ladder or not is_open(own):
        return None
    first = own if leads(own) else leader
    if first is None or first.id != own.ladder or first.state not in TAKING_DOWN:
        return None
    return f"its whole deployable is taken down first (incident {first.id} of {first.assembly})"


def being_replaced(assembly: str, incident: Incident | None, permit: Permit | None) -> str | None:
    """Why an assembly whose last report may still say that it serves does not: its node is on the way out."""
    if incident is None or incident.state not in _BEFORE_NEW_NODE:
        return None
    if permit is not None and permit.epoch > incident.epoch:
        return None
    return f"{assembly} is being replaced (incident {incident.id})"

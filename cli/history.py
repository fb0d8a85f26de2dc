"""Tells what happened: incidents and what AWS did to the database, a machine or a volume, newest first, with how long each took."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cli.programs import Trouble
from cli.state_table import Aws, Place, Table, read
from cli.telling import at, long, print_json
from core import names
from core.recovery.incident import Cause, Incident, incident_item, parse_incident
from core.report.notices import needs_person

ABOUT = """\
List what happened to a deployable, newest first: its incidents, with how each ended and how long each part of it took, and
what AWS did to its database, a machine or a volume by itself.
"""
EXAMPLES = """\
examples:
  understudy history
  understudy history --since 7d --assembly scheduler
  understudy history --most 5 --json

A line of seconds reads: detect, from when it began until it was noticed; decide, until it was certain; act, until the new node
ran; verify, until it was seen to serve. A dash: not reached.
"""
MOST = 20
IDS_END = ":"  # an incident's id begins with a digit, and this sorts behind those


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What AWS did to a database, a machine or a volume."""

    at_ms: int
    subject: str
    kind: str
    message: str

    @property
    def what(self) -> str:
        """By the name that AWS gives; a database has the one that its stack gave it."""
        prefix = self.subject.partition("-")[0]
        return {"i": "machine", "vol": "volume"}.get(prefix, "database")


def history(aws: Aws, place: Place, *, since_ms: int, most: int, as_json: bool) -> int:
    """Print it and give 0. Raises Trouble."""
    table = Table(aws, place)
    incidents = [i for name in place.assemblies for i in incidents_of(table, name, most=most)]
    events = [_event(item) for item in table.query(names.history_pk(place.deployable), newest_first=True, most=most)]
    found: list[Incident | Event] = [*incidents, *events]
    found = sorted((one for one in found if _when(one) >= since_ms), key=_when, reverse=True)[:most]
    if as_json:
        print_json([_as_json(one) for one in found])
        return 0
    if not found:
        print(f"{place.deployable}: nothing has happened{f' since {at(since_ms)} UTC' if since_ms else ''}")
    for one in found:
        print("\n".join(words(one) if isinstance(one, Incident) else _event_words(one)))
    return 0


def incidents_of(table: Table, assembly: str, *, most: int) -> list[Incident]:
    """Newest first, the open one too."""
    pk = names.incident_pk(table.place.deployable, assembly)
    kept = [read(parse_incident, item) for item in table.query(pk, below=IDS_END, newest_first=True, most=most)]
    latest = [table.get(pk, names.OPEN), *table.query(pk, begins=names.BY_AWS)]
    found = {one.id: one for one in (*kept, *(read(parse_incident, item) for item in latest)) if one is not None}
    return sorted(found.values(), key=lambda one: one.id, reverse=True)[:most]


def find_incident(table: Table, wanted: str, *, decided: bool = False) -> Incident:
    """By its id, the beginning or end of one, its assembly (the latest), or `last`. decided: of those that were decided here, not of what
    AWS mended by itself. Raises Trouble."""
    found = [one for name in table.place.assemblies for one in incidents_of(table, name, most=200)]
    if decided and any(one.id == wanted and one.cause is Cause.AWS for one in found):
        raise Trouble(f"{wanted} is what AWS mended by itself: nothing of it was decided here, and no setting changes it")
    found = [one for one in found if not decided or one.cause is not Cause.AWS]
    found.sort(key=lambda one: one.opened_ms, reverse=True)
    if wanted == "last":
        chosen = found[:1]
    elif wanted in table.place.assemblies:
        chosen = [one for one in found if one.assembly == wanted][:1]
    else:
        chosen = [one for one in found if one.id == wanted] or [
            one for one in found if one.id.startswith(wanted) or one.id.endswith(wanted)
        ]
    if len({one.instance for one in chosen}) == 1:  # a node lives through what AWS mends, and is replaced once
        chosen = [one for one in chosen if one.cause is not Cause.AWS] or chosen[:1]
    if len(chosen) > 1:
        raise Trouble(f"{wanted!r} could be {', '.join(one.id for one in chosen[:5])}: say more of it")
    if not chosen:
        raise Trouble(f"no incident {wanted!r} of {table.place.deployable}; `understudy history` lists them, `last` is the latest")
    return chosen[0]


def words(incident: Incident) -> Iterator[str]:
    lasted = _lasted(incident)
    whither = f"{incident.instance} -> {incident.new_instance}" if incident.new_instance else incident.instance
    state = f"{incident.state.value}{f' after {lasted}' if lasted else ''}{', a person is needed' if needs_person(incident) else ''}"
    yield f"{at(incident.opened_ms)}  {incident.assembly}  {state}  {whither}"
    yield f"    why: {incident.reason}"
    yield f"    {durations(incident)}; noticed by {incident.woken_by}"
    yield f"    {incident.id}"


def durations(incident: Incident) -> str:
    """The four of them, in seconds."""
    known = incident.durations()
    return ", ".join(f"{name.removesuffix('_s')} {'-' if value is None else f'{value:.1f} s'}" for name, value in known.items())


def _lasted(incident: Incident) -> str:
    """From when it began until it was over; "" while it is not."""
    return long(max(0, incident.ended_ms - incident.failed_ms) / 1000) if incident.ended_ms else ""


def _event(item: dict[str, Any]) -> Event:
    try:
        return Event(at_ms=int(item["at_ms"]), subject=str(item["subject"]), kind=str(item["kind"]), message=str(item["message"]))
    except (KeyError, ValueError) as error:
        raise Trouble(f"{item.get(names.PK)}/{item.get(names.SK)} cannot be read: {type(error).__name__}: {error}") from error


def _event_words(event: Event) -> Iterator[str]:
    yield f"{at(event.at_ms)}  {event.what} {event.subject}  {event.kind}"
    yield f"    {event.message}"


def _when(one: Incident | Event) -> int:
    return one.opened_ms if isinstance(one, Incident) else one.at_ms


def _as_json(one: Incident | Event) -> dict[str, Any]:
    if isinstance(one, Event):
        return {"what": one.what, "at_ms": one.at_ms, "subject": one.subject, "kind": one.kind, "message": one.message}
    return {"what": "incident", **{k: v for k, v in incident_item(one).items() if k not in (names.PK, names.SK)}, "assembly": one.assembly}

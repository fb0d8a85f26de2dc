"""Tells everything that is kept of one incident."""

from __future__ import annotations

from collections.abc import Iterator

from cli.history import durations, find_incident
from cli.state_table import Aws, Place, Table
from cli.telling import at, print_json, rows
from core import names
from core.recovery.incident import Cause, Incident, incident_item
from core.report.notices import needs_person

ABOUT = """\
Tell all of one incident: why, who noticed, which node, how long each part took, what happened second by second, and where the
evidence lies.
"""
EXAMPLES = """\
INCIDENT is its id, the beginning or the end of it (the node's id is enough), an assembly's name for its latest, or `last`.

examples:
  understudy show last
  understudy show i-0123456789abcdef0 --json
"""


def show(aws: Aws, place: Place, wanted: str, *, as_json: bool) -> int:
    """Print it and give 0. Raises Trouble."""
    incident = find_incident(Table(aws, place), wanted)
    if as_json:
        print_json({k: v for k, v in incident_item(incident).items() if k not in (names.PK, names.SK)})
    else:
        print("\n".join(words(incident, bucket=place.outputs.get("Bucket", ""))))
    return 0


def words(incident: Incident, *, bucket: str = "") -> Iterator[str]:
    state = incident.state.value + (", a person is needed" if needs_person(incident) else "")
    yield f"incident {incident.id} of {incident.deployable}/{incident.assembly}: {state}"
    facts = [
        ("why", incident.reason),
        ("cause", incident.cause.value),
        ("began", f"{at(incident.failed_ms)} UTC, as well as we know"),
        ("noticed", f"{at(incident.opened_ms)} UTC by {incident.woken_by}"),
        ("ended", f"{at(incident.ended_ms)} UTC" if incident.ended_ms else "not yet"),
        ("took", durations(incident)),
        ("node", f"{incident.instance}, epoch {incident.epoch}"),
    ]
    if incident.new_instance:
        facts.append(("new node", f"{incident.new_instance}, epoch {incident.new_epoch}"))
    if incident.front:
        facts.append(("front", incident.front))
    if incident.tried:
        facts.append(("did not live", ", ".join(incident.tried)))
    if incident.escalated_to:
        facts.append(("escalated to", incident.escalated_to))
    facts += [("told people", ", ".join(incident.told) or "nothing")]
    facts += [("evidence", f"s3://{bucket}/{key}" if bucket else key) for key in incident.evidence]
    yield from rows(facts)
    yield "what happened, in seconds since it was noticed:"
    for note in incident.notes:
        yield f"  {(note.at_ms - incident.opened_ms) / 1000:9.1f}  {note.who}: {note.what}"
    if incident.cause is not Cause.AWS:
        yield f"each decision with what it was made from: understudy explain {incident.id}"

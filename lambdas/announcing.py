"""What other programs and dashboards are told of an incident that opens or ends."""

from __future__ import annotations

from core import names
from core.recovery.changes import ME
from core.recovery.incident import Incident
from core.report import announcements
from lambdas.adapters import bus, clock, emf, log
from lambdas.adapters.clients import WorldFailed


def announce(incident: Incident, *, who: str = ME) -> None:
    """To programs and dashboards, which are told once: people are told until they know, and the record is the truth."""
    seconds = announcements.phases(incident)
    if seconds:
        dimensions = {names.DIM_DEPLOYABLE: incident.deployable, names.DIM_ASSEMBLY: incident.assembly}
        emf.emit_seconds(seconds, at_ms=clock.now_ms(), dimensions=dimensions)
    try:
        bus.announce(incident)
    except WorldFailed as error:
        log.say(who, f"no event of it: {error}")

"""What other programs are told of an incident: an event with a versioned detail, and how long each phase took as metrics.

Within a version fields are added and never change their meaning or go away; docs/recovery.md shows one.
"""

from __future__ import annotations

import datetime
from typing import Any

from core import names
from core.recovery.incident import Incident

VERSION = 1
SOURCE = names.PRODUCT
OPENED, ENDED = "Understudy Incident Opened", "Understudy Incident Ended"
TEXT_CHARS_MAX = 1000  # of a reason; an event has room for 1 MB (it had 256 KB): API_PutEvents.html


def detail(incident: Incident) -> dict[str, Any]:
    """Plain values; times as ISO 8601 in UTC, None for what has not come to pass; durations in seconds."""
    return {
        "version": VERSION,
        "deployable": incident.deployable,
        "assembly": incident.assembly,
        "incident": incident.id,
        "state": incident.state.value,
        "cause": incident.cause.value,
        "reason": incident.reason[:TEXT_CHARS_MAX],
        "woken_by": incident.woken_by,
        "instance": incident.instance,
        "epoch": incident.epoch,
        "new_instance": incident.new_instance or None,
        "new_epoch": incident.new_epoch or None,
        "escalated_to": incident.escalated_to or None,
        "needs_person": incident.ended and incident.escalated_to == "person",
        "failed_at": _at(incident.failed_ms),
        "opened_at": _at(incident.opened_ms),
        "ended_at": _at(incident.ended_ms),
        "durations_s": incident.durations(),
    }


def detail_type(incident: Incident) -> str:
    return ENDED if incident.ended else OPENED


def phases(incident: Incident) -> dict[str, float]:
    """Seconds of each phase that was reached, by the metric's name. Of one that ended without a replacement there is none:
    what was only suspected would make recoveries look quick."""
    if not incident.ended or not incident.acted_ms:
        return {}
    found = incident.durations()
    return {names.METRIC_PHASES[name]: seconds for name, seconds in found.items() if seconds is not None}


def _at(at_ms: int) -> str | None:
    if not at_ms:
        return None
    return datetime.datetime.fromtimestamp(at_ms / 1000, datetime.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

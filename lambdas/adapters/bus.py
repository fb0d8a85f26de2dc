"""Events to other programs, on the account's default bus."""

from __future__ import annotations

import json

from core.recovery.incident import Incident
from core.report import announcements
from lambdas.adapters.clients import WorldFailed, calling, client


def announce(incident: Incident) -> None:
    """That it was opened, or how it ended. Raises WorldFailed, also when the bus took the call and refused the event."""
    entry = {
        "Source": announcements.SOURCE,
        "DetailType": announcements.detail_type(incident),
        "Detail": json.dumps(announcements.detail(incident), separators=(",", ":")),
    }
    with calling("put an event"):
        answer = client("events").put_events(Entries=[entry])
    # https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html: refused entries are told in a good answer.
    for refused in answer.get("Entries", []):
        if refused.get("ErrorCode"):
            raise WorldFailed("put an event", str(refused["ErrorCode"]), str(refused.get("ErrorMessage", ""))[:300])

"""Writes down what AWS does to the database by itself: failovers, failures, restarts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.report.history import database_entry, entry_item
from lambdas.adapters import environment, log, table

ME = "record_event"


def handler(event: Mapping[str, Any], _context: Any) -> dict[str, Any]:
    """An `RDS DB Instance Event` becomes an item of the deployable's history; told twice, it is the same item.

    Raises core.report.history.BadEvent, WorldFailed.
    """
    entry = database_entry(event, environment.databases())
    table.put(entry_item(entry))
    log.say(ME, f"{entry.subject}: {entry.message}", kind=entry.kind, categories=list(entry.categories))
    return {"recorded": entry.kind}

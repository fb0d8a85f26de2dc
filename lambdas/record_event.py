"""Writes down what AWS does to the database by itself: failovers, failures, restarts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.report.history import database_entry, database_named, entry_item
from lambdas.adapters import log, register, table

ME = "record_event"


def handler(event: Mapping[str, Any], _context: Any) -> dict[str, Any]:
    """An `RDS DB Instance Event` becomes an item of the deployable's history; told twice, it is the same item.

    A shared foundation hears of the databases of every foundation. Raises core.report.history.BadEvent, WorldFailed.
    """
    instance = database_named(event)
    owner = register.whose_database(instance)
    if owner is None:
        log.say(ME, f"left alone: {instance} is no database of a deployable here")
        return {"recorded": ""}
    entry = database_entry(event, {instance: owner})
    table.put(entry_item(entry))
    log.say(ME, f"{entry.subject}: {entry.message}", kind=entry.kind, categories=list(entry.categories))
    return {"recorded": entry.kind}

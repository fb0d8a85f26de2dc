"""What AWS does to the database by itself: written down, and followed until the assemblies that use it are well again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.report.history import database_entry, database_named, entry_item
from core.watching.mending import database_word
from lambdas import mending
from lambdas.adapters import clock, log, register, table

ME = "record_event"


def handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    """An `RDS DB Instance Event` becomes an item of the deployable's history; told twice, it is the same item.

    What begins or ends an outage is an incident of each assembly that uses the database, which this call looks after until it is over. A
    shared foundation hears of the databases of every foundation. Raises core.report.history.BadEvent, WorldFailed, BadRecord.
    """
    instance = database_named(event)
    owner = register.whose_database(instance)
    if owner is None:
        log.say(ME, f"left alone: {instance} is no database of a deployable here")
        return {"recorded": ""}
    entry = database_entry(event, {instance: owner})
    table.put(entry_item(entry))
    log.say(ME, f"{entry.subject}: {entry.message}", kind=entry.kind, categories=list(entry.categories))
    word = database_word(entry)
    if word is not None:
        users = [watched for watched in register.fleet().assemblies if watched.deployable == owner and watched.uses_database]
        mending.keep([mending.Heard(watched, ((clock.now_ms(), word),)) for watched in users], context)
    return {"recorded": entry.kind}

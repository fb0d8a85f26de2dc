"""What EC2 mended by itself goes into the history of whose machine it was; what became of it is then looked at as after any other event."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.report.history import BadEvent, entry_item, machine_entry, repaired_machines
from lambdas.adapters import instances, log, register, table

ME = "recover_assembly"


def write_down(event: Mapping[str, Any]) -> None:
    """Told twice, it is the same item. Machines that are not ours are left alone. Raises WorldFailed."""
    for instance in repaired_machines(event):
        owner = instances.owner(instance)
        if owner is None or not any((watched.deployable, watched.name) == owner for watched in register.fleet().assemblies):
            continue
        try:
            entry = machine_entry(event, instance, deployable=owner[0], assembly=owner[1])
        except BadEvent as error:
            log.say(ME, f"not kept in the history: {error}")
            continue
        table.put(entry_item(entry))
        log.say(ME, entry.message, kind=entry.kind)

"""What EC2 mended by itself goes into the history of whose machine it was, and is followed until the node is well."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.report.history import BadEvent, entry_item, machine_began_ms, machine_entry, repaired_machines
from core.watching.mending import machine_word
from lambdas import mending
from lambdas.adapters import clock, instances, log, register, table

ME = "recover_assembly"


def write_down(event: Mapping[str, Any]) -> list[mending.Heard]:
    """Told twice, it is the same item. Gives what is to become an incident, once recovery itself has had its turn.

    Machines that are not ours are left alone. Raises WorldFailed, BadRecord.
    """
    moved = []
    for instance in repaired_machines(event):
        owner = instances.owner(instance)
        watched = next((one for one in register.fleet().assemblies if (one.deployable, one.name) == owner), None)
        if watched is None:
            continue
        try:
            entry = machine_entry(event, instance, deployable=watched.deployable, assembly=watched.name)
        except BadEvent as error:
            log.say(ME, f"not kept in the history: {error}")
            continue
        table.put(entry_item(entry))
        log.say(ME, entry.message, kind=entry.kind)
        permit = table.permit(watched.deployable, watched.name)
        word = machine_word(entry, began_ms=machine_began_ms(event))
        if word is not None and permit is not None and permit.instance == instance:
            moved.append(mending.Heard(watched, ((clock.now_ms(), word),)))
    return moved

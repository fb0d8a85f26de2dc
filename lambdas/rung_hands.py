"""What recover_assembly does for the deployable's rung: a healthy node told to go, sisters woken, the database failed over."""

from __future__ import annotations

from collections.abc import Sequence

from core import names
from core.recovery.changes import with_called, with_reboot, with_retired
from core.recovery.incident import Incident
from lambdas.adapters import clock, databases, environment, groups, queues


def retire(incident: Incident, instance: str) -> Incident:
    """Its terminate hook lets it go offline in its own time, and its group launches another meanwhile, which waits to be let in."""
    now_ms = clock.now_ms()
    return with_retired(incident, instance, groups.terminate(instance), now_ms=now_ms)


def call_sisters(incident: Incident, assemblies: Sequence[str]) -> Incident:
    """A message each; one that is lost is sent again, for the incident goes on asking."""
    now_ms = clock.now_ms()
    for assembly in assemblies:
        named = {"deployable": incident.deployable, "assembly": assembly, "driver": ""}
        queues.send(environment.text(names.ENV_RECOVER_QUEUE), {"incident": named}, delay_s=0)
    return with_called(incident, assemblies, now_ms=now_ms)


def reboot_database(incident: Incident, identifier: str, why: str) -> Incident:
    said = databases.fail_over(identifier)
    return with_reboot(incident, identifier, f"{why}; {said}", now_ms=clock.now_ms())

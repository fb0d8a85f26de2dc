"""The one hand that touches addresses and volumes: both belong to the holder of the current epoch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.watching.wakes import assembly_named
from lambdas.adapters import clock, fronts, log, table, volume, world
from lambdas.adapters.instances import NotYet

MOVES_MAX = 3
READ_BACKS = 10
READ_BACK_EVERY_S = 0.3
TRY_FOR_S = 8.0  # AWS moves an address within seconds, and a record within a minute; whoever asked asks again
ME = "move_front"


def handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    """{"assembly": {...}} -> {"held_by": instance or None, "tried": bool or None, "moved": bool}.

    {"assembly": {...}, "state": True} -> the same of the volume that its state is kept on; tried is None then.
    tried: whether clients get through, as far as it can be told from here; None when there is nothing to try.
    Raises BadEvent, BadRecord, WorldFailed.
    """
    watched = world.watched(*assembly_named(event))
    if event.get("state") is True:
        return _place_state(watched.deployable, watched.name)
    front = fronts.front_of(watched.deployable, watched.name)
    permit = table.permit(watched.deployable, watched.name)
    if front is None or permit is None:
        log.say(ME, "nothing to place", front=front is not None, permit=permit is not None)
        return {"held_by": None, "tried": None, "moved": False}
    held_by, moved = front.who_holds(), False
    for _ in range(MOVES_MAX):
        if held_by == permit.instance:
            break
        held_by, moved = _move(front, held_by, permit.instance, permit.epoch), True
        # Two calls may cross, and an address knows no epoch: whoever moved it last for an old permit moves it on.
        now = table.permit(watched.deployable, watched.name)
        if now is None or now.epoch == permit.epoch:
            break
        permit = now
    tried = front.verify(min(TRY_FOR_S, clock.left_s(context))) if held_by == permit.instance else None
    log.say(ME, f"the front {front} is on {held_by}", epoch=permit.epoch, moved=moved, tried=tried)
    return {"held_by": held_by, "tried": tried, "moved": moved}


def _place_state(deployable: str, assembly: str) -> dict[str, Any]:
    """Before anything starts on the permit's holder, for its agent waits for it."""
    kept, permit = volume.volume_of(deployable, assembly), table.permit(deployable, assembly)
    if kept is None or permit is None:
        log.say(ME, "no state to place", volume=kept is not None, permit=permit is not None)
        return {"held_by": None, "tried": None, "moved": False}
    before = kept.who_holds()
    if before == permit.instance:
        return {"held_by": before, "tried": None, "moved": False}
    try:
        kept.attach(permit.instance)
    except NotYet as error:
        log.say(ME, f"the volume {kept} stays at {before}: {error}", epoch=permit.epoch)
        return {"held_by": before, "tried": None, "moved": False}
    held_by = kept.who_holds()
    log.say(ME, f"moved the volume {kept} from {before} to {permit.instance}", epoch=permit.epoch, held_by=held_by)
    return {"held_by": held_by, "tried": None, "moved": True}


def _move(front: fronts.Front, before: str | None, instance: str, epoch: int) -> str | None:
    """Move it and read back who holds it; a node that EC2 does not let hold it yet is not an error."""
    try:
        front.attach(instance)
    except NotYet as error:
        log.say(ME, f"the front stays on {before}: {error}", epoch=epoch)
        return before
    held_by = front.who_holds()
    for _ in range(READ_BACKS):
        if held_by == instance:
            break
        clock.sleep(READ_BACK_EVERY_S)
        held_by = front.who_holds()
    log.say(ME, f"moved the front {front} from {before} to {instance}", epoch=epoch, held_by=held_by)
    return held_by

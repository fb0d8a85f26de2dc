"""Each minute: six sweeps, and a look at whether anybody who should be awake sleeps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core import names
from core.items import BadRecord
from core.model import FrontKind
from core.watching.fleet import Watched
from core.watching.mending import is_asked, left_alone
from core.watching.sweep import SWEEP_OFFSETS_S, Handler, Waking, in_turn, wakings
from lambdas.adapters import alarms, clock, environment, fronts, functions, log, queues, register, table, volume, world
from lambdas.adapters.clients import WorldFailed

ME = "tick"
_FUNCTIONS = {
    Handler.RECOVER: names.ENV_FUNCTION_RECOVER,
    Handler.ADMIT: names.ENV_FUNCTION_ADMIT,
    Handler.RETIRE: names.ENV_FUNCTION_RETIRE,
    Handler.MOVE_FRONT: names.ENV_FUNCTION_MOVE_FRONT,
}


def handler(_event: Mapping[str, Any], context: Any) -> dict[str, int]:
    """The schedule. Gives how many sweeps were ordered and whom it woke.

    One assembly that cannot be read does not keep the others waiting, and whoever this call has no time for has
    his turn in a later one; but then this call fails in the end, so that its own alarm sees it.
    """
    now_ms = clock.now_ms()
    woken, failed = 0, ""
    try:
        told = register.tell_in_shards()
        sweeps = [({"sweep": {"due_ms": now_ms + offset_s * 1000, **part}}, offset_s) for offset_s in SWEEP_OFFSETS_S for part in told]
        queues.send_all(environment.text(names.ENV_TICK_QUEUE), sweeps)
    except WorldFailed as error:
        failed = str(error)  # the world is read all the same: hooks and incidents need no sweep
        log.say(ME, f"no sweeps were ordered: {failed}")
    for watched in in_turn(register.fleet().assemblies, now_ms):
        if clock.left_s(context) <= 0:
            failed = f"no time left for {watched.name}"
            break
        try:
            woken += _look_after(watched)
        except (WorldFailed, BadRecord, environment.BadEnvironment) as error:
            failed = f"{watched.deployable}/{watched.name}: {error}"
            log.say(ME, f"could not look after {failed}")
    if failed:
        raise WorldFailed(ME, "Incomplete", failed)
    return {"sweeps": len(SWEEP_OFFSETS_S), "woken": woken}


def _look_after(watched: Watched) -> int:
    view = world.observe(watched, with_intents=True)
    in_alarm = alarms.rings(watched.deployable, watched.name)
    holder = None
    if watched.front.kind is not FrontKind.NONE:
        front = fronts.front_of(watched.deployable, watched.name)
        holder = front.who_holds() if front else None
    kept = volume.volume_of(watched.deployable, watched.name) if watched.has_volume else None
    found = wakings(
        view,
        watched.policy,
        in_alarm=in_alarm,
        front_holder=holder,
        volume_holder=kept.who_holds() if kept else None,
        left_alone=_left_alone(watched, view.now_ms) if is_asked(view.now_ms) else None,
    )
    for waking in found:
        log.say(ME, f"wakes {waking.handler.value}: {waking.reason}", assembly=watched.name)
        functions.wake(environment.text(_FUNCTIONS[waking.handler]), _payload(watched, waking, view.group or ""))
    return len(found)


def _left_alone(watched: Watched, now_ms: int) -> str | None:
    """What nobody looks at of what AWS mends. Where that cannot be read, all else goes on."""
    try:
        found = table.all_mended(watched.deployable, watched.name)
    except WorldFailed as error:
        log.say(ME, f"not asked whether AWS still mends anything: {error}", assembly=watched.name)
        return None
    return next((why for one in found if (why := left_alone(one, watched.policy, now_ms=now_ms)) is not None), None)


def _payload(watched: Watched, waking: Waking, group: str) -> dict[str, Any]:
    named = {"deployable": watched.deployable, "assembly": watched.name}
    if waking.handler is Handler.RECOVER:
        return {"wake": {**named, "reason": waking.reason}}
    if waking.handler is Handler.MOVE_FRONT:
        return {"assembly": named, **({"state": True} if waking.state else {})}
    return {"assembly": named, "instance": waking.instance, "group": group}

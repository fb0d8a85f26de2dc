"""What both hooks' handlers do around their work: whose hook is it, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from core.watching.wakes import BadEvent, HookWake, hook_wake
from lambdas.adapters import log, world


def handled(me: str, event: Mapping[str, Any], context: Any, drive: Callable[[HookWake, Any], str]) -> dict[str, str]:
    """Drive the hook that the event tells of, if it is one of ours. Gives what came of it, for the log."""
    try:
        wake = hook_wake(event)
        world.watched(wake.deployable, wake.assembly)
    except BadEvent as error:
        log.say(me, f"left alone: {error}")
        return {"did": "left alone"}
    log.say(me, f"woken by {wake.who} for {wake.instance}")
    did = drive(wake, context)
    log.say(me, did, instance=wake.instance)
    return {"did": did}

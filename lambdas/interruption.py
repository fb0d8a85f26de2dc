"""What recover_assembly does with a spot machine's last two minutes."""

from __future__ import annotations

from core.lifecycle.interruption import left_alone
from core.recovery.changes import ME
from core.watching.fleet import Watched
from lambdas.adapters import groups, log, world


def answer_warning(watched: Watched, instance: str) -> None:
    """Have the group replace it while it can still stop in order, or say why not. Raises WorldFailed, BadRecord."""
    view = world.observe(watched, for_recovery=True)
    reason = left_alone(view, instance)
    if reason is None:
        reason = groups.terminate(instance, of=view.wanted)
    log.say(ME, f"EC2 takes {instance} back in two minutes: {reason}", assembly=watched.name, instance=instance)

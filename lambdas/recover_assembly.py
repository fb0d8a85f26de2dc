"""What may be a failure, of whatever source: whose it is, and that it is looked after until it is over or this call's time is up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.items import BadRecord
from core.recovery.changes import ME
from core.watching.fleet import Watched
from core.watching.wakes import TICK, BadEvent, Wake, recovery_wakes
from lambdas import interruption, mending, repairs, volumes
from lambdas.adapters import groups, instances, log, register, table
from lambdas.adapters.clients import WorldFailed
from lambdas.driver import Driver


def handler(event: Mapping[str, Any], context: Any) -> dict[str, list[dict[str, str]]]:
    """Alarm, stream of requests, EC2, EBS, Auto Scaling, spot and AWS Health events, own messages, tick.

    Of several records, those that failed are given back to their queue or stream; a failed event is
    raised, so that Lambda tries it again. https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
    """
    failed = []
    mended = [*repairs.write_down(event), *volumes.hear(event)]
    left: list[tuple[Watched, str]] = []
    try:
        for wake in _wakes(event):
            try:
                watched = _answer(wake, context)
                if watched is not None and wake.who == TICK:
                    left += mending.left_of(watched)
            except (WorldFailed, BadRecord) as error:
                log.say(ME, f"failed: {error}", woken_by=wake.who)
                if not wake.receipt:
                    raise
                failed.append({"itemIdentifier": wake.receipt})
    finally:
        mending.keep(mended, context, also=left)  # after whatever recovery itself does about it, or failed to do
    return {"batchItemFailures": failed}


def _wakes(event: Mapping[str, Any]) -> list[Wake]:
    """Of several records each by itself: one that cannot be read hides no other."""
    records, found = event.get("Records"), []
    for part in [{"Records": [record]} for record in records] if isinstance(records, list) else [event]:
        try:
            found += recovery_wakes(part)
        except BadEvent as error:
            log.say(ME, f"left alone: {error}")  # trying it again would not make it better
    return found


def _answer(wake: Wake, context: Any) -> Watched | None:
    """Gives whose it was; None when it was none of ours."""
    watched = _whose(wake)
    if watched is None:
        return None
    log.say(ME, f"woken by {wake.who}: {wake.why}", assembly=watched.name, instance=wake.instance)
    if wake.reclaimed:
        interruption.answer_warning(watched, wake.instance)
    Driver(watched, wake, context).drive()
    return watched


def _whose(wake: Wake) -> Watched | None:
    """The assembly that a wake is about; None when it is none of ours."""
    if wake.assembly:
        try:
            return register.find(wake.deployable, wake.assembly)
        except KeyError as error:
            log.say(ME, f"left alone: {error}")
            return None
    fleet = register.fleet()
    owner = register.whose_volume(wake.volume) if wake.volume else instances.owner(wake.instance) if wake.instance else None
    if owner is not None:
        return next((w for w in fleet.assemblies if (w.deployable, w.name) == owner), None)
    for watched in fleet.assemblies:
        # EC2 forgets the tags of what is terminated; the permit does not, and a group knows its name.
        permit = table.permit(watched.deployable, watched.name) if wake.instance else None
        if permit is not None and permit.instance == wake.instance:
            return watched
        group = groups.find(watched.deployable, watched.name) if wake.group else None
        if group is not None and group.name == wake.group:
            return watched
    return None

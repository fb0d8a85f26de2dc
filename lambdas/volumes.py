"""What AWS says of the volumes of kept state goes into the history; one that was taken from a node that runs is put back at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core import names
from core.report.history import entry_item
from core.watching.mending import Stage, volume_word
from core.watching.volumes import SETTLED_S, VolumeNews, volume_entry, volume_news
from lambdas import mending
from lambdas.adapters import clock, environment, functions, instances, log, register, table
from lambdas.adapters.clients import WorldFailed

ME = "recover_assembly"


def hear(event: Mapping[str, Any]) -> list[mending.Heard]:
    """Told twice, it is the same item and the same place. Gives what is to become an incident, once recovery itself has had its turn.

    Volumes that are not ours are left alone. Raises WorldFailed, BadRecord.
    """
    found = []
    for news in volume_news(event):
        owner = register.whose_volume(news.volume)
        if owner is None or not (news.for_people or _was_taken(news, *owner)):
            continue
        heard_ms = clock.now_ms()
        back = "" if news.for_people else _put_back(*owner)
        back_ms = clock.now_ms()
        entry = volume_entry(news, deployable=owner[0], assembly=owner[1])
        table.put(entry_item(entry))
        log.say(ME, entry.message, kind=entry.kind)
        if not news.for_people:
            words = [(heard_ms, volume_word(Stage.BEGUN, at_ms=entry.at_ms, said=entry.message))]
            words += [(back_ms, volume_word(Stage.DONE, at_ms=back_ms, said=back))] if back else []
            found.append(mending.Heard(register.find(*owner), tuple(words)))
    return found


def _was_taken(news: VolumeNews, deployable: str, assembly: str) -> bool:
    """From the permit's holder, while it runs: not by its end, nor on the way to the next one."""
    permit = table.permit(deployable, assembly)
    if permit is None or news.at_ms - permit.at_ms < SETTLED_S * 1000:
        return False
    machine = instances.describe([permit.instance]).get(permit.instance)
    return machine is not None and machine.state == "running"


def _put_back(deployable: str, assembly: str) -> str:
    """By the one hand that moves it, in words; "" when it is not there. What fails here each sweep tries again."""
    named = {"deployable": deployable, "assembly": assembly}
    try:
        answer = functions.ask(environment.text(names.ENV_FUNCTION_MOVE_FRONT), {"assembly": named, "state": True})
    except WorldFailed as error:
        log.say(ME, f"the volume is not put back yet: {error}", **named)
        return ""
    said = f"the volume is at {answer.get('held_by') or 'nobody'}"
    log.say(ME, said, **named)
    return said if answer.get("held_by") else ""

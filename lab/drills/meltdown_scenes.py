"""The drill in which many assemblies fail at once: what replaces single nodes must stop, and say so, rather than replace them all."""

from __future__ import annotations

import time
from collections.abc import Sequence

from lab.drills import measure, operator
from lab.drills.cloud import Slot, wait_for
from lab.drills.model import Outcome, at_most, exactly
from lab.drills.people import paged
from lab.drills.stage import Situation, Stage

_SHARE, _AT_LEAST = 0.2, 5  # of the nodes, and of them at least: what is no failure of single nodes any more
_STRUCK = 8
_WATCH_S = 45.0  # after people were called: anybody who replaced more would have begun by then
_GAP_S = 5.0  # of a client whose node nobody touches: twenty machines share this one's cores; a replacement would cost it half a minute


def meltdown(stage: Stage, before: Situation, limit_s: float) -> Outcome:
    """As many machines as are twice the limit hang within seconds; afterwards they go on, as when a network is mended."""
    slots = stage.cloud.slots()
    if len(slots) * _SHARE < _STRUCK / 2 - 1 or len(slots) <= _STRUCK:
        raise LookupError(f"{len(slots)} assemblies are too few: play it with some twenty on one foundation")
    struck = [slot for slot in slots if slot != stage.slot][:_STRUCK]
    holders = {slot.assembly: stage.cloud.permit(slot)[0] for slot in struck}
    machines = _machines(stage, slots)
    at = time.time()
    for holder in holders.values():
        stage.cloud.control("freeze", instance=holder)
    wait_for(lambda: _given_up(stage, struck, at) >= _STRUCK - _AT_LEAST + 1, timeout_s=stage.patience_s, every_s=2.0)
    called = paged(stage, at, about="*")
    time.sleep(_WATCH_S)
    replaced = len(_machines(stage, slots) - machines)
    given_up = _given_up(stage, struck, at)
    untouched = measure.longest_gap(stage.samples(at), since=at)
    well = _mended(stage, slots, struck, holders)
    total = len(_machines(stage, slots) - machines)
    promises = (
        at_most("until people were called", called[0].at - at if called else None, limit_s, "s"),
        at_most("machines replaced, fewer than a meltdown's", float(replaced), _AT_LEAST - 1, "machines"),
        exactly("assemblies that were given up, and people told why", given_up, _STRUCK - replaced),
        at_most("the gap of a client whose node was not struck", untouched.seconds if untouched else None, _GAP_S, "s"),
        exactly("assemblies that are well once the machines go on", well, len(slots)),
        exactly("machines launched after that", total - replaced, 0),
    )
    return Outcome(promises, None, time.time())


def _machines(stage: Stage, slots: Sequence[Slot]) -> frozenset[str]:
    return frozenset(instance.id for slot in slots for instance in stage.cloud.instances(slot))


def _given_up(stage: Stage, struck: Sequence[Slot], since: float) -> int:
    """Assemblies whose incident ended without a replacement, for people to look at; and people have had the message."""
    found = 0
    for slot in struck:
        ends = [
            item for item in stage.cloud.incidents(slot) if item.get("state") == "exhausted" and float(item["opened_ms"]) / 1000 >= since
        ]
        found += bool(ends) and bool(paged(stage, since, about=slot.assembly))
    return found


def _mended(stage: Stage, slots: Sequence[Slot], struck: Sequence[Slot], holders: dict[str, str]) -> int:
    """What hung goes on, as far as it is still there; how many assemblies the sweeps find well in the end."""
    for slot in struck:
        alive = {instance.id for instance in stage.cloud.instances(slot) if instance.state == "running"}
        if holders[slot.assembly] in alive:
            stage.cloud.control("thaw", instance=holders[slot.assembly])
    operator.say(stage, "resume", "--reason", "the machines go on")
    wait_for(lambda: _well(stage, slots) == len(slots), timeout_s=stage.patience_s, every_s=3.0)
    return _well(stage, slots)


def _well(stage: Stage, slots: Sequence[Slot]) -> int:
    return sum(stage.cloud.health(slot) == 1 for slot in slots)

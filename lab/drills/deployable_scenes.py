"""The drill of the rung above the assembly: an assembly fails past its tolerance, and the deployable is made anew, in order."""

from __future__ import annotations

import time

from lab.drills import measure
from lab.drills.cloud import Slot, wait_for
from lab.drills.model import Outcome, at_most, exactly
from lab.drills.people import told
from lab.drills.stage import Situation, Stage


def escalate_to_deployable(stage: Stage, before: Situation, limit_s: float) -> Outcome:
    """The first assembly's machine hangs, and it absorbs no failure: all are recreated, taken down in reverse and begun in start order."""
    first = stage.slot
    others = [slot for slot in stage.cloud.slots() if slot != first]
    if len(others) != 1:
        raise LookupError(f"the deployable has {1 + len(others)} assemblies: play it with two, of which the second starts after the first")
    [second] = others
    stage.struck = (second.assembly,)
    holders = {slot: stage.cloud.permit(slot)[0] for slot in (first, second)}
    machines = {slot: _machines(stage, slot) for slot in holders}
    ended = {slot: _ended(stage, slot) for slot in holders}
    at = time.time()
    stage.cloud.control("freeze", instance=before.holder)
    wait_for(lambda: stage.recovered(before, at) and _recovered(stage, second, ended[second]) > 0, timeout_s=stage.patience_s, every_s=0.5)
    served = stage.client.good_since(at, count=5)
    gap = measure.longest_gap(stage.samples(at), since=at)
    begun = [_permitted_at(stage, slot, at) for slot in (first, second)]
    ends = [stage.terminated_at(holders[slot], since=at) for slot in (first, second)]
    leaves = [_leaves_at(stage, holders[slot], at) for slot in (first, second)]
    messages = told(stage, at, about="*")
    promises = (
        exactly("clients are served again at the same address", int(served), 1),
        at_most("our share of the gap", stage.split(gap)[1] if gap and served else None, limit_s, "s"),
        exactly("machines launched, one of each assembly", int(all(_new(stage, slot, machines[slot]) == 1 for slot in holders)), 1),
        exactly("old nodes gone in reverse order", int(_in_order(leaves[1], leaves[0])), 1),
        exactly("nobody permitted before all of them were seen terminated", int(_in_order(*ends, begun[0])), 1),
        exactly("new nodes permitted in start order", int(_in_order(*begun)), 1),
        exactly("incidents closed as recovered", sum(_recovered(stage, slot, ended[slot]) for slot in holders), 2),
        exactly("messages: one when it begins and one when it ends", len(messages), 2),
    )
    return Outcome(promises, None, time.time())


def _machines(stage: Stage, slot: Slot) -> frozenset[str]:
    return frozenset(instance.id for instance in stage.cloud.instances(slot))


def _new(stage: Stage, slot: Slot, before: frozenset[str]) -> int:
    return len(_machines(stage, slot) - before)


def _ended(stage: Stage, slot: Slot) -> frozenset[str]:
    return frozenset(str(item["sk"]) for item in stage.cloud.incidents(slot) if item["sk"] != "OPEN")


def _recovered(stage: Stage, slot: Slot, before: frozenset[str]) -> int:
    rows = (item for item in stage.cloud.incidents(slot) if item["sk"] != "OPEN" and str(item["sk"]) not in before)
    return sum(item.get("state") == "recovered" for item in rows)


def _permitted_at(stage: Stage, slot: Slot, since: float) -> float | None:
    rows = stage.cloud.items(f"PERMIT#{slot.deployable}#{slot.assembly}")
    at = float(rows[0]["at_ms"]) / 1000 if rows else 0.0
    return at if at >= since else None


def _leaves_at(stage: Stage, instance: str, since: float) -> float | None:
    """When EC2 began to shut it down."""
    rows = (line for line in stage.lines(since) if line.get("instance") == instance and line.get("state") == "shutting-down")
    return next((float(line["at"]) for line in rows), None)


def _in_order(*moments: float | None) -> bool:
    """Whether all but the last came before the last; a moment that never came did not."""
    known = [moment for moment in moments if moment is not None]
    return len(known) == len(moments) and max(known) == known[-1]

"""The drill of a node that is to be replaced and serves on: without a machine to be had it is left alone."""

from __future__ import annotations

import time

from lab.drills import measure, operator
from lab.drills.machine_scenes import replaced
from lab.drills.model import Outcome, at_most, exactly
from lab.drills.place_scenes import group_of, place_of
from lab.drills.stage import Situation, Stage

_SHORT_S = 60.0  # beyond what a group takes to launch, twice over
_UNFELT_S = 1.0


def limping_no_capacity(stage: Stage, before: Situation, limit_s: float) -> Outcome:
    """An operator wants it replaced while EC2 has no machine of its size; then there is one."""
    size, _ = place_of(stage, before.holder)
    at = time.time()
    stage.cloud.control("short", places=[size])
    try:
        operator.say(stage, "replace", before.holder, "--reason", "it is to have another machine")
        time.sleep(_SHORT_S)
        meanwhile = stage.situation()
        asked = stage.asked_to_end(before.holder, since=at)
        gap = measure.longest_gap(stage.samples(at), since=at)
        tried = any(str(line.get("what", "")).startswith("cannot launch") for line in stage.lines(at))
    finally:
        stage.cloud.control("short", places=[])
    stage.tell("there is capacity again")
    outcome, record = replaced(stage, before, at, limit_s)
    new_at = next((float(line["at"]) for line in stage.lines(at) if _runs(line, str(record.get("new_instance", "")))), None)
    ended_at = stage.asked_to_end(before.holder, since=at)
    first = new_at is not None and ended_at is not None and new_at < ended_at
    promises = (
        exactly("launches that EC2 refused meanwhile were seen", int(tried), 1),
        exactly("kills while there was no capacity", int(asked is not None), 0),
        exactly("changes of the permit meanwhile", int((meanwhile.holder, meanwhile.epoch) != (before.holder, before.epoch)), 0),
        at_most("the client's gap meanwhile", gap.seconds if gap else None, _UNFELT_S, "s"),
        *outcome.promises,
        exactly("the new machine ran before the old one was ended", int(first), 1),
        exactly("machines that the group may keep in the end", group_of(stage)["MaxSize"], 1),
    )
    return Outcome(promises, outcome.incident, outcome.until)


def _runs(line: dict[str, object], instance: str) -> bool:
    return bool(instance) and line.get("state") == "running" and line.get("instance") == instance

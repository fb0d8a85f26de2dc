"""The drills in which no replacement lives: the ladder must end with a person, and not with machine after machine."""

from __future__ import annotations

import time
from typing import Any

from lab.drills import operator
from lab.drills.cloud import wait_for
from lab.drills.machine_scenes import terminate_holder
from lab.drills.model import Outcome, at_most, exactly
from lab.drills.newcomers import Curse, crashes_at_start, dies_at_boot, program_of
from lab.drills.node import Node
from lab.drills.people import paged
from lab.drills.stage import Situation, Stage

_IN_A_ROW = 3  # replacements that did not live, after which another one would not either
_UNDER_WAY = 1  # the group launches the next one while the last still terminates: before anybody can hold it
_WATCH_S = 60.0  # after the end of the ladder: long enough for the group to launch two more, were it let
_LADDERS_END = ("escalated", "exhausted")


def boot_loop(stage: Stage, before: Situation, limit_s: float) -> Outcome:
    """Every machine that is to take the lost one's place dies as soon as it runs."""
    with Curse(stage, dies_at_boot(stage, before.launched)) as curse:
        return _to_a_person(stage, before, terminate_holder(stage, before), limit_s, curse)


def crash_loop(stage: Stage, before: Situation, limit_s: float) -> Outcome:
    """The application crashes at every start, on every machine: as over data that it cannot read."""
    node = Node(stage, before.holder)
    server = node.must(node.server, "process that listens on the clients' port")
    program = program_of(stage, before.holder, server.argv)
    at = time.time()
    with Curse(stage, crashes_at_start(stage, program)) as curse:
        return _to_a_person(stage, before, at, limit_s, curse)


def _to_a_person(stage: Stage, before: Situation, at: float, limit_s: float, curse: Curse) -> Outcome:
    """A person is called and no further machine is spent; once machines live and the group is let go, clients are served again."""
    wait_for(lambda: _called_at(stage, before, at) is not None, timeout_s=stage.patience_s, every_s=0.5)
    called_at = _called_at(stage, before, at)
    spent = len(stage.situation().launched - before.launched)
    if called_at is not None:
        time.sleep(_WATCH_S)
    launched = len(stage.situation().launched - before.launched)
    # Where AWS's own windows are shortened, machines come and go faster than they could be looked at.
    most = (_IN_A_ROW + _UNDER_WAY) * (1 if stage.time_scale == 1.0 else 2)
    ends = _ends(stage, before)
    curse.lift()
    again_at = time.time()
    operator.say(stage, "resume", stage.slot.assembly, "--reason", "machines live again")
    served = wait_for(lambda: stage.client.good_since(again_at, count=10), timeout_s=stage.patience_s)
    promises = (
        at_most("until a person was called", called_at - at if called_at is not None else None, limit_s, "s"),
        at_most("machines launched until then", float(spent), most, "machines"),
        at_most("machines launched after that", float(launched - spent), _UNDER_WAY, "machines"),
        exactly("incidents that ended with a person", len(ends), 1),
        exactly("clients are served again, once machines live and the group is let go", int(served), 1),
    )
    return Outcome(promises, None, time.time())


def _ends(stage: Stage, before: Situation) -> list[dict[str, Any]]:
    fresh = (item for sk, item in stage.ended_incidents().items() if sk not in before.ended)
    return [item for item in fresh if item.get("state") in _LADDERS_END and item.get("escalated_to") == "person"]


def _called_at(stage: Stage, before: Situation, since: float) -> float | None:
    """When the message went out that tells of such an end."""
    ids = [str(item["id"]) for item in _ends(stage, before)]
    return next((message.at for message in paged(stage, since) if any(id_ in message.text for id_ in ids)), None)

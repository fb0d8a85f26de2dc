"""The drill in which a group has two nodes for a while: one serves, the other waits."""

from __future__ import annotations

import time

from lab.drills import measure, operator
from lab.drills.model import Outcome, at_most, exactly
from lab.drills.stage import Situation, Stage

_WAITS_S = 10.0  # how long the second node must go on waiting once it has reported


def second_node(stage: Stage, before: Situation, limit_s: float) -> Outcome:
    """Launch before terminate: for a while the group has two, and one of them may not serve."""
    began = time.time()
    operator.say(stage, "pause", stage.slot.assembly, "--for", "30m", "--reason", "the group has two for a while")
    stage.tell("the group is told to have two for a while (MaxSize 2, DesiredCapacity 2)")
    stage.cloud.resize(stage.slot, most=2, desired=2)
    try:
        told = _watch_newcomer(stage, before)
        fresh = sorted(stage.situation().launched - before.launched)
    finally:
        _take_away(stage, before)
        operator.say(stage, "resume", stage.slot.assembly, "--reason", "it has one again")
    missing = stage.wait_steady(stage.patience_s)
    if missing:
        stage.tell(f"not steady again: {missing}")
    until = time.time()
    after = stage.situation()
    served = sum(not serving.isdisjoint(fresh) for at, serving in stage.census.rounds if at >= began)
    gap = measure.longest_gap(stage.samples(began), since=began)
    promises = (
        exactly("machines launched", len(after.launched - before.launched), 1),
        exactly("the second node came up and reported", int(bool(told)), 1),
        exactly("its reports that say other than waiting under epoch 0", sum(said != ("waiting", 0) for said in told), 0),
        exactly("moments in which it served", served, 0),
        at_most("the client's gap", gap.seconds if gap else None, limit_s, "s"),
        exactly("changes of the permit", int((after.holder, after.epoch) != (before.holder, before.epoch)), 0),
        exactly("incidents", len(after.ended - before.ended) + (stage.open_incident() is not None), 0),
        exactly("steady again with the first node alone", int(not missing), 1),
    )
    return Outcome(promises, None, until)


def _watch_newcomer(stage: Stage, before: Situation) -> list[tuple[str, int]]:
    """(phase, epoch) of every report by a node that was not there before, until the first is _WAITS_S old; [] when none came."""
    told: list[tuple[str, int]] = []
    seen: set[tuple[str, int]] = set()
    first_at: float | None = None
    end = time.monotonic() + stage.patience_s
    while time.monotonic() < end and (first_at is None or time.monotonic() < first_at + _WAITS_S):
        for report in stage.reports():
            instance, word = str(report["sk"]).removeprefix("REPORT#"), int(report["seq"])
            if instance in before.launched or (instance, word) in seen:
                continue
            seen.add((instance, word))
            told.append((str(report["phase"]), int(report["epoch"])))
            if first_at is None:
                first_at = time.monotonic()
                stage.tell(f"{instance} reports: {report['phase']}, epoch {report['epoch']}")
        time.sleep(0.2)
    return told


def _take_away(stage: Stage, before: Situation) -> None:
    """The newcomer itself, for a group left to choose would take the oldest; then there is room for one again."""
    members = [i for i in stage.cloud.instances(stage.slot) if i.id not in before.launched and i.lifecycle != "-"]
    for member in members:
        stage.tell(f"{member.id} is taken away again")
        stage.cloud.take_out(member.id)
    stage.cloud.resize(stage.slot, most=1, desired=1)

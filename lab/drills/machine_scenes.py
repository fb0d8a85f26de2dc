"""The drills that lose a machine."""

from __future__ import annotations

import time
from typing import Any

from lab.drills import measure, until_kill
from lab.drills.cloud import summary_of, wait_for
from lab.drills.model import Outcome, at_most, exactly
from lab.drills.stage import CALL_S, Situation, Stage

_FRONT_LOOKED_AT = ("tried from outside", "read back, not tried")  # what an incident's record says of its front


def replaced(stage: Stage, before: Situation, fault_at: float, limit_s: float) -> tuple[Outcome, dict[str, Any]]:
    """What every drill that loses a machine promises; and the closed incident's record ({} when there is none)."""
    wait_for(lambda: stage.recovered(before, fault_at), timeout_s=stage.patience_s, every_s=0.5)
    until = time.time()
    after = stage.situation()
    fresh = [item for sk, item in stage.ended_incidents().items() if sk not in before.ended]
    closed = [item for item in fresh if item.get("state") == "recovered"]
    gap = measure.longest_gap(stage.samples(fault_at), since=fault_at)
    served = gap is not None and stage.client.good_since(fault_at, count=5)
    ours = None
    if gap is not None and served:
        ours = stage.split(gap)[1]
    gone_at = stage.terminated_at(before.holder, since=fault_at)
    permit_at = stage.permitted_at(after.epoch, since=fault_at)
    in_order = gone_at is not None and permit_at is not None and gone_at <= permit_at
    record = closed[0] if closed else {}
    on_holder = stage.cloud.front_holder(stage.slot) == after.holder != before.holder
    # The group alone would bring the front along with a new node; that it was looked at is the recovery's own work.
    looked_at = record.get("new_instance") == after.holder and record.get("front") in _FRONT_LOOKED_AT
    promises = (
        exactly("clients are served again at the same address", int(served), 1),
        at_most("our share of the gap", ours, limit_s, "s"),
        exactly("machines launched", len(after.launched - before.launched), 1),
        exactly("epochs passed", after.epoch - before.epoch, 1),
        exactly("front on the permit's holder, and the incident says it was looked at", int(on_holder and looked_at), 1),
        exactly("old node seen terminated before the new permit", int(in_order), 1),
        exactly("incidents closed as recovered", len(closed), 1),
    )
    return Outcome(promises, summary_of(record) if closed else None, until), record


def kill_instance(stage: Stage, before: Situation, limit_s: float) -> Outcome:
    return _killed(stage, before, limit_s)[0]


def _killed(stage: Stage, before: Situation, limit_s: float) -> tuple[Outcome, dict[str, Any]]:
    return replaced(stage, before, terminate_holder(stage, before), limit_s)


def terminate_holder(stage: Stage, before: Situation) -> float:
    """Behind our back; when, in seconds since the epoch."""
    at = time.time()
    stage.tell(f"terminated {before.holder} behind our back (EC2 API, no OS shutdown)")
    stage.cloud.clients["ec2"].terminate_instances(InstanceIds=[before.holder], SkipOsShutdown=True)
    return at


def freeze_instance(stage: Stage, before: Situation, limit_s: float) -> Outcome:
    at = time.time()
    stage.cloud.control("freeze", instance=before.holder)
    outcome, record = replaced(stage, before, at, limit_s)
    evidence = stage.evidence_before_kill(before.holder, since=at)
    # The sweep may see the alarm's state in the very moment in which its action is on the way: then both woke the recovery.
    confirmed_at = float(record.get("confirmed_ms", 0)) / 1000
    by_alarm = record.get("woken_by") == "alarm" or stage.alarm_called(since=at, until=confirmed_at)
    more = (
        exactly("the alarm noticed it", int(bool(record) and by_alarm), 1),
        exactly("evidence kept before the kill", int(evidence), 1),
    )
    kill = until_kill.after_silence(stage, before.holder, since=at)
    return Outcome((*outcome.promises, *more), outcome.incident, outcome.until, kill)


_IN_FLIGHT_S = 3.0  # several times what an event takes: those sent before the fault are no part of it


def lost_events(stage: Stage, before: Situation, limit_s: float) -> Outcome:
    stage.cloud.control("drop-events", on=True)
    try:
        time.sleep(_IN_FLIGHT_S)
        at = time.time()
        wait_for(lambda: not stage.recovery_under_way(begun_before=at), timeout_s=CALL_S)
        outcome, record = _killed(stage, before, limit_s)
    finally:
        stage.cloud.control("drop-events", on=False)
    by_sweep = exactly("the sweep noticed it", int(record.get("woken_by") == "tick"), 1)
    return Outcome((*outcome.promises, by_sweep), outcome.incident, outcome.until)

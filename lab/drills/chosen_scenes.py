"""The drills of what a file may choose instead of waiting for people: to go on without EC2's word, to replace on one signal."""

from __future__ import annotations

import time

from lab.drills.cloud import wait_for
from lab.drills.doubt import Doubt
from lab.drills.machine_scenes import replaced
from lab.drills.measure import Gap
from lab.drills.model import Outcome, at_most, exactly
from lab.drills.stage import CALLS_A_PERSON, Situation, Stage
from lab.drills.variants import DISAGREEMENT_S, FENCE_TIMEOUT_S

_PATIENT = 86_400.0  # for whom the time without service is what the file chose


def fence_proceed(stage: Stage, before: Situation, limit_s: float) -> Outcome:
    """Frozen, so that of the old machine nothing can be heard; EC2 stays at `shutting-down` until all is over."""
    at = time.time()
    stage.cloud.control("hold-terminations", on=True)
    try:
        stage.cloud.control("freeze", instance=before.holder)
        wait_for(lambda: stage.recovered(before, at), timeout_s=stage.patience_s, every_s=0.5)
        after = stage.situation()
        asked = stage.asked_to_end(before.holder, since=at)
        permit_at = stage.permitted_at(after.epoch, since=at) if after.epoch > before.epoch else None
        paged = [when for when, subject in stage.told_people(at) if CALLS_A_PERSON in subject]
        served = stage.client.good_since(at, count=5)
        gone = stage.terminated_at(before.holder, since=at) is not None
    finally:
        stage.cloud.control("hold-terminations", on=False)
    waited_s = permit_at - asked if permit_at is not None and asked is not None else None
    promises = (
        exactly("clients are served again at the same address", int(served), 1),
        exactly("EC2 said that the old one is terminated", int(gone), 0),
        exactly("pages, all before the new permit", sum(permit_at is not None and when < permit_at for when in paged), 1),
        exactly("the chosen time was waited out first", int(waited_s is not None and waited_s >= FENCE_TIMEOUT_S), 1),
        at_most("from the kill to the new permit", waited_s, limit_s, "s"),
        exactly("epochs passed", after.epoch - before.epoch, 1),
        exactly("incidents", len(after.ended - before.ended), 1),
        exactly("steady again once EC2 says so", int(not stage.wait_steady()), 1),
    )
    return Outcome(promises, None, time.time())


def disagreement_replace(stage: Stage, before: Situation, limit_s: float) -> Outcome:
    doubt = Doubt(stage, before)
    ports = sorted({doubt.node.port, *stage.slot.ports, *doubt.node.own_ports()})
    at = float(doubt.node.do("cut", wire="callers", ports=ports, on=True)["at"])
    outcome, record = replaced(stage, before, at, _PATIENT)
    asked = stage.asked_to_end(before.holder, since=at)
    opened_at = float(record.get("opened_ms", 0)) / 1000
    told = [when for when, _ in stage.told_people(at)]
    waited_s = asked - opened_at if asked is not None and record else None
    # It serves on until another one has booted, and that time is AWS's.
    ours_s = stage.split(Gap(opened_at, asked))[1] if asked is not None and record else None
    promises = (
        *(promise for promise in outcome.promises if promise.limit != _PATIENT),
        exactly("people were told before it was done", int(bool(told) and asked is not None and told[0] < asked), 1),
        exactly("the chosen time was waited out first", int(waited_s is not None and waited_s >= DISAGREEMENT_S), 1),
        at_most("from the first doubt to the kill, less AWS's own", ours_s, limit_s, "s"),
    )
    return Outcome(promises, outcome.incident, outcome.until)

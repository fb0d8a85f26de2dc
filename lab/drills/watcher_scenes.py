"""The drills that trouble those who watch and act: an outage of theirs is no outage of the fleet, and a step that is cut short goes on."""

from __future__ import annotations

import time

from lab.drills import operator
from lab.drills.cloud import wait_for
from lab.drills.machine_scenes import replaced
from lab.drills.model import Outcome, at_most, exactly
from lab.drills.node import Node
from lab.drills.quiet import gap_s, nobody_stirs, restarted, served_again
from lab.drills.sabotage import clear_lost_work
from lab.drills.stage import BEGINS, CALL_S, CALLS_A_PERSON, ENDS_WELL, Situation, Stage

_OUT_S = 180.0  # three minutes without a look, a metric, or an evaluation
_BACK_S = 75.0  # what was kept waiting comes all at once, and the alarm sees three new points
_UNFELT_S = 2.0  # as of a cut that is no client's business


def monitor_outage(stage: Stage, before: Situation, limit_s: float) -> Outcome:
    node = Node(stage, before.holder)
    restarts = node.restarts()
    at = float(stage.cloud.control("outage", of=["functions", "alarms"])["at"])
    try:
        time.sleep(_OUT_S)
        looked = stage.cloud.health(stage.slot)
    finally:
        back = float(stage.cloud.control("outage", of=[])["at"])
    watched = wait_for(lambda: stage.cloud.health(stage.slot) == 1, timeout_s=3 * limit_s)
    again_s = time.time() - back if watched else None
    stirs = nobody_stirs(stage, before, for_s=_BACK_S)
    promises = (
        exactly("sweeps told during the outage", int(looked is not None), 0),
        at_most("from its end until the node is watched again", again_s, limit_s, "s"),
        *stirs,
        restarted(node, restarts, 0),
        at_most("the client's gap", gap_s(stage, at), _UNFELT_S, "s"),
    )
    until = time.time()
    clear_lost_work(stage.cloud)  # what Lambda gave up meanwhile: an operator who was told of it would
    stage.wait_steady()
    return Outcome(promises, None, until)


# One kill each: nobody knows yet that the evidence is kept; that the machine is being ended; that people were told.
_POINTS = (
    ("recover_assembly", "s3:PutObject"),
    ("recover_assembly", "autoscaling:TerminateInstanceInAutoScalingGroup"),
    ("recover_assembly", "sns:Publish"),
)


def lambda_crash(stage: Stage, before: Situation, limit_s: float) -> Outcome:
    at = time.time()
    stage.cloud.control("crash", points=_POINTS)
    try:
        stage.cloud.control("freeze", instance=before.holder)
        outcome, _ = replaced(stage, before, at, limit_s)
        reached = stage.cloud.control("crashed")["points"]
    finally:
        stage.cloud.control("crash", points=[])
    opened = [subject for _, subject in stage.told_people(at) if BEGINS in subject]
    promises = (
        exactly("times the recovery was killed between two effects", len(reached), len(_POINTS)),
        *outcome.promises,
        at_most("messages that it begins", len(opened), 2, "times"),
        exactly("evidence kept before the kill", int(stage.evidence_before_kill(before.holder, since=at)), 1),
    )
    if outcome.incident is not None:
        stage.wait_steady(_FORGOTTEN_S)
    return Outcome(promises, outcome.incident, outcome.until)


_FORGOTTEN_S = 400.0  # two of the last five minutes had errors: for as long the alarm of our own functions rings, and rightly
_LATE_S = (2.0, 20.0)


def duplicate_events(stage: Stage, before: Situation, limit_s: float) -> Outcome:
    """Frozen, so that alarm, messages and group all take part; what EC2 says of the end comes twice as well."""
    stage.cloud.control("repeat-events", after_s=_LATE_S)
    try:
        at = time.time()
        wait_for(lambda: not stage.recovery_under_way(begun_before=at), timeout_s=CALL_S)
        at = time.time()
        stage.cloud.control("freeze", instance=before.holder)
        outcome, _ = replaced(stage, before, at, limit_s)
        time.sleep(max(_LATE_S) + 10.0)  # the second word on all of it
    finally:
        stage.cloud.control("repeat-events", after_s=[])
    told = [subject for _, subject in stage.told_people(at)]
    after = stage.situation()
    promises = (
        *outcome.promises,
        exactly("machines launched when all had come twice", len(after.launched - before.launched), 1),
        exactly("incidents", len(after.ended - before.ended) + (stage.open_incident() is not None), 1),
        exactly("messages that it begins", sum(BEGINS in subject for subject in told), 1),
        exactly("messages that it ended", sum(ENDS_WELL in subject for subject in told), 1),
    )
    return Outcome(promises, outcome.incident, time.time())


_DECIDED_S = 120.0  # beyond that EC2's own check finds a frozen machine, and its group replaces it: shadow mode holds no group


def shadow(stage: Stage, before: Situation, limit_s: float) -> Outcome:
    """Frozen, and thawed again once the incident has said what would have been done."""
    node = Node(stage, before.holder)
    restarts, server = node.restarts(), node.must(node.server, "process that listens on the clients' port")
    operator.say(stage, "shadow", stage.slot.assembly, "--reason", "a drill", "--for", "10m")
    try:
        at = time.time()
        stage.cloud.control("freeze", instance=before.holder)
        wait_for(lambda: bool(set(stage.ended_incidents()) - before.ended), timeout_s=_DECIDED_S, every_s=0.5)
        decided_s = time.time() - at
        ended = [item for sk, item in stage.ended_incidents().items() if sk not in before.ended]
        thawed = time.time()
        stage.cloud.control("thaw", instance=before.holder)
        served = served_again(stage, thawed)
    finally:
        operator.say(stage, "resume", stage.slot.assembly, "--reason", "the drill is over")
    missing = stage.wait_steady()
    after, same = stage.situation(), node.server()
    promises = (
        at_most("until the incident says what would have been done", decided_s if ended else None, limit_s, "s"),
        exactly("incidents", len(ended), 1),
        exactly("of them suppressed for shadow mode", sum("shadow" in str(item.get("reason")) for item in ended), 1),
        exactly("machines launched", len(after.launched - before.launched), 0),
        exactly("changes of the permit", int((after.holder, after.epoch) != (before.holder, before.epoch)), 0),
        served,
        exactly("the same process serves", int(same is not None and same.pid == server.pid), 1),
        restarted(node, restarts, 0),
        exactly(f"steady again{': ' if missing else ''}{missing}", int(not missing), 1),
    )
    return Outcome(promises, None, time.time())


_PAGED_S = 420.0  # after five minutes people are paged, once the fault has been noticed


def fence_unconfirmed(stage: Stage, before: Situation, limit_s: float) -> Outcome:
    """Cut off and asked to end, the machine runs on, and EC2 says `shutting-down` for minutes.

    Its agent may hear of the end from the machine's own metadata, which no cut wire takes away, and stop the applications:
    nobody else can know that it did.
    """
    node = Node(stage, before.holder)
    at = time.time()
    stage.cloud.control("hold-terminations", on=True)
    try:
        node.do("link", up=False)
        paged = wait_for(lambda: _pages(stage, at) > 0, timeout_s=_PAGED_S, every_s=1.0)
        paged_s = time.time() - at if paged else None
        still = node.agent() is not None
        during = stage.situation()
        others = _others_that_serve(stage, before, at)
    finally:
        stage.cloud.control("hold-terminations", on=False)
    released = time.time()
    outcome, _ = replaced(stage, before, at, PAST_ALL)
    promises = (
        at_most("until people are paged", paged_s, limit_s, "s"),
        exactly("pages", _pages(stage, at), 1),
        exactly("the old machine ran all the while", int(still), 1),
        exactly("changes of the permit before EC2 said terminated", int((during.holder, during.epoch) != (before.holder, before.epoch)), 0),
        exactly("moments in which another machine served before", others, 0),
        *(promise for promise in outcome.promises if promise.limit != PAST_ALL and promise.name != "machines launched"),
        at_most("from its word to the new permit", _permit_after(stage, released), _RESUMED_S, "s"),
    )
    return Outcome(promises, outcome.incident, outcome.until)


PAST_ALL = 86_400.0  # for whom the time without service is EC2's own
_RESUMED_S = 90.0


def _pages(stage: Stage, since: float) -> int:
    return sum(CALLS_A_PERSON in subject for _, subject in stage.told_people(since))


def _others_that_serve(stage: Stage, before: Situation, since: float) -> int:
    return sum(bool(serving - {before.holder}) for at, serving in stage.census.rounds if at >= since)


def _permit_after(stage: Stage, since: float) -> float | None:
    at = stage.permitted_at(stage.situation().epoch, since=since)
    return None if at is None else at - since

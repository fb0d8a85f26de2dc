"""The drills: what each breaks, what must hold, and within what limit."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lab.drills import measure
from lab.drills.cloud import summary_of, wait_for
from lab.drills.model import Outcome, at_most, exactly
from lab.drills.second_node import second_node
from lab.drills.stage import CALL_S, Situation, Stage

_FRONT_LOOKED_AT = ("tried from outside", "read back, not tried")  # what an incident's record says of its front


@dataclass(frozen=True, slots=True)
class Drill:
    """fault and promise: a sentence each, for --list and the table in the docs."""

    name: str
    fault: str
    promise: str
    limit_s: float
    play: Callable[[Stage, Situation, float], Outcome]


def _kill_application(stage: Stage, before: Situation, limit_s: float) -> Outcome:
    port = stage.slot.ports[0]
    old = stage.cloud.control("listener", instance=before.holder, port=port)
    killed_at = float(stage.cloud.control("kill", instance=before.holder, pid=old["pid"])["at"])

    def again() -> bool:
        try:
            return bool(stage.cloud.control("listener", instance=before.holder, port=port)["pid"] != old["pid"])
        except LookupError:
            return False

    back = wait_for(again, timeout_s=60, every_s=0.05)
    new = stage.cloud.control("listener", instance=before.holder, port=port) if back else None
    served = wait_for(lambda: stage.client.good_since(killed_at, count=10), timeout_s=30)
    wait_for(lambda: stage.open_incident() is not None, timeout_s=10)  # long enough for a wrong incident to show itself
    after = stage.situation()
    until = time.time()
    # The gap, less the time from the new process' start to its first answer, is what we added.
    added = None
    gap = measure.longest_gap(stage.samples(killed_at), since=killed_at)
    if new is not None and gap is not None:
        added = max(0.0, float(new["started_at"]) - killed_at)
    promises = (
        exactly("clients are served again", int(served), 1),
        at_most("added to the application's own start", added, limit_s, "s"),
        exactly("incidents", len(after.ended - before.ended) + (stage.open_incident() is not None), 0),
        exactly("machines replaced", len(after.launched - before.launched), 0),
        exactly("changes of the permit", after.epoch - before.epoch, 0),
    )
    return Outcome(promises, None, until)


def _node_outcome(stage: Stage, before: Situation, fault_at: float, limit_s: float) -> tuple[Outcome, dict[str, Any]]:
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
        lines = stage.lines(fault_at - 1.0)
        ours = measure.split(lines, gap)[1]
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


def _kill_instance(stage: Stage, before: Situation, limit_s: float) -> Outcome:
    return _killed(stage, before, limit_s)[0]


def _killed(stage: Stage, before: Situation, limit_s: float) -> tuple[Outcome, dict[str, Any]]:
    at = time.time()
    stage.tell(f"terminated {before.holder} behind our back (EC2 API, no OS shutdown)")
    stage.cloud.clients["ec2"].terminate_instances(InstanceIds=[before.holder], SkipOsShutdown=True)
    return _node_outcome(stage, before, at, limit_s)


def _freeze_instance(stage: Stage, before: Situation, limit_s: float) -> Outcome:
    at = time.time()
    stage.cloud.control("freeze", instance=before.holder)
    outcome, record = _node_outcome(stage, before, at, limit_s)
    evidence = stage.evidence_before_kill(before.holder, since=at)
    # The sweep may see the alarm's state in the very moment in which its action is on the way: then both woke the recovery.
    confirmed_at = float(record.get("confirmed_ms", 0)) / 1000
    by_alarm = record.get("woken_by") == "alarm" or stage.alarm_called(since=at, until=confirmed_at)
    more = (
        exactly("the alarm noticed it", int(bool(record) and by_alarm), 1),
        exactly("evidence kept before the kill", int(evidence), 1),
    )
    return Outcome((*outcome.promises, *more), outcome.incident, outcome.until)


_IN_FLIGHT_S = 3.0  # several times what an event takes: those sent before the fault are no part of it


def _lost_events(stage: Stage, before: Situation, limit_s: float) -> Outcome:
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


_ALONE_S = 600.0
_MEMORY_GROWTH_MB = 20.0  # what ten minutes of sweeps may leave behind in the emulator before "flat" is untrue


def _leave_alone(stage: Stage, before: Situation, limit_s: float) -> Outcome:
    """Nothing is broken: nothing may happen. The emulator's memory is taken after a minute, when its caches are warm."""
    began = time.time()
    rang: set[str] = set()
    warm = None
    while time.time() < began + limit_s:
        time.sleep(5.0)
        rang |= {name for name, state in stage.cloud.alarms().items() if state == "ALARM"}
        if warm is None and time.time() > began + limit_s / 10:
            warm = float(stage.cloud.control("memory")["rss_mb"])
    grown = float(stage.cloud.control("memory")["rss_mb"]) - (warm or 0.0)
    after = stage.situation()
    restarts = sum(int(app["restarts"]) for report in stage.reports() for app in report["applications"].values())
    promises = (
        exactly("incidents", len(after.ended - before.ended) + (stage.open_incident() is not None), 0),
        exactly("restarts of applications", restarts - stage.restarts_before, 0),
        exactly("alarms that rang", len(rang), 0),
        exactly("machines replaced", len(after.launched - before.launched), 0),
        at_most("growth of the emulator's memory", max(0.0, grown), _MEMORY_GROWTH_MB, "MB"),
    )
    return Outcome(promises, None, time.time())


DRILLS: dict[str, Drill] = {
    drill.name: drill
    for drill in (
        Drill(
            "kill-application",
            "the application's process is killed (SIGKILL)",
            "the agent alone starts it again; no incident, no new machine",
            0.1,
            _kill_application,
        ),
        Drill(
            "kill-instance",
            "the machine is terminated behind our back",
            "another machine serves at the same address under the next epoch",
            15.0,
            _kill_instance,
        ),
        Drill(
            "freeze-instance",
            "everything on the machine stops answering, as on a hung one",
            "noticed from outside, fenced, replaced; the evidence is kept first",
            60.0,
            _freeze_instance,
        ),
        Drill(
            "lost-events",
            "kill-instance while every event, stream record and alarm action is lost",
            "the sweep alone finds out and recovers, only later",
            180.0,
            _lost_events,
        ),
        Drill(
            "second-node",
            "the group is told to have two for a while, as rebalancing and instance refresh do",
            "the second node waits and never serves; the first goes on, and no incident is opened",
            1.0,
            second_node,
        ),
        Drill(
            "leave-alone",
            "nothing, for ten minutes",
            "no incident, no restart, no alarm; the emulator's memory stays flat",
            _ALONE_S,
            _leave_alone,
        ),
    )
}

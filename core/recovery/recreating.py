"""Rules while a new node is to come: it is its group's to launch, and admit_node's to let in."""

from __future__ import annotations

from core.records import Phase
from core.recovery.case import Case
from core.recovery.incident import State
from core.recovery.snapshot import View
from core.recovery.steps import Adopt, End, Lose, NudgeGroup, Step, Tell, Wait

RUNNING, ESCALATED = Phase.RUNNING, State.ESCALATED


def nudge(case: Case) -> Step:
    return NudgeGroup(case.node)


def died(case: Case) -> Step | None:
    """A replacement that is gone: a member, or the one that had been permitted."""
    view, permit = case.view, case.view.permit
    for instance in view.lost:
        permitted = permit is not None and permit.epoch > case.incident.epoch
        if (permitted or instance in view.members) and _is_news(case, instance):
            return _lose(view, instance)
    return None


def _is_news(case: Case, instance: str) -> bool:
    return instance != case.node and instance not in case.incident.tried


def _lose(view: View, instance: str) -> Lose:
    return Lose(instance, lambda: f"replacement {instance} is {view.state_of(instance)} before it served")


def late(case: Case) -> Step | None:
    incident, policy = case.incident, case.policy
    if "late" in incident.told:
        return None
    late_ms = case.view.now_ms - (incident.isolated_ms or incident.state_ms)
    # In a rung it also waits for those that stop, for the database, and for those that start before it.
    others_s = policy.rung_stop_s + policy.database_s if incident.ladder else 0.0
    if late_ms <= (policy.fence_page_s + case.view.watched.start_grace_s + others_s) * 1000:
        return None
    return Tell("late", lambda: f"{late_ms // 1000} s after {case.node} was fenced no new node runs")


def unpermitted(case: Case) -> Step:
    return Wait(lambda: f"waiting for a new node to be permitted; the group has {_others(case) or 'none yet'}")


def _others(case: Case) -> str:
    return ", ".join([member for member in case.view.members if member != case.node])


def runs(case: Case) -> Step | None:
    permit = case.view.permit
    assert permit is not None, "the rule before asked"
    report = case.view.reports.get(permit.instance)
    if report is None or report.epoch != permit.epoch or report.phase is not RUNNING or case.view.nodes[permit.instance].gone:
        return None  # the last word of one that is gone is that it runs: taken up for that, it would be lost again at once, three times
    return Adopt(permit.instance, permit.epoch, lambda: f"{permit.instance} runs under epoch {permit.epoch}: verifying")


def idle(case: Case) -> Step | None:
    """It was let in and then hung, stopped or released before it was seen to run: this one ends, so that another may be opened about it."""
    view, permit = case.view, case.view.permit
    assert permit is not None, "the rules before asked"
    member = view.members.get(permit.instance)
    if member is None or member.lifecycle != "InService" or view.now_ms - permit.at_ms <= case.policy.verify_ms:
        return None
    return End(ESCALATED, f"{permit.instance} was let in and is not seen to run: it is suspected itself now")


def not_up_yet(case: Case) -> Step:
    permit = case.view.permit
    assert permit is not None, "the rules before asked"
    return Wait(lambda: f"{permit.instance} is permitted (epoch {permit.epoch}): waiting for it to run")

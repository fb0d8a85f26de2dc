"""Rules for a new node that runs: recovered is said only of one in service, with the front on it, that answers."""

from __future__ import annotations

from collections.abc import Callable

from core.model import FrontKind, Verdict
from core.records import Phase
from core.recovery.case import Case
from core.recovery.incident import State
from core.recovery.snapshot import SERVES
from core.recovery.steps import End, Lose, NoteFront, PlaceFront, Step, TakeLook, Wait

ESCALATED, RECOVERED = State.ESCALATED, State.RECOVERED
NLB, NO_FRONT = FrontKind.NLB, FrontKind.NONE
RUNNING, HEALTHY = Phase.RUNNING, Verdict.HEALTHY


def lost(case: Case) -> Step | None:
    view, node, permit = case.view, case.incident.new_instance, case.view.permit
    if not view.is_gone(node) and permit is not None and permit.epoch == case.incident.new_epoch:
        return None
    return Lose(node, f"{node} is {view.state_of(node)} before it was verified")


def too_late(case: Case) -> Step | None:
    view, policy = case.view, case.policy
    if view.watched.front.kind is NLB and view.now_ms - case.incident.state_ms <= (policy.verify_s + policy.new_target_s) * 1000:
        return None
    for rule in MISSING if _front_unseen(case) else MISSING_BESIDES:
        missing = rule(case)
        if missing is not None:
            why = "not verified in time: " + (missing.reason if isinstance(missing, Wait) else type(missing).__name__)
            return End(ESCALATED, why, "person")
    return None


def not_well(case: Case) -> Step | None:
    node = case.incident.new_instance
    report = case.view.reports.get(node)
    if report is not None and report.epoch == case.incident.new_epoch and report.phase is RUNNING and report.verdict in SERVES:
        return None
    return Wait(f"{node} does not report running and well yet")


def not_in_service(case: Case) -> Step | None:
    node = case.incident.new_instance
    lifecycle = case.view.lifecycle_of(node)
    return None if lifecycle == "InService" else Wait(f"{node} is not in service yet: {lifecycle or 'not in the group'}")


def front_away(case: Case) -> Step | None:
    front, node = case.view.front, case.incident.new_instance
    return PlaceFront(node) if front is None or front.held_by != node else None


def front_silent(case: Case) -> Step | None:
    front = case.view.front
    if front is None or front.tried is not False:
        return None
    return Wait(f"the front is on {case.incident.new_instance} and does not answer yet")


def front_seen(case: Case) -> Step:
    front = case.view.front
    assert front is not None, "the rules before asked"
    return NoteFront(case.incident.new_instance, "tried from outside" if front.tried else "read back, not tried")


def look(case: Case) -> Step | None:
    fresh = case.view.fresh.get(case.incident.new_instance)
    if fresh is not None and case.view.now_ms - fresh.taken_ms <= case.policy.look_fresh_s * 1000:
        return None
    return TakeLook(case.incident.new_instance)


def unanswered(case: Case) -> Step | None:
    node = case.incident.new_instance
    fresh = case.view.fresh.get(node)
    if fresh is None or fresh.look.verdict is HEALTHY:
        return None
    return Wait(f"a look at {node} is not answered yet (HA port: {fresh.look.ha}; HTTP: {fresh.look.http})", 2.0)


def recovered(case: Case) -> Step:
    return End(RECOVERED, case.incident.reason)


def _front_unseen(case: Case) -> bool:
    return not case.incident.front and case.view.watched.front.kind is not NO_FRONT


# What is still to be seen, in order; the rules that follow too_late.
MISSING: tuple[Callable[[Case], Step | None], ...] = (not_well, not_in_service, front_away, front_silent, front_seen, look, unanswered)
MISSING_BESIDES = (not_well, not_in_service, look, unanswered)  # where there is no front, or it was seen

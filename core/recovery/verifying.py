"""Rules for a new node that runs: recovered is said only of one in service, with the front on it, that answers."""

from __future__ import annotations

from collections.abc import Callable

from core.model import FrontKind
from core.recovery import facts
from core.recovery.case import Case
from core.recovery.incident import State
from core.recovery.steps import End, Lose, NoteFront, PlaceFront, Step, TakeLook, Wait

ESCALATED, RECOVERED = State.ESCALATED, State.RECOVERED
NLB = FrontKind.NLB


def lost(case: Case) -> Step:
    node = case.incident.new_instance
    return Lose(node, lambda: f"{node} is {case.view.state_of(node)} before it was verified")


def too_late(case: Case) -> Step | None:
    view, policy = case.view, case.policy
    if view.watched.front.kind is NLB and view.now_ms - case.incident.state_ms <= (policy.verify_s + policy.new_target_s) * 1000:
        return None
    return End(ESCALATED, lambda: f"not verified in time: {_missing(case)}", "person")


def _missing(case: Case) -> str:
    """The first of what is still to be seen."""
    given = facts.verifying(case)
    steps = (rule(case) for fact, rule in MISSING if given & fact)
    first = next(step for step in steps if step is not None)
    return first.reason if isinstance(first, Wait) else type(first).__name__


def not_well(case: Case) -> Step:
    return Wait(f"{case.incident.new_instance} does not report running and well yet")


def not_in_service(case: Case) -> Step:
    node = case.incident.new_instance
    return Wait(lambda: f"{node} is not in service yet: {case.view.lifecycle_of(node) or 'not in the group'}")


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


def look(case: Case) -> Step:
    return TakeLook(case.incident.new_instance)


def unanswered(case: Case) -> Step:
    return Wait(lambda: _unanswered(case), 2.0)


def _unanswered(case: Case) -> str:
    node = case.incident.new_instance
    look = case.view.fresh[node].look
    return f"a look at {node} is not answered yet (HA port: {look.ha}; HTTP: {look.http})"


def recovered(case: Case) -> Step:
    return End(RECOVERED, case.incident.reason)


# What is still to be seen, in order; the rules that follow too_late.
MISSING: tuple[tuple[int, Callable[[Case], Step | None]], ...] = (
    (facts.UNWELL, not_well), (facts.OUTSIDE, not_in_service), (facts.FRONT_UNSEEN, front_away), (facts.FRONT_UNSEEN, front_silent),
    (facts.FRONT_UNSEEN, front_seen), (facts.UNSEEN, look), (facts.UNANSWERED, unanswered),
)  # fmt: skip

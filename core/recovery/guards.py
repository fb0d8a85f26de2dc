"""Rules for a confirmed incident: what holds its replacement back, in order.

What EC2 says is gone is replaced by its group whatever we say, so neither meltdown nor budget holds that back; it is counted all the same.
"""

from __future__ import annotations

from core.policy import Policy
from core.recovery.case import Case
from core.recovery.incident import Cause, Incident, State
from core.recovery.snapshot import View
from core.recovery.steps import End, Move, Spend, Step, Tell

ESCALATED, EXHAUSTED, ISOLATING, SUPPRESSED = State.ESCALATED, State.EXHAUSTED, State.ISOLATING, State.SUPPRESSED
GONE = Cause.GONE
DEPLOYABLE, PERSON = "deployable", "person"
WITHIN_BUDGET = Move(ISOLATING, "within the budget: isolating")


def paused(case: Case) -> Step | None:
    """It is down and stays so for as long: somebody must know."""
    said = case.view.paused
    return None if said is None else End(SUPPRESSED, f"{said}; {case.incident.reason}", "person")


def shadow(case: Case) -> Step | None:
    asked = case.view.intents.shadow
    if asked is None or case.view.budget.holds(case.incident.id):
        return None
    return End(SUPPRESSED, f"shadow mode: {case.node} would have been replaced: {case.incident.reason}")


def boot_loop(case: Case) -> Step | None:
    """Replacements that die before they serve: another one would too."""
    tried = case.incident.tried
    if len(tried) < case.policy.boot_loop:
        return None
    return End(ESCALATED, f"boot loop: {len(tried)} replacements in a row did not live: {', '.join(tried)}", "person")


def meltdown(case: Case) -> Step | None:
    incident, policy, view = case.incident, case.policy, case.view
    if incident.cause is GONE or view.budget.holds(incident.id):
        return None
    down = view.budget.down((incident.deployable, incident.assembly), view.now_ms - policy.budget_window_s * 1000)
    if down < policy.meltdown_nodes or down < policy.meltdown_share * view.assemblies:
        return None
    why = f"meltdown: {down} of {view.assemblies} assemblies went down within {int(policy.budget_window_s)} s, "
    return End(EXHAUSTED, why + "which is no failure of single nodes: nothing is replaced", "person")


def budget_spent(case: Case) -> Step | None:
    incident, policy, view = case.incident, case.policy, case.view
    if incident.cause is GONE or view.budget.holds(incident.id):
        return None
    made = view.budget.replaced(view.now_ms - policy.budget_window_s * 1000)
    if made < policy.budget_replacements:
        return None
    why = f"budget spent: {made} replacements within {int(policy.budget_window_s)} s, at most {policy.budget_replacements}"
    return End(EXHAUSTED, why, "person")


def rung_unpaid(case: Case) -> Step | None:
    """The whole deployable at once or not at all: half a rung would leave it worse than it was."""
    incident, policy, view = case.incident, case.policy, case.view
    if not view.rung.along or incident.cause is GONE:  # alone it needs no more than the guard before let through
        return None
    if view.budget.holds(incident.id) or rung_of(view, incident, policy) != DEPLOYABLE:
        return None
    needs, made = 1 + len(view.rung.along), view.budget.replaced(view.now_ms - policy.budget_window_s * 1000)
    if made + needs <= policy.budget_replacements:
        return None
    return End(EXHAUSTED, f"budget spent: the whole deployable would be {needs} replacements more, after {made} of late", "person")


def pay(case: Case) -> Step | None:
    return None if case.view.budget.holds(case.incident.id) else Spend()


def past_tolerance(case: Case) -> Step | None:
    """What was paid for decides: the budget is written on condition, so that of two assemblies that fail at once one leads."""
    incident, view = case.incident, case.view
    if incident.escalated_to:
        return None
    spent = tolerance_spent(view, incident)
    if spent is None:
        return None
    paid = view.budget.of(incident.id)
    if paid is not None and paid.rung:
        return Move(ISOLATING, f"escalated to the deployable: {spent}", DEPLOYABLE)
    return Move(ISOLATING, f"escalated to a person: {spent}, and the deployable's rung is no answer to it", PERSON)


def go_on(_: Case) -> Step:
    return WITHIN_BUDGET


def tell_often(case: Case) -> Step | None:
    """Said while it is being recreated: telling holds nobody up then."""
    if case.incident.escalated_to != PERSON or "often" in case.incident.told:
        return None
    return Tell("often", tolerance_spent(case.view, case.incident) or "more replacements than its tolerance absorbs")


# --- the rungs --------------------------------------------------------------------------------------------------------------


def rung_of(view: View, incident: Incident, policy: Policy) -> str:
    """The rung that a confirmed incident has reached, before it is paid for: "" while it is the assembly's own."""
    if _past_tolerance(view, incident) is None:
        return ""
    last = view.budget.last_rung(incident.deployable)
    return PERSON if last is not None and view.now_ms - last.at_ms <= policy.rung_again_s * 1000 else DEPLOYABLE


def tolerance_spent(view: View, incident: Incident) -> str | None:
    """Why this failure is one more than the assembly absorbs; None while it absorbs it."""
    failures, tolerance = _past_tolerance(view, incident), view.watched.tolerance
    return None if failures is None else f"{failures} replacements within {tolerance.window_s:g} s, {tolerance.failures} are tolerated"


def _past_tolerance(view: View, incident: Incident) -> int | None:
    """How many replacements this one makes, when they are more than tolerated. After a rung the count begins afresh."""
    tolerance, budget = view.watched.tolerance, view.budget
    if tolerance.failures is None:
        return None
    since_ms = view.now_ms - tolerance.window_s * 1000
    last = budget.last_rung(incident.deployable)
    if last is not None and last.incident != incident.id and last.at_ms >= since_ms:
        since_ms = last.at_ms + 1
    failures = budget.replaced_of((incident.deployable, incident.assembly), since_ms) + (not budget.holds(incident.id))
    return failures if failures > tolerance.failures else None

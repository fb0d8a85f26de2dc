"""Rules for a confirmed incident: what holds its replacement back, in order.

What EC2 says is gone is replaced by its group whatever we say, so neither meltdown nor budget holds that back; it is counted all the same.
"""

from __future__ import annotations

from core.case import Case
from core.incident import Cause, State
from core.steps import End, Move, Spend, Step, Tell

ESCALATED, EXHAUSTED, ISOLATING, SUPPRESSED = State.ESCALATED, State.EXHAUSTED, State.ISOLATING, State.SUPPRESSED
GONE = Cause.GONE
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


def pay(case: Case) -> Step | None:
    return None if case.view.budget.holds(case.incident.id) else Spend()


def past_tolerance(case: Case) -> Step | None:
    """The deployable's rung is to recreate its assemblies in order: with one assembly, what follows anyway. People are told."""
    if case.incident.escalated_to:
        return None
    spent = _tolerance_spent(case)
    return None if spent is None else Move(ISOLATING, f"escalated to the deployable: {spent}", "deployable")


def go_on(_: Case) -> Step:
    return WITHIN_BUDGET


def tell_often(case: Case) -> Step | None:
    """Said while it is being recreated: telling holds nobody up then."""
    if case.incident.escalated_to != "deployable" or "often" in case.incident.told:
        return None
    return Tell("often", _tolerance_spent(case) or "more replacements than its tolerance absorbs")


def _tolerance_spent(case: Case) -> str | None:
    """Why this failure is one more than the assembly absorbs; None while it absorbs it."""
    view, incident, tolerance = case.view, case.incident, case.view.watched.tolerance
    if tolerance.failures is None:
        return None
    since_ms = view.now_ms - tolerance.window_s * 1000
    earlier = view.budget.replaced_of((incident.deployable, incident.assembly), since_ms) - view.budget.holds(incident.id)
    if earlier < tolerance.failures:
        return None
    return f"{earlier + 1} replacements within {tolerance.window_s:g} s, {tolerance.failures} are tolerated"

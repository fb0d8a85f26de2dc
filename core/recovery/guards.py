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
OPERATOR = Cause.OPERATOR
DEPLOYABLE, PERSON = "deployable", "person"
PAY = Spend()
WITHIN_BUDGET = Move(ISOLATING, "within the budget: isolating")


def paused(case: Case) -> Step:
    """It is down and stays so for as long: somebody must know."""
    return End(SUPPRESSED, f"{case.view.paused}; {case.incident.reason}", "person")


def shadow(case: Case) -> Step:
    return End(SUPPRESSED, f"shadow mode: {case.node} would have been replaced: {case.incident.reason}")


def boot_loop(case: Case) -> Step | None:
    """Replacements that die before they serve: another one would too."""
    tried = case.incident.tried
    if len(tried) < case.policy.boot_loop:
        return None
    return End(ESCALATED, f"boot loop: {len(tried)} replacements in a row did not live: {', '.join(tried)}", "person")


def meltdown(case: Case) -> Step:
    why = f"meltdown: {case.down} of {case.view.assemblies} assemblies went down within {int(case.policy.budget_window_s)} s, "
    return End(EXHAUSTED, why + "which is no failure of single nodes: nothing is replaced", "person")


def budget_spent(case: Case) -> Step:
    policy = case.policy
    why = f"budget spent: {case.made} replacements within {int(policy.budget_window_s)} s, at most {policy.budget_replacements}"
    return End(EXHAUSTED, why, "person")


def rung_unpaid(case: Case) -> Step | None:
    """The whole deployable at once or not at all: half a rung would leave it worse than it was."""
    if rung_of(case.view, case.incident, case.policy) != DEPLOYABLE:
        return None
    needs = 1 + len(case.view.rung.along)
    return End(EXHAUSTED, f"budget spent: the whole deployable would be {needs} replacements more, after {case.made} of late", "person")


def pay(_: Case) -> Step:
    return PAY


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
    if "often" in case.incident.told:
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
    """How many replacements this one makes, when they are more than tolerated. After a rung the count begins afresh.

    What an operator wants is no failure, whatever there was before: it takes nobody else along.
    """
    tolerance, budget = view.watched.tolerance, view.budget
    if tolerance.failures is None or incident.cause is OPERATOR:
        return None
    since_ms = view.now_ms - tolerance.window_s * 1000
    last = budget.last_rung(incident.deployable)
    if last is not None and last.incident != incident.id and last.at_ms >= since_ms:
        since_ms = last.at_ms + 1
    failures = budget.replaced_of((incident.deployable, incident.assembly), since_ms) + (not budget.holds(incident.id))
    return failures if failures > tolerance.failures else None

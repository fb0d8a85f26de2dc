"""Rules for a confirmed incident: what holds its replacement back, in order.

What EC2 says is gone is replaced by its group whatever we say, so neither meltdown nor budget holds that back; it is counted all the same.
"""

from __future__ import annotations

from core.policy import Policy
from core.recovery.case import Case
from core.recovery.incident import Incident, State
from core.recovery.snapshot import View
from core.recovery.steps import End, Move, Spend, Step, Tell

ESCALATED, EXHAUSTED, ISOLATING, SUPPRESSED = State.ESCALATED, State.EXHAUSTED, State.ISOLATING, State.SUPPRESSED
DEPLOYABLE, PERSON = "deployable", "person"
PAY = Spend()
WITHIN_BUDGET = Move(ISOLATING, "within the budget: isolating")


def paused(case: Case) -> Step:
    """It is down and stays so for as long: somebody must know."""
    return End(SUPPRESSED, lambda: f"{case.view.paused}; {case.incident.reason}", "person")


def shadow(case: Case) -> Step:
    return End(SUPPRESSED, lambda: f"shadow mode: {case.node} would have been replaced: {case.incident.reason}")


def boot_loop(case: Case) -> Step:
    """Replacements that die before they serve: another one would too."""
    tried = case.incident.tried
    return End(ESCALATED, lambda: f"boot loop: {len(tried)} replacements in a row did not live: {', '.join(tried)}", "person")


def meltdown(case: Case) -> Step:
    return End(EXHAUSTED, lambda: _melted(case), "person")


def _melted(case: Case) -> str:
    incident, view = case.incident, case.view
    down = view.budget.down((incident.deployable, incident.assembly), window_began_ms(case))
    why = f"meltdown: {down} of {view.assemblies} assemblies went down within {int(case.policy.budget_window_s)} s, "
    return why + "which is no failure of single nodes: nothing is replaced"


def budget_spent(case: Case) -> Step:
    return End(EXHAUSTED, lambda: _spent(case), "person")


def _spent(case: Case) -> str:
    made, policy = _made(case), case.policy
    return f"budget spent: {made} replacements within {int(policy.budget_window_s)} s, at most {policy.budget_replacements}"


def rung_unpaid(case: Case) -> Step | None:
    """The whole deployable at once or not at all: half a rung would leave it worse than it was."""
    if rung_of(case.view, case.incident, case.policy) != DEPLOYABLE:
        return None
    return End(EXHAUSTED, lambda: _too_many(case), "person")


def _too_many(case: Case) -> str:
    needs = 1 + len(case.view.rung.along)
    return f"budget spent: the whole deployable would be {needs} replacements more, after {_made(case)} of late"


def _made(case: Case) -> int:
    return case.view.budget.replaced(window_began_ms(case))


def window_began_ms(case: Case) -> float:
    """What the budget counts."""
    return case.view.now_ms - case.policy.budget_window_ms


def pay(_: Case) -> Step:
    return PAY


def past_tolerance(case: Case) -> Step | None:
    """What was paid for decides: the budget is written on condition, so that of two assemblies that fail at once one leads."""
    incident, view = case.incident, case.view
    if incident.escalated_to or not view.past_tolerance:
        return None
    paid = view.budget.of(incident.id)
    if paid is not None and paid.rung:
        return Move(ISOLATING, lambda: f"escalated to the deployable: {tolerance_spent(view)}", DEPLOYABLE)
    return Move(ISOLATING, lambda: _no_rung_left(view), PERSON)


def _no_rung_left(view: View) -> str:
    return f"escalated to a person: {tolerance_spent(view)}, and the deployable's rung is no answer to it"


def go_on(_: Case) -> Step:
    return WITHIN_BUDGET


def tell_often(case: Case) -> Step:
    """Said while it is being recreated: telling holds nobody up then."""
    return Tell("often", lambda: tolerance_spent(case.view) or "more replacements than its tolerance absorbs")


# --- the rungs --------------------------------------------------------------------------------------------------------------


def rung_of(view: View, incident: Incident, policy: Policy) -> str:
    """The rung that a confirmed incident has reached, before it is paid for: "" while it is the assembly's own."""
    if not view.past_tolerance:
        return ""
    last = view.budget.last_rung(incident.deployable)
    return PERSON if last is not None and view.now_ms - last.at_ms <= policy.rung_again_ms else DEPLOYABLE


def tolerance_spent(view: View) -> str | None:
    """Why this failure is one more than the assembly absorbs; None while it absorbs it."""
    if not view.past_tolerance:
        return None
    tolerance = view.watched.tolerance
    return f"{view.failures} replacements within {tolerance.window_s:g} s, {tolerance.failures} are tolerated"

"""What has to be weighed before a rule is asked: reports and looks, and what the budget has left; core.recovery.facts has the rest."""

from __future__ import annotations

from core.model import OnDisagreement, Verdict
from core.recovery.case import Case
from core.recovery.facts import (
    ALONE,
    BAD_INSIDE,
    BOTH_SIGNALS,
    BUSY_INSIDE,
    DISAGREED,
    DISAGREES,
    FAILS_OUTSIDE,
    IN_VAIN,
    LONG,
    MELTDOWN,
    NEWS,
    NOT_LOOKED,
    ONE_SIGNAL,
    PAUSED,
    SERVES_ON,
    SHADOWED,
    SISTERS,
    SPENT,
    SUSPICIOUS,
    UNPAID,
    UNTOLD_DOUBT,
    WAITS_LONG,
    WELL,
)
from core.recovery.incident import Cause, State
from core.recovery.limping import serves_on

SUPPRESSED, CAUSE_GONE = State.SUPPRESSED, Cause.GONE
HEALTHY, BUSY, REPLACE = Verdict.HEALTHY, Verdict.BUSY, OnDisagreement.REPLACE


def weighed_when_confirmed(case: Case) -> int:
    """What the budget has left for what is not paid for yet, and whether that may wait."""
    view, incident, policy = case.view, case.incident, case.policy
    budget = view.budget
    if incident.id in budget.paid_for:
        return 0
    given = UNPAID if view.intents.shadow is None else UNPAID | SHADOWED
    if incident.cause is CAUSE_GONE:
        return given
    since_ms = view.now_ms - policy.budget_window_ms
    if len(budget.down_ms) + 1 >= policy.meltdown_nodes and _melts(case, since_ms):
        return given | MELTDOWN
    most, made_ms = policy.budget_replacements, budget.replaced_ms
    if most < 1 or (len(made_ms) >= most and made_ms[-most] >= since_ms):  # of ascending times the last but so many tells it
        return given | SPENT
    left = most - len(view.rung.along)
    if left < most and (left < 1 or (len(made_ms) >= left and made_ms[-left] >= since_ms)):
        given |= SISTERS
    if serves_on(case):
        given |= SERVES_ON
        waited_ms = view.now_ms - incident.confirmed_ms
        if waited_ms > policy.limping_ms:
            given |= IN_VAIN
        if waited_ms > policy.fence_page_ms and "limping" not in incident.told:
            given |= WAITS_LONG
        if view.wanted == 1:
            given |= ALONE
    return given


def _melts(case: Case, since_ms: float) -> bool:
    incident, policy, budget = case.incident, case.policy, case.view.budget
    others = policy.meltdown_nodes - 1
    if (others and budget.down_ms[-others] < since_ms) or len(budget.down_ms) + 1 < policy.meltdown_share * case.view.assemblies:
        return False
    down = budget.down((incident.deployable, incident.assembly), since_ms)
    return down >= policy.meltdown_nodes and down >= policy.meltdown_share * case.view.assemblies


def weighed_with_none_open(case: Case) -> int:
    seen = case.seen
    bad, fails = seen.says.is_bad or seen.silent_ms > case.policy.report_silent_ms, seen.fails
    if not bad and not fails:
        return NEWS if case.view.announced else 0
    given = SUSPICIOUS if case.node in case.view.fresh else SUSPICIOUS | NOT_LOOKED
    if bad:
        given |= BAD_INSIDE
    if fails:
        given |= FAILS_OUTSIDE
    if bad is not fails and case.incident.state is SUPPRESSED:
        given |= ONE_SIGNAL
    return given


def weighed_when_suspected(case: Case) -> int:
    case.weigh()
    if case.two_signals:
        return BOTH_SIGNALS
    view, verdict, policy = case.view, case.inside.verdict, case.policy
    open_ms = view.now_ms - case.incident.opened_ms
    given = LONG if open_ms > policy.doubt_ms else 0
    if verdict is HEALTHY or verdict is BUSY:
        assert case.seen.look is not None, "the third look was taken"
        if case.seen.look.verdict is HEALTHY:
            given |= WELL
        elif verdict is BUSY:
            given |= BUSY_INSIDE
        elif view.watched.on_disagreement is REPLACE:
            given |= _of_disagreement(case, open_ms)
    if view.intents.paused is not None:
        given |= PAUSED
    if view.announced:
        given |= NEWS
    return given


def _of_disagreement(case: Case, open_ms: int) -> int:
    policy = case.policy
    if "doubt" not in case.incident.told:
        return DISAGREES | UNTOLD_DOUBT
    return DISAGREES | DISAGREED if open_ms > policy.disagreement_ms and case.fails_for_long else DISAGREES

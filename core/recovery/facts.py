"""What a rule must be given to be asked at all: found out once for all the rules of a state, so that a decision asks only the few of them
that may have an answer.

Each fact is a bit, and core.recovery.rules says of each row which ones it needs. What is at hand is only looked up; what has to be weighed
(reports, looks) is found out when no rule that does without it has answered.
"""

from __future__ import annotations

from core.model import FrontKind, OnDisagreement, Verdict
from core.recovery.case import NEVER_FAILED, Case
from core.recovery.incident import ENDED, Cause, State
from core.recovery.limping import serves_on
from core.recovery.snapshot import ALIVE

# Of the record.
OLD, UNTOLD, DOUBTED, UNSOLVED, UNKEPT, UNFENCED, ABOVE, TRIED, STOPPED, TAKEN_ALONG = (1 << n for n in range(10))
# Of what is seen.
UNPERMITTED, TAKEN_DOWN, GONE, DEAD, SUCCEEDED, STARTING, RETIRING, REQUESTED, UNSEEN, OVERDUE, FRONT_UNSEEN = (
    1 << n for n in range(10, 21)
)
# Of operators, of the budget, and of the deployable's rung.
OPERATED, PAUSED, SHADOWED, UNPAID, MELTDOWN, SPENT, SISTERS, CALLED, IN_RUNG, LEADS, DATABASE, SERVES_ON, ROOMY = (
    1 << n for n in range(21, 34)
)
# Weighed.
SUSPICIOUS, ONE_SIGNAL, BOTH_SIGNALS, BAD_INSIDE, FAILS_OUTSIDE, WELL, BUSY_INSIDE, DISAGREES, DISAGREED, UNTOLD_DOUBT, LONG, NEWS = (
    1 << n for n in range(34, 46)
)
WEIGHED = SUSPICIOUS  # and whatever comes after it

RECOVERED, SUPPRESSED = State.RECOVERED, State.SUPPRESSED
CAUSE_GONE, ESCALATION = Cause.GONE, Cause.ESCALATION
HEALTHY, BUSY, REPLACE, NO_FRONT = Verdict.HEALTHY, Verdict.BUSY, OnDisagreement.REPLACE, FrontKind.NONE
IN_SERVICE = "InService"
PERSON = "person"


# --- at hand --------------------------------------------------------------------------------------------------------------


def none_open(case: Case) -> int:
    view, last, node, permit = case.view, case.incident, case.node, case.view.permit
    given = 0
    if last is not NEVER_FAILED:
        if "end" not in last.told and ("open" in last.told or last.escalated_to == PERSON):
            given = UNTOLD
        if last.state is SUPPRESSED:
            given |= DOUBTED
        elif last.state is not RECOVERED:
            given |= UNSOLVED
    if permit is None:
        return given | UNPERMITTED
    if view.group is None or view.wanted < 1:
        return given | TAKEN_DOWN
    if view.leader is not None and view.leader.state not in ENDED and view.leader.id != last.ladder:
        given |= CALLED
    machine = view.machines.get(node)
    if view.is_gone(node) if machine is None else machine.state not in ALIVE:
        given |= GONE
    if view.room > 1 or view.wanted > 1:
        given |= ROOMY
    if node in view.intents.replace:
        given |= OPERATED
    if permit.predecessor is not None:
        given |= SUCCEEDED
    member = view.members.get(node)
    if member is not None and member.lifecycle != IN_SERVICE:
        given |= _moving(member.lifecycle)
    if node in view.requests:
        given |= REQUESTED
    return given


def _moving(lifecycle: str) -> int:
    if lifecycle.startswith("Terminating"):
        return RETIRING
    return STARTING if lifecycle.startswith("Pending") else 0


def suspected(case: Case) -> int:
    view, incident, node, permit = case.view, case.incident, case.node, case.view.permit
    given = OLD if view.now_ms - incident.opened_ms > case.policy.incident_s * 1000 else 0
    if incident.ladder:
        given |= IN_RUNG
    elif view.leader is not None and view.leader.state not in ENDED:
        given |= CALLED
    machine = view.machines.get(node)
    if view.is_gone(node) if machine is None else machine.state not in ALIVE:
        given |= GONE
    if permit is not None and permit.epoch > incident.epoch:
        given |= SUCCEEDED
    member = view.members.get(node)
    if member is not None and member.lifecycle != IN_SERVICE:
        given |= _moving(member.lifecycle)
    if node in view.intents.replace:
        given |= OPERATED
    if node in view.requests:
        given |= REQUESTED
    fresh = view.fresh.get(node)
    if fresh is None or view.now_ms - fresh.taken_ms > case.policy.look_fresh_s * 1000:
        given |= UNSEEN
    return given


def confirmed(case: Case) -> int:
    view, incident = case.view, case.incident
    given = OLD if view.now_ms - incident.opened_ms > case.policy.incident_s * 1000 else 0
    if incident.ladder:
        given |= IN_RUNG
    elif view.leader is not None and view.leader.state not in ENDED:
        given |= CALLED
    if view.intents.paused is not None:
        return given | PAUSED
    if view.intents.shadow is not None:
        given |= SHADOWED
    if incident.tried:
        given |= TRIED
    if not view.budget.holds(incident.id):
        given |= UNPAID
        if incident.cause is not CAUSE_GONE:
            given |= _of_budget(case)
    return given


def _of_budget(case: Case) -> int:
    view, incident, policy = case.view, case.incident, case.policy
    since_ms = int(view.now_ms - policy.budget_window_s * 1000)
    case.down, case.made = view.budget.down((incident.deployable, incident.assembly), since_ms), view.budget.replaced(since_ms)
    if case.down >= policy.meltdown_nodes and case.down >= policy.meltdown_share * view.assemblies:
        return MELTDOWN
    if case.made >= policy.budget_replacements:
        return SPENT
    given = SISTERS if case.made + 1 + len(view.rung.along) > policy.budget_replacements else 0
    return given | SERVES_ON if serves_on(case) else given


def isolating(case: Case) -> int:
    view, incident = case.view, case.incident
    given = OLD if view.now_ms - incident.opened_ms > case.policy.incident_s * 1000 else 0
    if incident.ladder:
        given |= _of_rung(case)
    elif view.leader is not None and view.leader.state not in ENDED:
        given |= CALLED
    if not incident.evidence_done:
        given |= UNKEPT
    if view.is_dead(case.node):
        given |= DEAD
    if not incident.fence:
        given |= UNFENCED
    if "open" not in incident.told:
        given |= UNTOLD
    return given


def _of_rung(case: Case) -> int:
    incident = case.incident
    given = IN_RUNG
    if incident.ladder == incident.id:
        given |= LEADS
    if incident.cause is ESCALATION:
        given |= TAKEN_ALONG
    if incident.isolated_ms:
        given |= STOPPED
        if case.view.database is not None:
            given |= DATABASE
    return given


def recreating(case: Case) -> int:
    view, incident, permit = case.view, case.incident, case.view.permit
    given = OLD if view.now_ms - incident.opened_ms > case.policy.incident_s * 1000 else 0
    if view.leader is not None and view.leader.state not in ENDED and not incident.ladder:
        given |= CALLED
    if "open" not in incident.told:
        given |= UNTOLD
    if incident.escalated_to == PERSON:
        given |= ABOVE
    if incident.tried:
        given |= TRIED
    if permit is None or permit.epoch <= incident.epoch:
        given |= UNPERMITTED
    return given


def verifying(case: Case) -> int:
    view, incident = case.view, case.incident
    given = OLD if view.now_ms - incident.opened_ms > case.policy.incident_s * 1000 else 0
    if incident.ladder:
        given |= IN_RUNG
    if view.now_ms - incident.state_ms > case.policy.verify_s * 1000:
        given |= OVERDUE
    if not incident.front and view.watched.front.kind is not NO_FRONT:
        given |= FRONT_UNSEEN
    return given


# --- weighed --------------------------------------------------------------------------------------------------------------


def weighed_with_none_open(case: Case) -> int:
    case.weigh()
    bad, fails = case.inside.is_bad, case.fails_outside
    if not bad and not fails:
        return NEWS if case.view.announced else 0
    given = SUSPICIOUS
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
    given = LONG if open_ms > policy.doubt_s * 1000 else 0
    if verdict is HEALTHY or verdict is BUSY:
        assert case.look is not None, "the third look was taken"
        if case.look.verdict is HEALTHY:
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
    return DISAGREES | DISAGREED if open_ms > policy.disagreement_s * 1000 and case.fails_for_long else DISAGREES

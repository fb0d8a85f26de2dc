"""What a rule must be given to be asked at all: found out once for all the rules of a state, so that a decision asks only the few of them
that may have an answer.

Each fact is a bit, and core.recovery.rules says of each row which ones it needs. What is at hand is only looked up, here; what has to be
weighed (reports, looks, the budget) is found out when no rule that does without it has answered (core.recovery.weighing).
"""

from __future__ import annotations

from core.model import FrontKind, Verdict
from core.records import Phase
from core.recovery.case import Case
from core.recovery.incident import Cause, State
from core.recovery.seen import NOBODY, SERVES

# Two states' facts never meet, so that they share numbers: small ones are cheaper to put together.
OLD, CALLED, UNTOLD, GONE, SUCCEEDED, STARTING, OPERATED, REQUESTED, UNPERMITTED, TRIED, FOLLOWS, TAKEN_ALONG, PAUSED = (
    1 << n for n in range(13)
)
DOUBTED, UNSOLVED, TAKEN_DOWN, ROOMY, RETIRING = (1 << n for n in range(13, 18))  # while none is open
UNSEEN, OVERDUE, FRONT_UNSEEN, LOST, UNWELL, OUTSIDE, UNANSWERED, NOT_OVER = (1 << n for n in range(13, 21))  # suspected, verifying
UNKEPT, DEAD, UNFENCED, UNFORCED, UNPAGED, MAY_PROCEED, LEADS, DEAF, NOT_DOWN, STILL, DATABASE, BLAMED, LATER, GOING, NOT_OURS = (
    1 << n for n in range(13, 28)
)  # isolating
LINGERS, ABOVE, LOSES = (1 << n for n in range(13, 16))  # recreating

# Weighed.
SUSPICIOUS, ONE_SIGNAL, BAD_INSIDE, FAILS_OUTSIDE, NEWS, NOT_LOOKED = (1 << n for n in range(21, 27))  # while none is open
BOTH_SIGNALS, WELL, BUSY_INSIDE, DISAGREES, UNTOLD_DOUBT, DISAGREED, LONG = (1 << n for n in (21, 22, 23, 24, 26, 27, 28))  # suspected
SHADOWED, UNPAID, MELTDOWN, SPENT, SISTERS, IN_VAIN, WAITS_LONG, ALONE, SERVES_ON = (1 << n for n in range(21, 30))  # confirmed
WEIGHED = SUSPICIOUS  # and whatever comes after it

RECOVERED, SUPPRESSED = State.RECOVERED, State.SUPPRESSED
CAUSE_GONE, ESCALATION, SIGNALS, DISAGREEMENT = Cause.GONE, Cause.ESCALATION, Cause.SIGNALS, Cause.DISAGREEMENT
HEALTHY, NO_FRONT = Verdict.HEALTHY, FrontKind.NONE
PERSON, IN_SERVICE = "person", "InService"
AVAILABLE = "available"
STATUS_LAG_MS = 10_000  # so long RDS may go on saying `available` after it took a reboot; its answers are eventually consistent
KEEPING_MS = 10_000  # keeping the evidence takes up to 8 s, and nobody needs to look twice because of it
RUNNING = Phase.RUNNING


def none_open(case: Case) -> int:
    view, last, node, permit, seen = case.view, case.incident, case.node, case.view.permit, case.seen
    given = UNTOLD if "end" not in last.told and ("open" in last.told or last.escalated_to == PERSON) else 0
    if permit is None:
        return given | UNPERMITTED
    if view.group is None or view.wanted < 1:
        return given | TAKEN_DOWN
    if last.state is SUPPRESSED:
        given |= DOUBTED
    elif last.state is not RECOVERED and (last.epoch == permit.epoch or last.tried):
        given |= UNSOLVED
    if view.called_by and view.called_by != last.ladder:
        given |= CALLED
    if seen.gone:
        given |= GONE
    if (view.room > 1 or view.wanted > 1) and view.intents.paused is None and seen.lifecycle == IN_SERVICE and not seen.gone:
        given |= ROOMY
    if node in view.intents.replace:
        given |= OPERATED
    if permit.predecessor is not None and last.epoch < permit.epoch:
        given |= SUCCEEDED
    if seen.pending:
        given |= STARTING
    elif seen.leaving:
        given |= RETIRING
    if seen.request is not None:
        given |= REQUESTED
    return given


def suspected(case: Case) -> int:
    view, incident, node, permit, seen = case.view, case.incident, case.node, case.view.permit, case.seen
    if view.now_ms - incident.opened_ms > case.policy.incident_ms:
        return OLD
    given = 0
    if incident.ladder:
        given = FOLLOWS if view.led_by == incident.ladder else 0
    elif view.called_by:
        given |= CALLED
    if seen.gone:
        given |= GONE
    if permit is not None and permit.epoch > incident.epoch:
        given |= SUCCEEDED
    if seen.pending:
        given |= STARTING
    if node in view.intents.replace:
        given |= OPERATED
    if seen.request is not None:
        given |= REQUESTED
    fresh = view.fresh.get(node)
    if fresh is None or view.now_ms - fresh.taken_ms > case.policy.look_fresh_ms:
        given |= UNSEEN
    return given


def confirmed(case: Case) -> int:
    view, incident = case.view, case.incident
    if view.now_ms - incident.opened_ms > case.policy.incident_ms:
        return OLD
    given = 0
    if incident.ladder:
        given = FOLLOWS if view.led_by == incident.ladder else TAKEN_ALONG
    elif view.called_by:
        given |= CALLED
    if view.intents.paused is not None:
        return given | PAUSED
    return given | TRIED if len(incident.tried) >= case.policy.boot_loop else given


def isolating(case: Case) -> int:
    view, incident, policy = case.view, case.incident, case.policy
    if view.now_ms - incident.opened_ms > policy.incident_ms:
        return OLD
    given = 0
    if incident.ladder:
        given = _of_rung(case)
    elif view.called_by:
        given = CALLED
    if not incident.evidence_done:
        given |= UNKEPT
    if case.seen.dead:
        given |= DEAD
    if not incident.fence:
        given |= UNFENCED
        if incident.cause is SIGNALS or incident.cause is DISAGREEMENT:
            fresh = view.fresh.get(case.node)
            if fresh is None or view.now_ms - fresh.taken_ms > policy.look_fresh_ms + KEEPING_MS:
                given |= NOT_OURS
    if "open" not in incident.told:
        given |= UNTOLD
    if incident.fence < 2:
        given |= UNFORCED
    elif policy.fence_timeout_s is not None:
        given |= MAY_PROCEED
    if "page" not in incident.told:
        given |= UNPAGED
    return given


def _of_rung(case: Case) -> int:
    incident, rung = case.incident, case.view.rung
    given = TAKEN_ALONG if incident.cause is ESCALATION else 0
    if rung.later and not incident.fence:
        given |= LATER
    if incident.retiring_ms:
        given |= GOING
    if incident.ladder == incident.id:
        given |= LEADS
        if rung.deaf:
            given |= DEAF
        if incident.isolated_ms:
            given |= _of_leading(case)
        elif incident.fence or incident.cause is CAUSE_GONE:
            given |= NOT_DOWN
    return given


def _of_leading(case: Case) -> int:
    """Once its own node is down: others still run, and not for too long; the database is away, and not for too long."""
    view, incident, policy, database = case.view, case.incident, case.policy, case.view.database
    given = STILL if view.rung.running and view.now_ms - incident.confirmed_ms <= policy.rung_stop_ms else 0
    if database is not None:
        rebooted_ms = incident.rebooted_ms
        if view.rung.blamed and not rebooted_ms:
            given |= BLAMED
        if database.status != AVAILABLE or (rebooted_ms and view.now_ms - rebooted_ms < STATUS_LAG_MS):
            since_ms = rebooted_ms if rebooted_ms > incident.isolated_ms else incident.isolated_ms
            if view.now_ms - since_ms <= policy.database_ms:
                given |= DATABASE
    return given


def recreating(case: Case) -> int:
    view, incident, permit = case.view, case.incident, case.view.permit
    if view.now_ms - incident.opened_ms > case.policy.incident_ms:
        return OLD
    given = 0
    if view.called_by and not incident.ladder:
        given = CALLED
    if "open" not in incident.told:
        given |= UNTOLD
    if case.seen.lifecycle == IN_SERVICE:
        given |= LINGERS
    if incident.escalated_to == PERSON and "often" not in incident.told:
        given |= ABOVE
    if view.lost:
        given |= LOSES
    if len(incident.tried) >= case.policy.boot_loop:
        given |= TRIED
    if permit is None or permit.epoch <= incident.epoch:
        given |= UNPERMITTED
    return given


def verifying(case: Case) -> int:
    view, incident, policy, node = case.view, case.incident, case.policy, case.incident.new_instance
    if view.now_ms - incident.opened_ms > policy.incident_ms:
        return OLD
    seen, report, fresh = view.nodes.get(node, NOBODY), view.reports.get(node), view.fresh.get(node)
    given = 0
    if report is None or report.epoch != incident.new_epoch or report.phase is not RUNNING or report.verdict not in SERVES:
        given = UNWELL
    if seen.lifecycle != IN_SERVICE:
        given |= OUTSIDE
    if not incident.front and view.watched.front.kind is not NO_FRONT:
        given |= FRONT_UNSEEN
    if fresh is None or view.now_ms - fresh.taken_ms > policy.look_fresh_ms:
        given |= UNSEEN
    elif fresh.look.verdict is not HEALTHY:
        given |= UNANSWERED
    if given and view.now_ms - incident.state_ms > policy.verify_ms:
        given |= OVERDUE
    if seen.gone or view.permit is None or view.permit.epoch != incident.new_epoch:
        given |= LOST
    if view.rung.open or view.rung.bad:
        given |= NOT_OVER
    return given

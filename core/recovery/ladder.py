"""Rules of the deployable's rung: all of its assemblies, stopped last-started first, the database failed over, recreated in start order."""

from __future__ import annotations

from core.node.database_outage import blames_database
from core.recovery.case import Case
from core.recovery.incident import Cause, Incident, State
from core.recovery.rung import follows, is_open, leads
from core.recovery.snapshot import View
from core.recovery.steps import CallSisters, Confirm, Down, End, Join, Move, Open, RebootDatabase, Retire, Step, Tell, Wait

AVAILABLE = "available"
ESCALATED, ESCALATION, ISOLATING, SUPPRESSED = State.ESCALATED, Cause.ESCALATION, State.ISOLATING, State.SUPPRESSED
SUSPECTED = State.SUSPECTED


# --- being called ---------------------------------------------------------------------------------------------------------


def called(case: Case) -> Step | None:
    """A sister is past its tolerance and takes this one along: its incident begins."""
    leader = case.view.leader
    assert leader is not None, "it is what calls"
    if case.view.called_by != leader.id:
        return None
    assert case.view.permit is not None, "the rule before asked"
    return Open(case.node, case.view.permit.epoch, lambda: _why(leader), case.view.now_ms)


def join(case: Case) -> Step | None:
    """Whatever it was about becomes a part of the rung; unless a new node of it is let in already: then that comes to its end first."""
    leader, incident = case.view.leader, case.incident
    assert leader is not None, "it is what calls"
    if case.view.called_by != leader.id:
        return None
    permit = case.view.permit
    if permit is not None and permit.epoch > incident.epoch:
        return None
    return Join(leader.id, leader.assembly, lambda: _why(leader))


def taken_along(case: Case) -> Step | None:
    return Confirm(ESCALATION, case.incident.reason) if follows(case.incident) and _leads_on(case) else None


def weighed_again(case: Case) -> Step | None:
    """Right before its own node was ended, what the leading one was confirmed on held no more: nothing is done to others for it."""
    incident, leader = case.incident, case.view.leader
    if incident.cause is not ESCALATION or incident.fence or incident.retiring_ms or leader is None or leader.id != incident.ladder:
        return None
    if leader.state is not SUSPECTED:
        return None
    return Wait(lambda: f"incident {incident.ladder} of {incident.leader}, which takes it along, is weighed again", 2.0)


def called_off(case: Case) -> Step | None:
    """The rung came to its end before this one's turn: what was only taken along is left alone."""
    incident = case.incident
    if incident.cause is not ESCALATION or incident.fence or incident.retiring_ms or _leader_is_open(case):
        return None
    return End(SUPPRESSED, f"incident {incident.ladder} of {incident.leader}, which took it along, is over")


def paid_along(case: Case) -> Step | None:
    incident = case.incident
    if not follows(incident) or not _leads_on(case) or case.view.intents.shadow is not None:
        return None
    return Move(ISOLATING, lambda: f"paid for by incident {incident.ladder} of {incident.leader}: isolating")


# --- stopping, those that start later first --------------------------------------------------------------------------------


def tell_rung(case: Case) -> Step | None:
    """Before anything is stopped: this is more than the one node whose clients wait."""
    incident = case.incident
    if not leads(incident) or "open" in incident.told:
        return None
    return Tell("open", lambda: f"{incident.reason}; recreating the whole deployable, in order: {', '.join(case.view.rung.order)}")


def call_sisters(case: Case) -> Step | None:
    incident, view = case.incident, case.view
    if not view.rung.deaf or not leads(incident) or view.now_ms - incident.called_ms < case.policy.call_again_ms:
        return None
    return CallSisters(view.rung.deaf)


def later_first(case: Case) -> Step | None:
    incident, later = case.incident, case.view.rung.later
    if not later or incident.fence or incident.retiring_ms or case.seen.dead or _is_late(case):
        return None
    return Wait(lambda: f"those that start later stop first: {', '.join(later)}")


def retire(case: Case) -> Step | None:
    """Nothing is wrong with it: it may stop in its own time, and what it keeps is saved."""
    incident = case.incident
    if incident.cause is not ESCALATION or incident.fence or incident.retiring_ms:
        return None
    return Retire(case.node)


def retiring(case: Case) -> Step | None:
    incident = case.incident
    if not incident.retiring_ms or incident.fence or case.view.now_ms - incident.retiring_ms > case.policy.retire_ms:
        return None
    return Wait(lambda: f"{case.node} goes offline: it is {case.view.state_of(case.node)}")


def down(case: Case) -> Step:
    """The leading one's own node is gone; the others may still be on their way."""
    return Down(lambda: f"{case.node} is {case.view.state_of(case.node)}: it is fenced")


def all_down(case: Case) -> Step:
    running = case.view.rung.running
    return Wait(lambda: f"waiting for the rest of the deployable to stop: {', '.join(running)}")


# --- the database ----------------------------------------------------------------------------------------------------------


def reboot_database(case: Case) -> Step | None:
    """Failed over while nobody is connected: not where another node has the permit already, who was quicker than anybody's suspicion.

    Called again after a crash in between it means one more outage of nobody.

    https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_RebootDBInstance.html: only an instance that is available, only Multi-AZ.
    """
    incident, database = case.incident, case.view.database
    if not leads(incident) or not incident.isolated_ms or incident.rebooted_ms or database is None:
        return None
    if case.view.permit is not None and case.view.permit.instance != incident.instance:
        return None
    why = case.view.rung.blamed
    if not why or not database.multi_az or database.status != AVAILABLE:
        return None
    return RebootDatabase(database.identifier, why)


def database_away(case: Case) -> Step:
    """What RDS is at is waited for, whoever began it."""
    database = case.view.database
    assert database is not None, "it is what is away"
    return Wait(lambda: f"waiting for the database {database.identifier}: it is {database.status}", 2.0)


# --- afterwards --------------------------------------------------------------------------------------------------------------


def not_all_over(case: Case) -> Step | None:
    """Recovered is said of the whole: each assembly's own incident sees it serve."""
    still = case.view.rung.open
    if not still or case.incident.ladder != case.incident.id:
        return None
    return Wait(lambda: f"it serves; waiting for the rest of the deployable: {', '.join(still)}", 2.0)


def not_all_serve(case: Case) -> Step | None:
    incident, bad = case.incident, case.view.rung.bad
    if not bad or incident.ladder != incident.id:
        return None
    return End(ESCALATED, f"{incident.reason}; not all of the deployable serves: {bad}", "person")


# --- what the rules ask --------------------------------------------------------------------------------------------------------


def _why(leader: Incident) -> str:
    return f"the whole deployable is recreated for {leader.assembly} (incident {leader.id}): {leader.reason}"


def _leads_on(case: Case) -> bool:
    return case.view.led_by != "" and case.view.led_by == case.incident.ladder


def _leader_is_open(case: Case) -> bool:
    leader = case.view.leader
    return leader is not None and is_open(leader) and leader.id == case.incident.ladder


def _is_late(case: Case) -> bool:
    """The rung was begun so long ago, by the leading incident's clock, that nobody is waited for any more."""
    incident, view = case.incident, case.view
    first = incident if incident.ladder == incident.id else view.leader
    return first is not None and view.now_ms - first.confirmed_ms > case.policy.rung_stop_ms


def database_word(view: View, node: str) -> str:
    """What a node last said against its database; "" when nothing."""
    report, request = view.reports.get(node), view.requests.get(node)
    said = [request.reason] if request is not None else []
    said += [app.reason for _, app in report.applications] if report is not None else []
    return next((text for text in said if blames_database(text)), "")

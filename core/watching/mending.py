"""What AWS mends by itself, as an incident of each assembly that it touches: opened by AWS's word, over when the node is seen to be well.

Nothing is decided about a node here: whatever fails in it all the same, the rules of recovery see, and have an incident of their own for.
This one is kept beside that (names.BY_AWS), so that history tells what was down for how long whoever mended it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from core.model import Verdict
from core.node.database_outage import RECONNECT_S, blames_database
from core.policy import Policy
from core.records import Permit, Phase, Report
from core.recovery.incident import NOTE_CHARS_MAX, Cause, Incident, State, incident_id, noted
from core.report.history import Entry

# "Amazon RDS emits events on a best effort basis", out of order or not at all, and calls 60 to 120 s typical of a failover: a node that is
# well so long after it began has seen the end of it. https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/working-with-events.html
UNSAID_S = 120.0
AFTERMATH_S = 120.0  # RDS says several times that it is over: what it says within this after the end is about the same
NODE_S = 30.0  # a node reports every five seconds, and a few reports may be lost
CALL_S = 840.0  # no call looks at one for longer: Lambda gives 15 minutes
LEFT_AFTER_S = 60.0
LEFT_EVERY_MINUTES = 10  # so often it is asked whether one was left alone: seldom, for each time is a read of the table
WHO = "mending"  # who looks after it, in the notes


class Stage(StrEnum):
    BEGUN = "begun"
    DONE = "done"
    FAILED = "failed"  # AWS does no more by itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """What was said of one failure. who: by whom, which is of what kind it is (KINDS). at_ms: when it happened."""

    who: str
    at_ms: int
    stage: Stage
    said: str


# https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_Events.Messages.html; others are lines of the history.
_DATABASE = {
    "RDS-EVENT-0004": Stage.BEGUN,  # DB instance shutdown.
    "RDS-EVENT-0006": Stage.DONE,  # DB instance restarted.
    "RDS-EVENT-0013": Stage.BEGUN,  # Multi-AZ instance failover started.
    "RDS-EVENT-0015": Stage.DONE,  # Multi-AZ failover to standby complete - DNS propagation may take a few minutes.
    "RDS-EVENT-0020": Stage.BEGUN,  # Recovery of the DB instance has started.
    "RDS-EVENT-0021": Stage.DONE,  # Recovery of the DB instance is complete.
    "RDS-EVENT-0031": Stage.FAILED,  # DB instance put into a state of failure: a point-in-time restore is recommended.
    "RDS-EVENT-0035": Stage.FAILED,  # Put into a state: invalid parameters.
    "RDS-EVENT-0036": Stage.FAILED,  # Put into a state: incompatible network.
    "RDS-EVENT-0049": Stage.DONE,  # Multi-AZ instance failover completed.
    "RDS-EVENT-0050": Stage.BEGUN,  # Multi-AZ instance activation started.
    "RDS-EVENT-0051": Stage.DONE,  # Multi-AZ instance activation completed.
    "RDS-EVENT-0065": Stage.DONE,  # Recovered from partial failover.
}
KINDS = BY_DATABASE, BY_EC2, BY_EBS = "rds", "ec2", "ebs"


def database_word(entry: Entry) -> Word | None:
    """None for what is no outage, such as a change of settings."""
    stage = _DATABASE.get(entry.kind)
    if stage is None:
        return None
    said = f"the database {entry.subject}: {entry.message} ({entry.kind})"
    return Word(who=BY_DATABASE, at_ms=entry.at_ms, stage=stage, said=said)


def machine_word(entry: Entry, *, began_ms: int | None) -> Word | None:
    """Of what EC2 says when it has moved an instance; None where it could not, which is no end: recovery sees to what fails.

    began_ms: since when it was in trouble, where that is said.
    """
    if "recovery" not in entry.categories:
        return None
    at_ms = entry.at_ms if began_ms is None else min(entry.at_ms, began_ms)
    return Word(who=BY_EC2, at_ms=at_ms, stage=Stage.DONE, said=f"{entry.message} ({entry.kind})")


def volume_word(stage: Stage, *, at_ms: int, said: str) -> Word:
    """Of a volume that was taken from a running node, or was put back."""
    return Word(who=BY_EBS, at_ms=at_ms, stage=stage, said=said)


def heard(latest: Incident | None, word: Word, *, own: Incident | None, permit: Permit | None, now_ms: int) -> Incident | None:
    """The incident after a word, as it is to be stored (but for its revision); None when it changes nothing.

    latest: the last one of this word's kind. own: the assembly's own latest, to which a word may belong. Who has no node has nothing that
    failed.
    """
    if latest is not None and (not latest.ended or _is_past(latest, word)):
        return _joined(latest, word, now_ms)
    put_back_again = word.who == BY_EBS and word.stage is Stage.DONE  # it follows a word of its own, and is no news without
    if permit is None or put_back_again or _belongs_to(own, word):
        return None
    failed_ms = min(word.at_ms, now_ms)
    opened = Incident(
        deployable=permit.deployable,
        assembly=permit.assembly,
        id=incident_id(now_ms, permit.instance),
        revision=latest.revision if latest is not None else 0,
        instance=permit.instance,
        epoch=permit.epoch,
        state=State.RECREATING,
        cause=Cause.AWS,
        reason=word.said,
        woken_by=word.who,
        failed_ms=failed_ms,
        opened_ms=now_ms,
        state_ms=now_ms,
        confirmed_ms=now_ms,
    )
    return _moved(opened, word, now_ms)


def _belongs_to(own: Incident | None, word: Word) -> bool:
    """A rung fails the database over; and who replaces a node has done with its machine, and takes its volume: what AWS says then is known.

    One that only suspects, or that ended with nothing done, takes nothing in; nor does any take in that AWS does no more.
    """
    if own is None or word.stage is Stage.FAILED:
        return False
    did = bool(own.ladder) if word.who == BY_DATABASE else bool(own.acted_ms or own.isolated_ms)
    return did and (not own.ended or _is_past(own, word))


def opened_by(incident: Incident, word: Word) -> bool:
    """Whether who brings that word looks at it until it is over: who opened it, or comes again for a call that did and died.

    RDS says four or five things of one failover within two minutes, and a young account may make ten calls at once.
    """
    return [(note.who, note.what) for note in incident.notes[:1]] == [(word.who, _line(word))]


def _line(word: Word) -> str:
    """As it stands in the notes."""
    return word.said[:NOTE_CHARS_MAX]


def _is_past(over: Incident, word: Word) -> bool:
    """Is it about that one, which is over: said late, twice, or once more of its end?

    That AWS gives up is news where no person was called.
    """
    if word.stage is Stage.FAILED and over.escalated_to != "person":
        return False
    said_again = (over.state is State.RECOVERED) is (word.stage is Stage.DONE) and word.stage is not Stage.BEGUN
    return word.at_ms <= over.ended_ms + (round(AFTERMATH_S * 1000) if said_again else 0)


def _joined(incident: Incident, word: Word, now_ms: int) -> Incident | None:
    """An end that lies before its beginning is another one's, told late: it moves nothing."""
    if incident.ended or any(note.what == _line(word) for note in incident.notes):
        return None
    if word.stage is Stage.DONE and word.at_ms < incident.failed_ms:
        return None
    return _moved(replace(incident, failed_ms=min(incident.failed_ms, word.at_ms)), word, now_ms)


def _moved(incident: Incident, word: Word, now_ms: int) -> Incident:
    told = noted(incident, now_ms, word.who, word.said)
    if word.stage is Stage.FAILED:
        return _over(told, State.ESCALATED, word.said, now_ms, to="person")
    if word.stage is Stage.DONE and not told.verifying_ms:
        return replace(told, state=State.VERIFYING, state_ms=now_ms, verifying_ms=now_ms)
    return told


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What the table says now: of whoever holds the permit.

    moved: the node has reported again since it was first looked at after AWS had said that it is over, and not long ago.
    """

    permit: Permit | None
    report: Report | None
    moved: bool


def limit_s(incident: Incident, policy: Policy) -> float:
    """How long it may take; then a database is a person's, and a machine or a volume is watched further by recovery itself."""
    return policy.database_s if incident.woken_by == BY_DATABASE else NODE_S


def due_ms(incident: Incident, policy: Policy, *, now_ms: int) -> int:
    """Until when who takes it up now looks at it: what is taken up late, for long enough to see the node report."""
    return max(incident.opened_ms + round(limit_s(incident, policy) * 1000), now_ms + round(NODE_S * 1000))


def judged(incident: Incident, seen: Seen, *, now_ms: int, due_ms: int) -> Incident | None:
    """The incident after a look, as it is to be stored (but for its revision); None while it is waited for, which it is until due_ms."""
    permit, done = seen.permit, incident.state is State.VERIFYING
    same = permit is not None and (permit.instance, permit.epoch) == (incident.instance, incident.epoch)
    if incident.woken_by != BY_DATABASE and not same:  # a database is away for whoever comes next, too
        holder = "nobody" if permit is None else permit.instance
        return _over(incident, State.ESCALATED, f"{incident.instance} was replaced before it was over; {holder} holds the permit", now_ms)
    enough = done or now_ms >= min(due_ms, incident.opened_ms + round(UNSAID_S * 1000))
    if permit is not None and seen.moved and _is_well(seen.report, permit) and enough:
        said = f"{permit.instance} reports itself well" + ("" if done else f", and {incident.woken_by} has not said that it is over")
        verified = incident if done else replace(incident, verifying_ms=now_ms)
        return _over(verified, State.RECOVERED, said, now_ms)
    if incident.woken_by == BY_DATABASE:
        due_ms = max(due_ms, incident.verifying_ms + round((RECONNECT_S + NODE_S) * 1000))
    if now_ms < due_ms:
        return None
    found = "is not over" if not done else f"is said to be over, and {_complaint(seen)}"
    to = "person" if incident.woken_by == BY_DATABASE else ""
    passed_s = (now_ms - incident.opened_ms) / 1000
    return _over(incident, State.ESCALATED, f"after {passed_s:.0f} s it {found}: {incident.reason}", now_ms, to=to)


def _is_well(report: Report | None, permit: Permit) -> bool:
    if report is None or report.epoch != permit.epoch or report.phase is not Phase.RUNNING:
        return False
    return report.verdict is Verdict.HEALTHY and not any(blames_database(told.reason) for _, told in report.applications)


def _complaint(seen: Seen) -> str:
    if seen.permit is None:
        return "no node is permitted"
    if seen.report is None or not seen.moved:
        return f"{seen.permit.instance} has not reported since"
    reasons = [told.reason for _, told in seen.report.applications if told.verdict is not Verdict.HEALTHY]
    return f"{seen.permit.instance} is {seen.report.phase.value}, {seen.report.verdict.value}" + (f" ({reasons[0]})" if reasons else "")


def _over(incident: Incident, state: State, said: str, now_ms: int, *, to: str = "") -> Incident:
    reason = incident.reason if state is State.RECOVERED else said
    ended = replace(incident, state=state, reason=reason, state_ms=now_ms, ended_ms=now_ms, escalated_to=to)
    return noted(ended, now_ms, WHO, said)


def is_asked(now_ms: int) -> bool:
    """Whether this minute's tick asks."""
    return now_ms // 60_000 % LEFT_EVERY_MINUTES == 0


def left_alone(latest: Incident | None, policy: Policy, *, now_ms: int) -> str | None:
    """Why somebody must take the latest one up: whoever looked at it has died, or people do not know of its end; None when nobody must."""
    if latest is None or (latest.ended and not latest.untold_end):
        return None
    since_ms = latest.ended_ms if latest.ended else latest.opened_ms + round(min(limit_s(latest, policy), CALL_S) * 1000)
    if now_ms - since_ms <= LEFT_AFTER_S * 1000:
        return None
    return f"incident {latest.id}, which AWS mends, is {latest.state.value} and nobody looks at it"

"""What people read about an incident: plain text that says first what to do, complete by itself, for somebody just woken up."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from core.recovery.announced import ANNOUNCED, VOLUME
from core.recovery.incident import Cause, Incident, State
from core.recovery.intents import Kind
from core.recovery.rung import leads

SUBJECT_CHARS_MAX = 99  # https://docs.aws.amazon.com/sns/latest/api/API_Publish.html: fewer than 100 ASCII characters
NOTES_SHOWN = 25
REASON_CHARS_MAX = 45  # of a subject
# What each part of it is, for who reads it for the first time.
PARTS = (
    ("detect_s", "detect", "until it was noticed"),
    ("decide_s", "decide", "until it was certain"),
    ("act_s", "act", "until a new node ran"),
    ("verify_s", "verify", "until it was seen to serve"),
)


def notice(incident: Incident, what: str, reason: str) -> tuple[str, str]:
    """(subject, message). what: `open`, `end`, or a call for a person in between: `page`, `late`, `limping`, `often`,
    `doubt`."""
    name = f"{incident.deployable}/{incident.assembly}"
    headline = f"{name}: {_headline(incident, what)}"
    lines = [
        headline if headline.endswith("...") else f"{headline}.",
        "",
        f"What to do: {_advice(incident, what)}",
        "",
        f"Why:        {reason}",
        *_times(incident),
        f"Node:       {incident.instance}, epoch {incident.epoch}"
        + (f"; now {incident.new_instance}, epoch {incident.new_epoch}" if incident.new_instance else ""),
        *([f"Reached:    {incident.escalated_to}"] if incident.escalated_to else []),
        f"Incident:   {incident.id}, {incident.state.value}",
        f"More:       understudy explain {incident.id} --deployable {incident.deployable}",
    ]
    if incident.evidence:
        lines += ["", "Evidence, in the bucket:", *(f"  {key}" for key in incident.evidence)]
    lines += ["", "What happened, in seconds since it was noticed:"]
    lines += [f"  {(n.at_ms - incident.opened_ms) / 1000:8.1f}  {n.who}: {n.what}" for n in incident.notes[-NOTES_SHOWN:]]
    subject = f"[understudy] {headline}".encode("ascii", "replace").decode()[:SUBJECT_CHARS_MAX]
    return subject, "\n".join(lines) + "\n"


# A deploy takes a machine away too, and of an escalation nothing is wrong with it: only one that failed is said to fail.
_WHY = {Cause.GONE: "which is gone", Cause.OPERATOR: "as an operator asked", Cause.ESCALATION: "with the rest of its deployable"}


def _headline(incident: Incident, what: str) -> str:
    whole = leads(incident)
    if what == "open" and incident.cause is Cause.AWS:
        return f"AWS {'has mended it' if incident.verifying_ms else 'is at it'}: {_short(incident.reason)}"
    if what == "open" and whole:
        return f"replacing {incident.instance} and the rest of its deployable: it failed past its tolerance"
    if what == "open":
        return f"replacing {incident.instance}, {_WHY.get(incident.cause, 'which fails')}"
    if what != "end":
        said = {"often": "was replaced too often: a person is needed", "doubt": "says it is well and is not reached"}
        said["limping"] = f"{incident.instance} serves on: no other machine is to be had"
        return said.get(what, "does not come back: a person is needed")
    if incident.state is State.RECOVERED:
        return f"recovered after {_lasted_s(incident):.0f} s, and {'its whole deployable ' if whole else ''}serves again"
    if needs_person(incident):
        return f"a person is needed: {_short(incident.reason)}"
    return f"{'left to recovery' if incident.cause is Cause.AWS else 'left alone'}: {_short(incident.reason)}"


def _short(reason: str) -> str:
    """At a word's end, for a subject."""
    return reason if len(reason) <= REASON_CHARS_MAX else reason[:REASON_CHARS_MAX].rpartition(" ")[0] + " ..."


def needs_person(incident: Incident) -> bool:
    """It ended, and nothing more is done by itself."""
    return incident.escalated_to == "person" and incident.state is not State.RECOVERED


def _lasted_s(incident: Incident) -> float:
    return max(0, incident.ended_ms - incident.failed_ms) / 1000


def _times(incident: Incident) -> Iterator[str]:
    """When it began and ended, and the four parts of it; what was not reached is said."""
    ended = f", over at {_utc(incident.ended_ms)}: {_lasted_s(incident):.1f} s" if incident.ended_ms else ", not over yet"
    yield f"Began:      {_utc(incident.failed_ms)} UTC, noticed by {incident.woken_by}{ended}"
    known = incident.durations()
    told = {"act": "until AWS said that it was over", "decide": "AWS's word needs no second one"} if incident.cause is Cause.AWS else {}
    parts = [
        f"{word} {'-' if known[name] is None else f'{known[name]:.1f} s'} ({told.get(word, meaning)})" for name, word, meaning in PARTS
    ]
    yield f"It took:    {', '.join(parts)}"


def _utc(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")


# --- what to do -------------------------------------------------------------------------------------

_IN_BETWEEN = {
    "open": "nothing. Another message follows when it is over; to look on: understudy status.",
    "page": "look at the instance in EC2. Nothing else may start before EC2 says that it is terminated; as soon as it does, all goes on.",
    "late": "look at the group's activities in Auto Scaling (no capacity? a limit reached?) and at the console of its new instance.",
    "limping": "look at the group's activities in Auto Scaling (no capacity? a limit reached?). Until another node is ready it serves on.",
    "doubt": "find out whether its clients reach it. If they do, pause recovery (understudy pause), for else it is replaced.",
    "often": "find out why its machines keep failing. It is replaced all the same, as long as the budget lasts.",
}


def _advice(incident: Incident, what: str) -> str:
    if what != "end":
        return _IN_BETWEEN.get(what, "look at it; what is being done goes on.")
    if incident.state is State.RECOVERED:
        return "nothing; it serves again."
    if not needs_person(incident):
        return "nothing."
    return _stuck(incident)


def _stuck(incident: Incident) -> str:
    """Nothing more is done by itself: what a person looks at first, and by which word it goes on."""
    go_on = f'understudy resume {incident.assembly} --deployable {incident.deployable} --reason "..."'
    if incident.state is State.EXHAUSTED:
        return (
            "find what those that failed have in common (network, database, a release?): machines are not what is broken. Until the "
            f"budget's window has passed nothing is replaced, and Auto Scaling launches nothing. To go on before that: {go_on}"
        )
    if incident.cause is Cause.AWS:
        return (
            "look at the database in RDS: its status, its events, its storage. What waits for it goes on by itself once it answers; to "
            f"look on: understudy status --deployable {incident.deployable}"
        )
    if incident.tried:
        return (
            "new machines do not live: look at their console output and journals, mend the image or the release, and deploy. "
            f"Auto Scaling launches no more until you do, or say: {go_on}"
        )
    if incident.state is State.SUPPRESSED and incident.reason.startswith((f"{Kind.PAUSE}: ", f"{Kind.MAINTENANCE}: ")):
        return f"it is down, and left so because somebody asked for that (above). To have it replaced now: {go_on}"
    if incident.state is State.SUPPRESSED and incident.reason.startswith(ANNOUNCED):
        return (
            "it serves, and nothing is done to it. Before the time that EC2 names, at an hour of your choice: "
            f'understudy replace {incident.instance} --deployable {incident.deployable} --reason "..."'
        )
    if incident.state is State.SUPPRESSED and incident.reason.startswith(VOLUME):
        return (
            "it serves as yet, and another machine would not mend its volume. Look at the volume in EC2: its state, its events, its key. "
            "One that is lost, or is never to be had again, is made anew from its latest snapshot."
        )
    if incident.state is State.SUPPRESSED:
        return (
            "one side says that it is well and the other that it is not, so nobody was killed. If clients are served, look at what lies "
            "between the prober and the node, and between the node and the state table (security groups, routes, endpoints); if they are "
            f'not: understudy replace {incident.instance} --deployable {incident.deployable} --reason "..."'
        )
    return f"look at it: nothing more is done by itself. When it is mended: {go_on}"

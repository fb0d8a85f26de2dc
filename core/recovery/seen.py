"""What a view makes of what was read, sorted out once when it is read: each node by itself, and how often the assembly has failed.

Nothing in here depends on a setting or is decided: that is asked anew of each view (core.recovery.facts).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from core.model import Verdict
from core.records import Look, Looks, Phase, Report, Request
from core.recovery.incident import Cause
from core.recovery.rung import call_for

if TYPE_CHECKING:  # it is the view that asks here
    from core.recovery.snapshot import View

# https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-lifecycle.html
ALIVE = frozenset({"pending", "running"})
TERMINATED = "terminated"
SERVES = frozenset({Verdict.HEALTHY, Verdict.BUSY})
SPOKE_S = 60.0  # a report that moved within this is of a node that runs, whatever EC2 knows of it

# To take a member from its Enum costs a call on Python 3.11, and these are asked for in every decision.
FAILING, WAITING, UNKNOWN = Verdict.FAILING, Phase.WAITING, Verdict.UNKNOWN
NEVER_MS = -1  # less than any time that is waited for


class Inside(NamedTuple):
    """What the node says of itself, or that it says nothing (silent). is_bad: that alone is one signal. words: for what needs no number."""

    verdict: Verdict
    words: str = ""
    is_bad: bool = False
    silent: bool = False


# One of these is the answer each time; only who tells people needs numbers and names (core.recovery.outlook.why).
SILENT, IDLE, FAILS = Inside(FAILING, "silent", True, True), Inside(FAILING, "idle", True), Inside(FAILING, "fails", True)
NO_REPORT, NOT_LOOKED_AT = Inside(UNKNOWN, "it has no report"), Inside(UNKNOWN, "nobody has looked at it yet")
REPORTS = {verdict: Inside(verdict, f"it reports {verdict}") for verdict in Verdict} | {FAILING: FAILS}


@dataclass(frozen=True, slots=True)
class Seen:
    """One instance. gone: EC2 says that it does not run any more, or nobody knows it; dead: for good.

    lifecycle: in its group, "" outside; pending and leaving: in its launch hook, in its end hook. ready: it has booted and waits there
    for its permit. request: to be replaced, while that stands. says: what it says of itself; silent_ms: and for how long it had said
    nothing new at the last look. look: the latest; failing_ms: what the failing ones at the end span. NEVER_MS where there is no such time.
    since_ms: when the looks began to fail or the report last moved, or now: for the record, never for a decision.
    """

    gone: bool = True
    dead: bool = True
    lifecycle: str = ""
    pending: bool = False
    leaving: bool = False
    ready: bool = False
    request: Request | None = None
    says: Inside = NO_REPORT
    silent_ms: int = NEVER_MS
    look: Look | None = None
    fails: bool = False
    failing_ms: int = NEVER_MS
    since_ms: int = 0


NOBODY = Seen()


def nodes_of(view: View) -> dict[str, Seen]:
    """Of each instance that anything is known of."""
    known = {*view.machines, *view.members, *view.reports, *view.requests, *view.looks, *view.fresh}
    return {instance: _seen(view, instance) for instance in known}


def _seen(view: View, instance: str) -> Seen:
    machine, member, report = view.machines.get(instance), view.members.get(instance), view.reports.get(instance)
    looks, fresh = view.looks.get(instance), view.fresh.get(instance)
    forgotten = machine is None and _is_forgotten(view, instance)
    gone = forgotten if machine is None else machine.state not in ALIVE
    lifecycle = "" if member is None else member.lifecycle
    pending = lifecycle.startswith("Pending")
    look = fresh.look if fresh is not None else looks.looks[-1] if looks is not None and looks.looks else None
    fails = look is not None and look.verdict is FAILING
    silent_ms = None if looks is None else looks.silent_ms
    failing_ms = looks.failing_ms if looks is not None and fails else None
    return Seen(
        gone=gone,
        dead=forgotten if machine is None else machine.state == TERMINATED,
        lifecycle=lifecycle,
        pending=pending,
        leaving=lifecycle.startswith("Terminating"),
        ready=pending and not gone and report is not None and report.phase is WAITING,
        request=_standing(view, instance),
        says=_says(view, report, looked_at=silent_ms is not None, starting=pending and not gone),
        silent_ms=NEVER_MS if silent_ms is None else silent_ms,
        look=look,
        fails=fails,
        failing_ms=NEVER_MS if failing_ms is None else failing_ms,
        since_ms=_since_ms(view, looks),
    )


def _is_forgotten(view: View, instance: str) -> bool:
    """EC2 forgets a terminated instance after about an hour
    (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/terminating-instances.html), so one that it does not know counts as dead too;
    but its answers are only eventually consistent, so neither may its group list it nor it speak.
    """
    return instance not in view.members and not _speaks(view, instance)


def _speaks(view: View, instance: str) -> bool:
    """Its report moved lately, by the prober's clock; one that no prober has seen yet counts until it expires."""
    looks = view.looks.get(instance)
    if instance not in view.reports:
        return False
    return looks is None or view.now_ms - looks.report_moved_ms <= SPOKE_S * 1000


def _since_ms(view: View, looks: Looks | None) -> int:
    if looks is None or (looks.failing_ms is None and not looks.silent_ms):
        return view.now_ms
    known_ms = looks.looks[-1].at_ms - max(looks.failing_ms or 0, looks.silent_ms or 0)
    return view.now_ms if not known_ms or known_ms > view.now_ms else known_ms


def _standing(view: View, instance: str) -> Request | None:
    """Its request to be replaced counts under the epoch in which it was made, from the holder alone, and not of a node that says it is
    well (again): a node cannot take its request back, for it may delete nothing, but it goes on trying.
    """
    request, permit, report = view.requests.get(instance), view.permit, view.reports.get(instance)
    if request is None or permit is None or permit.instance != instance or permit.epoch != request.epoch:
        return None
    well = report is not None and report.epoch == request.epoch and report.verdict in SERVES
    return None if well else request


def _says(view: View, report: Report | None, *, looked_at: bool, starting: bool) -> Inside:
    """The first signal, but for silence. Without a look nobody measured that, so nothing is known."""
    if report is None:
        return NO_REPORT
    permit = view.permit
    # It holds a later permit than the one that it reports under, and its launch hook is over.
    let_in = permit is not None and permit.instance == report.instance and report.epoch < permit.epoch and not starting
    if report.phase is WAITING and let_in:
        return IDLE
    return REPORTS[report.verdict] if looked_at or report.verdict is FAILING else NOT_LOOKED_AT


def failures_of(view: View) -> int:
    """How many replacements count against the tolerance, the latest incident's too. After a rung the count begins afresh."""
    incident, budget = view.incident, view.budget
    if incident is None:
        return 0
    since_ms = view.now_ms - view.watched.tolerance.window_s * 1000
    last = budget.last_rung(incident.deployable)
    if last is not None and last.incident != incident.id and last.at_ms >= since_ms:
        since_ms = last.at_ms + 1
    return budget.replaced_of((incident.deployable, incident.assembly), since_ms) + (not budget.holds(incident.id))


def is_past_tolerance(view: View) -> bool:
    """What an operator wants is no failure, whatever there was before: it takes nobody else along."""
    incident, tolerated = view.incident, view.watched.tolerance.failures
    return incident is not None and tolerated is not None and incident.cause is not Cause.OPERATOR and view.failures > tolerated


def lost_of(view: View) -> tuple[str, ...]:
    """Of the group's members and the permit's holder those that EC2 knows and says are gone, and that say something by it."""
    members = [instance for instance in view.members if not view.is_spare(instance)]
    holder = [] if view.permit is None or view.permit.instance in view.members else [view.permit.instance]
    return tuple(instance for instance in (*members, *holder) if instance in view.machines and view.nodes[instance].gone)


def caller_of(view: View) -> str:
    """The id of the open incident whose rung takes the assembly along; "" when there is none."""
    leader = view.leader
    if leader is None or view.led_by != leader.id:
        return ""
    call = call_for(view.budget, view.watched.deployable, view.watched.name, since_ms=0)
    return leader.id if call is not None and call.incident == leader.id else ""

"""Whether Auto Scaling is to be held still, and what to do about what it does now.

Its own checks would replace a node while an operator wants nothing replaced; they cannot be taken out of a group, but suspended.
https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-suspend-resume-processes.html
What was suspended by somebody else (CloudFormation in an update, an operator in the console) is theirs: only what is recorded as
ours is resumed. It is recorded before it is suspended, until it is resumed, and for LANDS_S at least: whoever dies in between is made
good, and so is what a slow call suspends after another one has resumed it. What CloudFormation suspends so soon after a pause of less
than LANDS_S is taken for ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from core import names
from core.items import BadRecord
from core.model import Verdict
from core.records import Phase
from core.recovery.incident import Incident, State

if TYPE_CHECKING:
    from core.policy import Policy
    from core.recovery.snapshot import View

VERSION = 1
REASON_CHARS_MAX = 400
LANDS_S = 90.0  # a call lives for a minute (stacks.handlers), and what it asked for last may land after it
OVER = "over: "
HOLD = "HOLD"  # sort key, beside the assembly's incidents
# Nobody marks a node unhealthy, replaces one that is, or moves one to another zone.
PAUSED = ("AZRebalance", "HealthCheck", "ReplaceUnhealthy")
# Nor is another machine launched in place of one that ended: in a meltdown it would end as well.
SPENT = (*PAUSED, "Launch")


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What we suspended, and why. revision: of the stored item, 0 when there is none.

    incident: the one that stopped it, if one did; launches: what the group launched then. lifted: the last one whose stop is over; it
    stays so, whatever becomes of the word that lifted it.
    """

    revision: int = 0
    processes: tuple[str, ...] = ()
    reason: str = ""
    at_ms: int = 0
    incident: str = ""
    launches: str = ""
    lifted: str = ""

    @property
    def stands(self) -> bool:
        """Something speaks for it still; else it is kept for what may land late."""
        return bool(self.processes) and not self.reason.startswith(OVER)


@dataclass(frozen=True, slots=True)
class Hold:
    """Write the record, then suspend these."""

    record: Held
    processes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Release:
    """Resume these, then write the record."""

    processes: tuple[str, ...]
    record: Held


def wanted(view: View, policy: Policy) -> tuple[tuple[str, ...], str]:
    """The processes that are to stand still now, and why; none while nothing speaks for it."""
    pause = view.intents.paused
    stopped = stopped_by(view, policy)
    why = [pause.said] if pause is not None else []
    why += [f"incident {stopped.id} is {stopped.state.value}: {stopped.reason}"] if stopped is not None else []
    processes = SPENT if stopped is not None else PAUSED if pause is not None else ()
    return processes, "; ".join(why)[:REASON_CHARS_MAX]


def stopped_by(view: View, policy: Policy) -> Incident | None:
    """The latest incident, if it ended in such a way that another machine would only end as well, and nobody has lifted that since.

    What was spent (budget, meltdown) comes back with the window. A boot loop ends by an operator's word, when the group launches
    something else than it did (then somebody has deployed), or when a later node serves after all.
    """
    last = view.incident
    if last is None or last.id in view.intents.resumed or last.id == view.held.lifted or _serves_after(last, view, policy):
        return None
    if view.held.incident == last.id and view.held.launches != view.launches:
        return None
    if view.intents.shadow is not None and view.held.incident != last.id:
        return None  # nothing is done in that mode: no hold is begun
    if last.state is State.EXHAUSTED:
        return last if view.now_ms - last.ended_ms <= policy.budget_window_s * 1000 else None
    return last if last.state is State.ESCALATED and len(last.tried) >= policy.boot_loop else None


def _serves_after(last: Incident, view: View, policy: Policy) -> bool:
    """A node of a later epoch runs and is well, for longer than one that crashes again and again would be."""
    permit = view.permit
    report = view.reports.get(permit.instance) if permit is not None else None
    if permit is None or report is None or permit.epoch <= last.epoch or report.epoch != permit.epoch:
        return False
    well = report.phase is Phase.RUNNING and report.verdict in (Verdict.HEALTHY, Verdict.BUSY)
    return well and view.now_ms - permit.at_ms > policy.verify_s * 1000


def change(view: View, policy: Policy) -> Hold | Release | None:
    """What is to be done next about the group; None when it is as it should be. Asked again until it is."""
    if view.group is None:
        return None
    processes, why = wanted(view, policy)
    held, suspended = set(view.held.processes), set(view.suspended)
    missing = set(processes) - suspended
    if missing:
        return Hold(_record(view, policy, held | missing, why), tuple(sorted(missing)))
    over = held - set(processes)
    return _release(view, policy, over, why or f"{OVER}{view.held.reason.removeprefix(OVER)}") if over else None


def _release(view: View, policy: Policy, over: set[str], why: str) -> Release | None:
    """None when they have been resumed, and are recorded only for what may land late."""
    due = tuple(sorted(over & set(view.suspended)))
    if view.now_ms - view.held.at_ms >= LANDS_S * 1000:
        return Release(due, _record(view, policy, set(view.held.processes) - over, why))
    record = replace(_record(view, policy, set(view.held.processes), why), at_ms=view.held.at_ms)
    known = replace(view.held, revision=record.revision) == record
    return None if known and not due else Release(due, record)


def _record(view: View, policy: Policy, processes: set[str], reason: str) -> Held:
    """An incident that stopped it is named for as long, and as lifted from then on."""
    stopped = stopped_by(view, policy)
    incident, launches = ("", "") if stopped is None else (stopped.id, view.launches)
    over = stopped is None and view.held.incident != ""
    return Held(
        revision=view.held.revision + 1,
        processes=tuple(sorted(processes)),
        reason=reason,
        at_ms=view.now_ms,
        incident=incident,
        launches=launches,
        lifted=view.held.incident if over else view.held.lifted,
    )


def told(change_: Hold | Release, group: str) -> str:
    """For the log, in a line."""
    verb = "suspends" if isinstance(change_, Hold) else "resumes"
    return f"{verb} {', '.join(change_.processes) or 'nothing any more'} in {group}: {change_.record.reason}"


# --- as an item -------------------------------------------------------------------------------------


def held_item(held: Held, deployable: str, assembly: str) -> dict[str, Any]:
    return {
        names.PK: names.incident_pk(deployable, assembly),
        names.SK: HOLD,
        "version": VERSION,
        "revision": held.revision,
        "processes": list(held.processes),
        "reason": held.reason,
        "at_ms": held.at_ms,
        "incident": held.incident,
        "launches": held.launches,
        "lifted": held.lifted,
    }


def parse_held(item: Mapping[str, Any]) -> Held:
    """Raises BadRecord."""
    where = f"{item.get(names.PK)}/{item.get(names.SK)}"
    try:
        version = int(item["version"])
        found = Held(
            revision=int(item["revision"]),
            processes=tuple(str(process) for process in item["processes"]),
            reason=str(item["reason"]),
            at_ms=int(item["at_ms"]),
            incident=str(item["incident"]),
            launches=str(item["launches"]),
            lifted=str(item.get("lifted", "")),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BadRecord(f"{where}: {type(error).__name__}: {error}") from error
    if version > VERSION:
        raise BadRecord(f"{where}: version is {version}, this reader knows up to {VERSION}")
    return found

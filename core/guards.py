"""What holds a replacement back, in order, and the numbers; all of them are settings."""

from __future__ import annotations

from dataclasses import dataclass

from core.budget import Budget
from core.incident import Cause, Incident
from core.model import Tolerance


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Seconds unless named otherwise. The defaults are the design's numbers (docs: recovery)."""

    report_silent_s: float = 15.0  # three reports of 5 s missed
    looks_failing_s: float = 10.0  # failing looks must span this: a sweep's length, so that one hiccup is not two signals
    look_fresh_s: float = 5.0  # how old the third look may be when acting on it
    doubt_s: float = 60.0  # with one signal only, look again for so long, then tell people
    quiet_s: float = 3600.0  # how long the same unsolved trouble is not reported again
    budget_replacements: int = 10
    budget_window_s: float = 600.0
    meltdown_nodes: int = 5
    meltdown_share: float = 0.2
    boot_loop: int = 3  # replacements in a row that did not live
    force_after_s: float = 20.0  # from the terminate call to Force
    fence_page_s: float = 300.0  # EC2 has not confirmed: people are told
    verify_s: float = 300.0  # a node that runs but does not serve: up a rung
    new_target_s: float = 300.0  # besides, where an NLB must come to know the node: it takes minutes, and nobody can help it
    incident_s: float = 3600.0  # every incident ends


@dataclass(frozen=True, slots=True)
class Stop:
    """Do not act. escalate: up a rung (boot loop); otherwise the means are spent (exhausted)."""

    reason: str
    escalate: bool = False


def hold_back(incident: Incident, budget: Budget, policy: Policy, *, assemblies: int, now_ms: int) -> Stop | None:
    """Whether a confirmed incident may go on to replace its node. assemblies: on this foundation.

    What EC2 says is gone is replaced by its group whatever we say, so nothing holds that back; it
    is counted all the same.
    """
    if len(incident.tried) >= policy.boot_loop:
        return boot_loop(incident, policy)
    if incident.cause is Cause.GONE or budget.holds(incident.id):
        return None
    recent = budget.within(policy.budget_window_s, now_ms)
    down = {(e.deployable, e.assembly) for e in recent} | {(incident.deployable, incident.assembly)}
    if len(down) >= policy.meltdown_nodes and len(down) >= policy.meltdown_share * assemblies:
        return Stop(
            f"meltdown: {len(down)} of {assemblies} assemblies went down within {policy.budget_window_s:g} s, "
            "which is no failure of single nodes: nothing is replaced"
        )
    made = sum(e.replaced for e in recent)
    if made >= policy.budget_replacements:
        return Stop(f"budget spent: {made} replacements within {policy.budget_window_s:g} s, at most {policy.budget_replacements}")
    return None


def boot_loop(incident: Incident, policy: Policy) -> Stop | None:
    """Replacements that die before they serve: another one would too."""
    if len(incident.tried) < policy.boot_loop:
        return None
    return Stop(f"boot loop: {len(incident.tried)} replacements in a row did not live: {', '.join(incident.tried)}", escalate=True)


def tolerance_spent(incident: Incident, budget: Budget, tolerance: Tolerance, *, now_ms: int) -> str | None:
    """Why this failure is one more than the assembly absorbs; None while it absorbs it."""
    if tolerance.failures is None:
        return None
    earlier = [
        e
        for e in budget.within(tolerance.window_s, now_ms)
        if (e.deployable, e.assembly) == (incident.deployable, incident.assembly) and e.replaced and e.incident != incident.id
    ]
    if len(earlier) < tolerance.failures:
        return None
    return f"{len(earlier) + 1} replacements within {tolerance.window_s:g} s, {tolerance.failures} are tolerated"

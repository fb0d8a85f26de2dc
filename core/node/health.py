"""What probe results mean: counted with rise and fall they become a verdict, and several verdicts become one.

Four rules, each of which errs on the side of leaving a living application alone:
- An answer that did not come in time is bad, unless it is known why the application could not answer (core.node.saturation):
  then it is busy. A saturated machine must not have its applications killed one after the other.
- Busy never counts towards failing, and bad results count only when they follow one another without a busy one between
  them: a measure that wavers would otherwise add up to a kill. What hides behind busy has its budget (`judge`).
- `fall` results in a row without a good one end `healthy`: it is failing when all of them were bad, busy when not. So one
  slow answer changes nothing, and a verdict does not flicker.
- What could not be asked tells nothing: it neither counts nor interrupts a count.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from core.model import Probe, Verdict

RECENT_MAX = 10  # results kept of each probe, for `why`
REASON_CHARS_MAX = 200  # of each of them: an application's answer may be quoted in it


class Outcome(StrEnum):
    GOOD = "good"
    BAD = "bad"
    TIMEOUT = "timeout"  # no answer in time
    BUSY = "busy"  # it said so itself
    UNKNOWN = "unknown"  # we could not ask (no descriptors left, say): tells nothing of the application


@dataclass(frozen=True, slots=True)
class ProbeResult:
    outcome: Outcome
    reason: str = ""
    took_s: float = 0.0


@dataclass(frozen=True, slots=True)
class ProbeHealth:
    """What one probe says since the application started.

    Unknown until `rise` good results in a row; others before that make it neither busy nor failing, for an application
    that is starting has its own limit (start_timeout).

    ready: it was healthy before in this run. An adopted application that was starts with it: if it hung while nobody
    looked, bad results count at once.
    good, bad, not_good: how many of the last results in a row were so; not_good are the bad and the busy ones.
    """

    verdict: Verdict = Verdict.UNKNOWN
    reason: str = "not asked yet"
    ready: bool = False
    good: int = 0
    bad: int = 0
    not_good: int = 0

    @property
    def in_a_row(self) -> int:
        """Results in a row that speak against the verdict; a busy one is contradicted by bad ones."""
        if self.verdict is Verdict.HEALTHY:
            return self.not_good
        return self.bad if self.verdict is Verdict.BUSY else self.good


def counted_as(result: ProbeResult, saturated: str = "") -> ProbeResult:
    """The result as it counts: a timeout is busy when `saturated` says why there was no answer, else bad."""
    if result.outcome is not Outcome.TIMEOUT:
        return result
    if saturated:
        return replace(result, outcome=Outcome.BUSY, reason=f"{result.reason}; {saturated}" if result.reason else saturated)
    return replace(result, outcome=Outcome.BAD)


def after_result(health: ProbeHealth, result: ProbeResult, probe: Probe, *, saturated: str = "") -> ProbeHealth:
    """Count one more result. saturated: why the application could not have answered, "" when nothing is known of that."""
    result = counted_as(result, saturated)
    if result.outcome is Outcome.UNKNOWN:
        return replace(health, reason=result.reason) if health.verdict is Verdict.UNKNOWN else health
    if result.outcome is Outcome.GOOD:
        good = health.good + 1
        if good >= probe.rise or health.verdict is Verdict.HEALTHY:
            return ProbeHealth(Verdict.HEALTHY, "", ready=True, good=good)
        return replace(health, good=good, bad=0, not_good=0)
    bad = health.bad + 1 if result.outcome is Outcome.BAD else 0
    health = replace(health, good=0, bad=bad, not_good=health.not_good + 1)
    verdict = _without_good(health, probe)
    if verdict is Verdict.HEALTHY:
        return health
    if verdict is Verdict.FAILING and result.outcome is Outcome.BUSY:
        return health  # it keeps the reason for which it is failing
    return replace(health, verdict=verdict, reason=result.reason)


def _without_good(health: ProbeHealth, probe: Probe) -> Verdict:
    """The verdict after a result that was not good. From failing only good ones lead back."""
    if not health.ready or health.verdict is Verdict.FAILING:
        return health.verdict
    if health.bad >= probe.fall:
        return Verdict.FAILING
    return Verdict.BUSY if health.not_good >= probe.fall else health.verdict


# --- several together --------------------------------------------------------------------------------------------

_WORST_FIRST = (Verdict.FAILING, Verdict.UNKNOWN, Verdict.BUSY, Verdict.HEALTHY)


def worst(verdicts: Iterable[tuple[Verdict, str]]) -> tuple[Verdict, str]:
    """One verdict with its reason for several; nothing to judge is healthy."""
    return min(verdicts, key=lambda verdict: _WORST_FIRST.index(verdict[0]), default=(Verdict.HEALTHY, ""))


def busy_since(before_s: float | None, parts: Iterable[tuple[Verdict, str]], *, now_s: float) -> float | None:
    """Since when the application is busy on end; None while no part of it is. before_s: what this said the last time."""
    if not any(verdict is Verdict.BUSY for verdict, _ in parts):
        return None
    return now_s if before_s is None else before_s


def judge(parts: Iterable[tuple[Verdict, str]], *, busy_since_s: float | None, busy_budget_s: float, now_s: float) -> tuple[Verdict, str]:
    """The application's verdict from those of its probes, thresholds and counters: the worst of them.

    Busy for the whole of its budget is failing. A part that is unknown does not stop that clock.
    """
    parts = list(parts)
    verdict, reason = worst(parts)
    if verdict is Verdict.FAILING or busy_since_s is None or now_s - busy_since_s < busy_budget_s:
        return verdict, reason
    because = next((reason for verdict, reason in parts if verdict is Verdict.BUSY), None)
    if because is None:
        return verdict, reason
    text = f"busy for {now_s - busy_since_s:.0f} s, its budget is {busy_budget_s:g} s"
    return Verdict.FAILING, f"{text}: {because}" if because else text


# --- what was seen lately ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Recent:
    """One result as it counted, kept for `why`. at_s: when it was there, on the caller's monotonic clock."""

    at_s: float
    outcome: Outcome
    reason: str
    took_s: float


def remember(recent: tuple[Recent, ...], result: ProbeResult, *, now_s: float, saturated: str = "") -> tuple[Recent, ...]:
    """The last RECENT_MAX results, this one being the newest; oldest first."""
    counted = counted_as(result, saturated)
    newest = Recent(now_s, counted.outcome, counted.reason[:REASON_CHARS_MAX], counted.took_s)
    return (*recent, newest)[-RECENT_MAX:]

"""What probe results mean: counted with rise and fall they become a verdict."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from core.model import Probe, Verdict


class Outcome(StrEnum):
    GOOD = "good"
    BAD = "bad"
    UNKNOWN = "unknown"  # we could not ask (no descriptors left, say): tells nothing of the application


@dataclass(frozen=True, slots=True)
class ProbeResult:
    outcome: Outcome
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ProbeHealth:
    """What one probe says since the application started.

    Unknown until `rise` good results in a row; bad ones before that do not make it failing, for an
    application that is starting has its own limit (start_timeout).
    """

    verdict: Verdict = Verdict.UNKNOWN
    in_a_row: int = 0  # results that contradict the verdict, in a row
    reason: str = "not asked yet"


def after_result(health: ProbeHealth, result: ProbeResult, probe: Probe) -> ProbeHealth:
    """Count one more result. An unknown one neither counts nor interrupts a count."""
    if result.outcome is Outcome.UNKNOWN:
        return replace(health, reason=result.reason) if health.verdict is Verdict.UNKNOWN else health
    good = result.outcome is Outcome.GOOD
    if good == (health.verdict is Verdict.HEALTHY):
        return ProbeHealth(health.verdict, 0, "" if good else result.reason)
    count = health.in_a_row + 1
    if count < (probe.rise if good else probe.fall):
        return ProbeHealth(health.verdict, count, health.reason)
    return ProbeHealth(Verdict.HEALTHY, 0, "") if good else ProbeHealth(Verdict.FAILING, 0, result.reason)


_WORST_FIRST = (Verdict.FAILING, Verdict.UNKNOWN, Verdict.BUSY, Verdict.HEALTHY)


def worst(verdicts: Iterable[tuple[Verdict, str]]) -> tuple[Verdict, str]:
    """One verdict with its reason for several; nothing to judge is healthy."""
    return min(verdicts, key=lambda verdict: _WORST_FIRST.index(verdict[0]), default=(Verdict.HEALTHY, ""))

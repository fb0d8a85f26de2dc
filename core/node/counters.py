"""What an application counts for itself, over a window: at least so many, at most so many; one violation is failing.

The rules are those of MediationZone's HA monitor (mz.ha.*): all counters share one window of at least 40 s, -1 turns a
bound off, and aborts may be made to count only after so many activations.

The window is a chain of samples at least interval / SAMPLES_PER_INTERVAL apart, so its size does not depend on how busy the
application is. That coarseness never invents a violation: what must not be too much is counted over slightly less than the
interval, what must not be too little over slightly more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from core.bounds import OFF, CounterRule, Counters
from core.model import Verdict
from core.node.health import worst
from core.node.thresholds import GAP_S

SAMPLES_PER_INTERVAL = 40  # one a second in the shortest interval

Totals = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class CountWindow:
    """Totals as they were, oldest first: (when, on the caller's monotonic clock, in seconds; total by counter).

    The newest sample moves on with the time until it is far enough from the one before it. At most
    SAMPLES_PER_INTERVAL + 3 are kept.
    """

    samples: tuple[tuple[float, Totals], ...] = ()


def after_counts(window: CountWindow, totals: Totals, *, now_s: float, interval_s: float) -> CountWindow:
    """Heed the totals as they are now; to be called every few seconds, changed or not. A counter that is missing is 0.

    A total that went down is a restart of the application: the window begins again, at zero, for what the former process
    did is not this one's. So it does after GAP_S without a look (a frozen agent): what was counted then may be lost.
    """
    totals = dict(totals)
    if not window.samples:
        return CountWindow(((now_s, totals),))
    last_s, last = window.samples[-1]
    if any(totals.get(counter, 0) < total for counter, total in last.items()):
        return CountWindow(((now_s, {}), (now_s, totals)))
    if now_s - last_s > GAP_S:
        return CountWindow(((now_s, totals),))
    kept = window.samples
    if len(kept) >= 2 and last_s - kept[-2][0] < interval_s / SAMPLES_PER_INTERVAL:
        kept = kept[:-1]
    while len(kept) >= 2 and kept[1][0] <= now_s - interval_s:
        kept = kept[1:]
    return CountWindow((*kept, (now_s, totals)))


def growth(window: CountWindow, interval_s: float, *, now_s: float) -> tuple[Totals, Totals] | None:
    """What each counter surely and what it possibly grew by within the interval; None until a whole interval was seen."""
    begins_s = now_s - interval_s
    before = [totals for at_s, totals in window.samples if at_s <= begins_s]
    if not before:
        return None
    newest = window.samples[-1][1]
    inside = next((totals for at_s, totals in window.samples if at_s >= begins_s), newest)
    return _grown(inside, newest), _grown(before[-1], newest)


def _grown(since: Totals, until: Totals) -> Totals:
    return {counter: total - since.get(counter, 0) for counter, total in until.items()}


def judge_counts(window: CountWindow, counters: Counters, *, now_s: float) -> tuple[Verdict, str]:
    """Failing when any rule is violated; healthy until a whole interval was seen."""
    grown = growth(window, counters.interval_s, now_s=now_s)
    if grown is None:
        return Verdict.HEALTHY, ""
    violations = (_violation(rule, *grown) for rule in counters.rules)
    return worst((Verdict.FAILING, f"{text} in {counters.interval_s:g} s") for text in violations if text)


def _violation(rule: CounterRule, least: Totals, most: Totals) -> str:
    """least, most: what each counter surely and what it possibly grew by."""
    if rule.needs is not None:
        other, enough = rule.needs
        if least.get(other, 0) < enough:
            return ""
    if rule.at_least != OFF and most.get(rule.name, 0) < rule.at_least:
        return f"{most.get(rule.name, 0)} {rule.name}, at least {rule.at_least} are expected"
    if rule.at_most != OFF and least.get(rule.name, 0) > rule.at_most:
        return f"{least.get(rule.name, 0)} {rule.name}, at most {rule.at_most} are tolerated"
    return ""

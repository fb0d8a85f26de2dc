"""When an application that failed is started again, and when its node asks to be replaced."""

from __future__ import annotations

from dataclasses import dataclass, replace

from core.model import Tolerance
from core.node.damping import FAILURE, decayed, is_flapping

FIRST_WAIT_S = 0.5  # before the second restart in a row; the first one is immediate
CEILING_S = 30.0  # longest wait; also the pace at which an unanswered node goes on trying
HEALTHY_SPELL_S = 60.0  # well for so long: the next failure is a first one again, unless it flaps
FAILURES_KEPT_MAX = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What is remembered of an application's failures; times are on the caller's monotonic clock, in seconds.

    asks: why the node asks to be replaced; it goes on trying all the same.
    penalty: as it was at penalty_at_s; `penalty_now` says what is left of it.
    """

    failed_at_s: tuple[float, ...] = ()
    in_a_row: int = 0
    retry_at_s: float | None = None  # None: whenever it can
    asks: str | None = None
    last: str = ""
    penalty: float = 0.0
    penalty_at_s: float = 0.0


def after_failure(history: History, tolerance: Tolerance, reason: str, *, now_s: float) -> History:
    """Count a failure happening now: `failures` are absorbed inside the window, the next one asks for replacement.

    Whatever was counted before, the next restart is at most CEILING_S away: there is no end to the trying.
    """
    recent = tuple(at_s for at_s in history.failed_at_s if now_s - at_s <= tolerance.window_s)
    recent = (*recent, now_s)[-FAILURES_KEPT_MAX:]
    in_a_row = history.in_a_row + 1
    asks, wait_s = None, wait_before(in_a_row)
    if tolerance.failures is not None and len(recent) > tolerance.failures:
        asks = f"{len(recent)} failures in {tolerance.window_s:g} s, {tolerance.failures} are tolerated; the last: {reason}"
        wait_s = CEILING_S
    return History(
        failed_at_s=recent,
        in_a_row=in_a_row,
        retry_at_s=now_s + wait_s,
        asks=asks,
        last=reason,
        penalty=penalty_now(history, now_s) + FAILURE,
        penalty_at_s=now_s,
    )


def penalty_now(history: History, now_s: float) -> float:
    """What its failures still weigh: each counted 1 when it happened and weighs half after core.node.damping.HALF_LIFE_S."""
    return decayed(history.penalty, since_s=history.penalty_at_s, now_s=now_s)


def wait_before(restart: int) -> float:
    """Seconds before the restart of that number in a row: 0, then doubling from FIRST_WAIT_S up to CEILING_S."""
    if restart <= 1:
        return 0.0
    return float(min(CEILING_S, FIRST_WAIT_S * 2.0 ** min(restart - 2, 20)))


def after_spell(history: History, *, healthy_since_s: float | None, now_s: float) -> History:
    """Forgive the run of failures after a healthy spell. Failures inside the tolerance's window stay counted.

    While it flaps (core.node.damping) only the node's wish is taken back, for it is well as it is: the waits go on growing.
    """
    if not history.in_a_row or healthy_since_s is None or now_s - healthy_since_s < HEALTHY_SPELL_S:
        return history
    if is_flapping(penalty_now(history, now_s)):
        return replace(history, retry_at_s=None, asks=None)
    return replace(history, in_a_row=0, retry_at_s=None, asks=None, last="")

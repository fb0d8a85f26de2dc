"""Rules right before a node is terminated: what it was confirmed on still holds, in the eyes of the very call that acts.

A call may die between the decision and the act, and whoever goes on in its place may do so a minute later: by then a partition can
have healed and a machine have woken. What holds no more sends the incident back to be weighed again.
"""

from __future__ import annotations

from core.recovery.case import Case
from core.recovery.incident import Cause, State
from core.recovery.steps import Move, Step, TakeLook

SUSPECTED = State.SUSPECTED
GONE, REQUEST, SIGNALS, DISAGREEMENT = Cause.GONE, Cause.REQUEST, Cause.SIGNALS, Cause.DISAGREEMENT
KEEPING_MS = 10_000  # keeping the evidence takes up to 8 s, and nobody needs to look twice because of it


def own_look(case: Case) -> Step | None:
    """A look by this call, and no older than the third look may be and the evidence takes."""
    if case.incident.cause is not SIGNALS and case.incident.cause is not DISAGREEMENT:
        return None
    fresh = case.view.fresh.get(case.node)
    if fresh is not None and case.view.now_ms - fresh.taken_ms <= case.policy.look_fresh_s * 1000 + KEEPING_MS:
        return None
    return TakeLook(case.node)


def holds_no_more(case: Case) -> Step | None:
    cause, view, node = case.incident.cause, case.view, case.node
    if cause is SIGNALS or cause is DISAGREEMENT:
        return _fails_no_more(case)
    if cause is REQUEST and view.asks(node) is None:
        case.weigh()
        return Move(SUSPECTED, f"{node} asks no more, before anything was done to it: {case.why()}")
    if cause is GONE and not view.is_gone(node):
        return Move(SUSPECTED, f"EC2 says that {node} is {view.state_of(node)} again, before anything was done to it")
    return None


def _fails_no_more(case: Case) -> Step | None:
    case.weigh()
    if case.incident.cause is DISAGREEMENT:
        if case.fails_for_long:
            return None
        return Move(SUSPECTED, f"{case.node} is reached again, before anything was done to it: {case.why()}")
    if case.two_signals:
        return None
    return Move(SUSPECTED, f"two signals no more, before anything was done to {case.node}: {case.why()}")

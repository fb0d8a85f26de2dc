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


def own_look(case: Case) -> Step:
    """A look by this call, and no older than the third look may be and the evidence takes."""
    return TakeLook(case.node)


def holds_no_more(case: Case) -> Step | None:
    cause, view, node, seen = case.incident.cause, case.view, case.node, case.seen
    if cause is SIGNALS or cause is DISAGREEMENT:
        case.weigh()
        holds = case.fails_for_long if cause is DISAGREEMENT else case.two_signals
        return None if holds else _fails_no_more(case)
    if cause is REQUEST and seen.request is None:
        return Move(SUSPECTED, lambda: f"{node} asks no more, before anything was done to it: {case.why()}")
    if cause is GONE and not seen.gone:
        return Move(SUSPECTED, lambda: f"EC2 says that {node} is {view.state_of(node)} again, before anything was done to it")
    return None


def _fails_no_more(case: Case) -> Step:
    if case.incident.cause is DISAGREEMENT:
        return Move(SUSPECTED, lambda: f"{case.node} is reached again, before anything was done to it: {case.why()}")
    return Move(SUSPECTED, lambda: f"two signals no more, before anything was done to {case.node}: {case.why()}")

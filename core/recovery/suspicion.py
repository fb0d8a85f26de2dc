"""Rules for a node that is suspected: two signals, a third look right before the act, and the agent given its time; or no kill."""

from __future__ import annotations

from core.recovery.case import Case
from core.recovery.incident import Cause, State
from core.recovery.steps import Confirm, End, Step, TakeLook, Tell, Wait

SUPPRESSED = State.SUPPRESSED
GONE, OPERATOR, REQUEST, SIGNALS, DISAGREEMENT = Cause.GONE, Cause.OPERATOR, Cause.REQUEST, Cause.SIGNALS, Cause.DISAGREEMENT


def gone(case: Case) -> Step:
    return Confirm(GONE, lambda: f"EC2 says {case.node} is {case.view.state_of(case.node)}")


def superseded(case: Case) -> Step:
    permit = case.view.permit
    assert permit is not None, "it holds the later one"
    return End(SUPPRESSED, f"the permit has moved on to {permit.instance}")


def operator(case: Case) -> Step | None:
    asked = case.view.intents.replace.get(case.node)
    return None if asked is None else Confirm(OPERATOR, lambda: f"an operator wants {case.node} replaced: {asked.words}")


def starting(case: Case) -> Step:
    return Wait(f"{case.node} is in its start grace", 5.0)


def asks(case: Case) -> Step | None:
    request = case.seen.request
    return None if request is None else Confirm(REQUEST, f"{case.node} asks to be replaced: {request.reason}")


def third_look(case: Case) -> Step:
    return TakeLook(case.node)


def agent_at_it(case: Case) -> Step | None:
    """The first rung is the agent's: it restarts what failed, and asks when its tolerance is spent.

    To replace the node sooner than a new one might take to be up would gain nothing.
    """
    view = case.view
    if case.inside.silent or not view.fresh[case.node].answered:
        return None
    if view.now_ms - case.incident.opened_ms > view.watched.start_grace_s * 1000:
        return None
    return Wait(lambda: f"{case.why()}, and its agent is at it", case.policy.look_fresh_s)


def two_signals(case: Case) -> Step:
    return Confirm(SIGNALS, lambda: _both(case))


def _both(case: Case) -> str:
    span_ms = case.view.looks[case.node].failing_ms or 0
    return f"{case.why()}; looks from outside have failed for {span_ms // 1000} s, and so did a fresh one ({_seen(case)})"


def well_again(case: Case) -> Step:
    return End(SUPPRESSED, lambda: f"healthy again: {case.why()}, and a fresh look is answered")


def paused(case: Case) -> Step:
    """It is not certain, and somebody who knows is at work there: nobody is called for it."""
    return End(SUPPRESSED, lambda: f"{case.view.paused}; not certain: {case.why()}")


def disagreement(case: Case) -> Step:
    """It says that it is well, nobody reaches it, and that has lasted. Told before it is done."""
    return Confirm(
        DISAGREEMENT,
        lambda: f"{case.why()}, and has failed from outside for {_open_s(case)} s ({_seen(case)}): the file says to replace it",
    )


def tell_doubt(case: Case) -> Step:
    return Tell("doubt", lambda: _doubt(case))


def _doubt(case: Case) -> str:
    left_s = round(case.policy.disagreement_s) - _open_s(case)
    return f"{case.why()}, and from outside: {_seen(case)}; it is replaced in {left_s} s"


def disagrees(case: Case) -> Step | None:
    if case.view.now_ms - case.incident.opened_ms > (case.policy.disagreement_s + case.policy.doubt_s) * 1000:
        return None
    return Wait(lambda: f"{case.why()}; from outside: {_seen(case)}", case.policy.look_fresh_s)


def busy(case: Case) -> Step | None:
    """Its agent says failing once an application has been busy for longer than its own budget; until then it is never one signal of two."""
    if case.view.now_ms - case.incident.opened_ms > case.policy.busy_ms:
        return None
    return Wait(lambda: f"{case.node} reports busy; from outside: {_seen(case)}", case.policy.look_fresh_s)


def one_signal(case: Case) -> Step:
    return End(SUPPRESSED, lambda: _only_one(case), "person")


def _only_one(case: Case) -> str:
    verdict = case.view.fresh[case.node].look.verdict
    return f"only one signal: {case.why()}; a fresh look from outside says {verdict} ({_seen(case)}): not replaced"


def look_again(case: Case) -> Step:
    return Wait(lambda: f"{case.why()}; from outside: {_seen(case)}: looking again", case.policy.look_fresh_s)


def _open_s(case: Case) -> int:
    return (case.view.now_ms - case.incident.opened_ms) // 1000


def _seen(case: Case) -> str:
    """The third look in words."""
    look = case.view.fresh[case.node].look
    return f"HA port: {look.ha}; HTTP: {look.http}"

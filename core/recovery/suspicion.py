"""Rules for a node that is suspected: two signals, a third look right before the act, and the agent given its time; or no kill."""

from __future__ import annotations

from core.model import OnDisagreement, Verdict
from core.records import Look
from core.recovery.case import Case
from core.recovery.incident import Cause, State
from core.recovery.outlook import SERVES, failing_since_ms
from core.recovery.steps import Confirm, End, Step, TakeLook, Tell, Wait

SUPPRESSED = State.SUPPRESSED
HEALTHY, BUSY = Verdict.HEALTHY, Verdict.BUSY
REPLACE = OnDisagreement.REPLACE
GONE, OPERATOR, REQUEST, SIGNALS, DISAGREEMENT = Cause.GONE, Cause.OPERATOR, Cause.REQUEST, Cause.SIGNALS, Cause.DISAGREEMENT


def gone(case: Case) -> Step | None:
    view, node = case.view, case.node
    return Confirm(GONE, f"EC2 says {node} is {view.state_of(node)}") if view.is_gone(node) else None


def superseded(case: Case) -> Step | None:
    permit = case.view.permit
    if permit is None or permit.epoch <= case.incident.epoch:
        return None
    return End(SUPPRESSED, f"the permit has moved on to {permit.instance}")


def operator(case: Case) -> Step | None:
    asked = case.view.intents.replace.get(case.node)
    return None if asked is None else Confirm(OPERATOR, f"an operator wants {case.node} replaced: {asked.words}")


def starting(case: Case) -> Step | None:
    return Wait(f"{case.node} is in its start grace", 5.0) if case.view.is_starting(case.node) else None


def asks(case: Case) -> Step | None:
    if case.node not in case.view.requests:
        return None
    request = case.view.asks(case.node)
    return None if request is None else Confirm(REQUEST, f"{case.node} asks to be replaced: {request.reason}")


def third_look(case: Case) -> Step | None:
    fresh = case.view.fresh.get(case.node)
    if fresh is not None and case.view.now_ms - fresh.taken_ms <= case.policy.look_fresh_s * 1000:
        return None
    return TakeLook(case.node)


def agent_at_it(case: Case) -> Step | None:
    """The first rung is the agent's: it restarts what failed, and asks when its tolerance is spent.

    To replace the node sooner than a new one might take to be up would gain nothing.
    """
    view = case.view
    if not case.two_signals or case.inside.silent or not view.fresh[case.node].answered:
        return None
    if view.now_ms - case.incident.opened_ms > view.watched.start_grace_s * 1000:
        return None
    return Wait(f"{case.inside.why}, and its agent is at it", case.policy.look_fresh_s)


def two_signals(case: Case) -> Step | None:
    if not case.two_signals:
        return None
    looks, fresh = case.view.looks[case.node], case.view.fresh[case.node].look
    span_s = (looks.looks[-1].at_ms - (failing_since_ms(looks) or 0)) // 1000
    return Confirm(SIGNALS, f"{case.inside.why}; looks from outside have failed for {span_s} s, and so did a fresh one ({_seen(fresh)})")


def well_again(case: Case) -> Step | None:
    if case.view.fresh[case.node].look.verdict is not HEALTHY or case.inside.verdict not in SERVES:
        return None
    return End(SUPPRESSED, f"healthy again: {case.inside.why}, and a fresh look is answered")


def paused(case: Case) -> Step | None:
    """It is not certain, and somebody who knows is at work there: nobody is called for it."""
    said = case.view.paused
    return None if said is None else End(SUPPRESSED, f"{said}; not certain: {case.inside.why}")


def disagreement(case: Case) -> Step | None:
    """It says that it is well, nobody reaches it, and that has lasted. Told before it is done."""
    if not _disagrees(case) or not case.fails_for_long or "doubt" not in case.incident.told:
        return None
    if case.view.now_ms - case.incident.opened_ms <= case.policy.disagreement_s * 1000:
        return None
    seen = _seen(case.view.fresh[case.node].look)
    why = f"{case.inside.why}, and has failed from outside for {_open_s(case)} s ({seen}): the file says to replace it"
    return Confirm(DISAGREEMENT, why)


def tell_doubt(case: Case) -> Step | None:
    if not _disagrees(case) or "doubt" in case.incident.told or case.view.now_ms - case.incident.opened_ms <= case.policy.doubt_s * 1000:
        return None
    left_s = round(case.policy.disagreement_s) - _open_s(case)
    return Tell("doubt", f"{case.inside.why}, and from outside: {_seen(case.view.fresh[case.node].look)}; it is replaced in {left_s} s")


def disagrees(case: Case) -> Step | None:
    if not _disagrees(case) or case.view.now_ms - case.incident.opened_ms > (case.policy.disagreement_s + case.policy.doubt_s) * 1000:
        return None
    return Wait(f"{case.inside.why}; from outside: {_seen(case.view.fresh[case.node].look)}", case.policy.look_fresh_s)


def busy(case: Case) -> Step | None:
    """Its agent says failing once an application has been busy for longer than its own budget; until then it is never one signal of two."""
    if case.inside.verdict is not BUSY or case.view.now_ms - case.incident.opened_ms > case.policy.busy_s * 1000:
        return None
    return Wait(f"{case.node} reports busy; from outside: {_seen(case.view.fresh[case.node].look)}", case.policy.look_fresh_s)


def one_signal(case: Case) -> Step | None:
    if case.view.now_ms - case.incident.opened_ms <= case.policy.doubt_s * 1000:
        return None
    look = case.view.fresh[case.node].look
    why = f"only one signal: {case.inside.why}; a fresh look from outside says {look.verdict} ({_seen(look)}): not replaced"
    return End(SUPPRESSED, why, "person")


def look_again(case: Case) -> Step:
    return Wait(f"{case.inside.why}; from outside: {_seen(case.view.fresh[case.node].look)}: looking again", case.policy.look_fresh_s)


def _disagrees(case: Case) -> bool:
    return case.view.watched.on_disagreement is REPLACE and case.inside.verdict is HEALTHY


def _open_s(case: Case) -> int:
    return (case.view.now_ms - case.incident.opened_ms) // 1000


def _seen(look: Look) -> str:
    return f"HA port: {look.ha}; HTTP: {look.http}"

"""Rules for a node that must go: evidence first, then the fence, and nobody else before EC2 says that it is terminated."""

from __future__ import annotations

import math

from core.recovery.case import Case
from core.recovery.incident import Cause, State
from core.recovery.steps import Fence, KeepEvidence, Move, Proceed, Step, Tell, Wait

GONE, RECREATING = Cause.GONE, State.RECREATING


def evidence(case: Case) -> Step:
    return KeepEvidence(case.node)


def fenced(case: Case) -> Step | None:
    incident = case.incident
    if not (incident.fence or incident.retiring_ms or incident.cause is GONE):
        return None
    return Move(RECREATING, lambda: f"{case.node} is {case.view.state_of(case.node)}: it is fenced")


def fence(case: Case) -> Step:
    return Fence(case.node)


def tell_open(case: Case) -> Step:
    """After the kill: clients wait for the one, and not for the other."""
    return Tell("open", case.incident.reason)


def force(case: Case) -> Step | None:
    if _waited_ms(case) <= case.policy.force_after_ms:
        return None
    return Fence(case.node, force=True)


def unconfirmed(case: Case) -> Step | None:
    waited_ms, timeout_s = _waited_ms(case), case.policy.fence_timeout_s
    if waited_ms <= min(case.policy.fence_page_s, timeout_s or math.inf) * 1000:
        return None
    return Tell("page", lambda: _unconfirmed(case))


def _unconfirmed(case: Case) -> str:
    timeout_s = case.policy.fence_timeout_s
    then = "nothing else may start before it does" if timeout_s is None else f"after {round(timeout_s)} s another one starts all the same"
    return f"EC2 does not confirm that {case.node} is terminated after {_waited_ms(case) // 1000} s; {then}"


def proceed(case: Case) -> Step | None:
    """Its user chose to risk two at once rather than to wait for a word that may never come."""
    timeout_s = case.policy.fence_timeout_s
    if timeout_s is None or _waited_ms(case) <= timeout_s * 1000:
        return None
    return Proceed(lambda: _unconfirmed_for_long(case))


def _unconfirmed_for_long(case: Case) -> str:
    return f"EC2 has not confirmed for {_waited_ms(case) // 1000} s that {case.node} is terminated; going on, as the file says"


def wait(case: Case) -> Step:
    return Wait(lambda: f"waiting for EC2 to say that {case.node} is terminated: it is {case.view.state_of(case.node)}")


def _waited_ms(case: Case) -> int:
    return case.view.now_ms - case.incident.fenced_ms

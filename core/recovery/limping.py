"""Rules for a node that is to be replaced and serves on: its group launches another one first, and it is ended when that one is ready.

So it is not ended for nothing while EC2 has no machine to be had, and clients wait for a start only, not for a boot. How many its group
keeps is the whole record of it: two while another one is to come (docs/decisions/launched-first.md).
"""

from __future__ import annotations

from core.recovery.case import Case
from core.recovery.guards import DEPLOYABLE, PERSON, rung_of
from core.recovery.incident import Cause, State
from core.recovery.seen import SERVES
from core.recovery.snapshot import View
from core.recovery.steps import End, KeepOne, LaunchFirst, Step, Tell, Wait

# Asked for by a person, or well by its own word: whatever else is confirmed does not serve.
_MAY_SERVE = frozenset({Cause.OPERATOR, Cause.DISAGREEMENT})
IN_SERVICE, ESCALATED = "InService", State.ESCALATED


def none_to_be_had(case: Case) -> Step:
    return End(ESCALATED, lambda: f"{_in_vain(case)}; {case.incident.reason}", PERSON)


def tell_limping(case: Case) -> Step:
    return Tell("limping", lambda: _in_vain(case))


def launch_first(case: Case) -> Step:
    return LaunchFirst(case.node, f"{case.node} serves: another one is launched before it is ended")


def awaited(case: Case) -> Step:
    return Wait(lambda: f"{case.node} serves on until another one is ready: {_coming(case)}", 2.0)


def one_too_many(case: Case) -> Step:
    """Nobody waits for another one any more, or the call died that was to see to it. Whoever wants two for a while pauses recovery."""
    view, node = case.view, case.node
    extra = _first_beside(view) if view.wanted > 1 else ""
    return KeepOne(extra, lambda: f"its group has room for {view.room}, {node} has the permit and nobody waits for another one")


def _first_beside(view: View) -> str:
    """Not the holder itself, which is in service."""
    beside = [name for name, member in view.members.items() if member.lifecycle.startswith("Pending")]
    return min(beside) if beside else ""


def serves_on(case: Case) -> bool:
    """Of a node that is not paid for yet: it serves, and neither is its whole deployable to go nor another one ready."""
    incident, view, seen, policy = case.incident, case.view, case.seen, case.policy
    if incident.cause not in _MAY_SERVE or policy.limping_s <= 0:
        return False
    if seen.lifecycle != IN_SERVICE or seen.gone or seen.says.verdict not in SERVES or seen.silent_ms > policy.report_silent_ms:
        return False
    return not view.another_ready and (not view.past_tolerance or rung_of(view, incident, policy) != DEPLOYABLE)


def _in_vain(case: Case) -> str:
    waited_s = (case.view.now_ms - case.incident.confirmed_ms) // 1000
    return f"no other node is to be had within {waited_s} s ({_coming(case)}): {case.node} serves on"


def _coming(case: Case) -> str:
    view = case.view
    if "Launch" in view.suspended:
        return "its group may not launch any"
    others = [f"{name} is {member.lifecycle}" for name, member in view.members.items() if name != case.node]
    return ", ".join(others) or "its group has launched none yet"

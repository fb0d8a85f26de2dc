"""Rules for a node that is to be replaced and serves on: its group launches another one first, and it is ended when that one is ready.

So it is not ended for nothing while EC2 has no machine to be had, and clients wait for a start only, not for a boot. How many its group
keeps is the whole record of it: two while another one is to come (docs/decisions/launched-first.md).
"""

from __future__ import annotations

from core.records import Phase
from core.recovery.case import Case
from core.recovery.guards import DEPLOYABLE, PERSON, rung_of
from core.recovery.incident import Cause, State
from core.recovery.outlook import inside
from core.recovery.snapshot import SERVES, View
from core.recovery.steps import End, KeepOne, LaunchFirst, Step, Tell, Wait

# Asked for by a person, or well by its own word: whatever else is confirmed does not serve.
_MAY_SERVE = frozenset({Cause.OPERATOR, Cause.DISAGREEMENT})
WAITING, IN_SERVICE, ESCALATED = Phase.WAITING, "InService", State.ESCALATED


def none_to_be_had(case: Case) -> Step | None:
    if _waited_ms(case) <= case.policy.limping_s * 1000:
        return None
    why = f"no other node is to be had within {_waited_ms(case) // 1000} s ({_coming(case)})"
    return End(ESCALATED, f"{why}: {case.node} serves on; {case.incident.reason}", PERSON)


def tell_limping(case: Case) -> Step | None:
    if "limping" in case.incident.told or _waited_ms(case) <= case.policy.fence_page_s * 1000:
        return None
    return Tell("limping", f"no other node is to be had within {_waited_ms(case) // 1000} s ({_coming(case)}): {case.node} serves on")


def launch_first(case: Case) -> Step | None:
    if case.view.wanted != 1:
        return None
    return LaunchFirst(case.node, f"{case.node} serves: another one is launched before it is ended")


def awaited(case: Case) -> Step:
    return Wait(f"{case.node} serves on until another one is ready: {_coming(case)}", 2.0)


def one_too_many(case: Case) -> Step | None:
    """Nobody waits for another one any more, or the call died that was to see to it. Whoever wants two for a while pauses recovery."""
    view, node = case.view, case.node
    if view.paused is not None or view.is_gone(node) or view.lifecycle_of(node) != IN_SERVICE:
        return None
    # Not the holder itself, which is in service.
    beside = [name for name, member in sorted(view.members.items()) if member.lifecycle.startswith("Pending")]
    extra = beside[0] if beside and view.wanted > 1 else ""
    return KeepOne(extra, f"its group has room for {view.room}, {node} has the permit and nobody waits for another one")


def serves_on(case: Case) -> bool:
    """Of a node that is not paid for yet: it serves, and neither is its whole deployable to go nor another one ready."""
    incident, view, node = case.incident, case.view, case.node
    if incident.cause not in _MAY_SERVE or case.policy.limping_s <= 0:
        return False
    if inside(view, node, case.policy).verdict not in SERVES or view.lifecycle_of(node) != IN_SERVICE or view.is_gone(node):
        return False
    return rung_of(view, incident, case.policy) != DEPLOYABLE and not _another_is_ready(view)


def _another_is_ready(view: View) -> bool:
    """One that has booted and waits for its permit, by its own word. The node that serves is none of these: it is in service."""
    for instance, member in view.members.items():
        report = view.reports.get(instance)
        if member.lifecycle.startswith("Pending") and report is not None and report.phase is WAITING and not view.is_gone(instance):
            return True
    return False


def _coming(case: Case) -> str:
    view = case.view
    if "Launch" in view.suspended:
        return "its group may not launch any"
    others = [f"{name} is {member.lifecycle}" for name, member in view.members.items() if name != case.node]
    return ", ".join(others) or "its group has launched none yet"


def _waited_ms(case: Case) -> int:
    return case.view.now_ms - case.incident.confirmed_ms

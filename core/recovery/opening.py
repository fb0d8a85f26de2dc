"""Rules for when no incident is open: who holds the permit, what speaks against it, and since when."""

from __future__ import annotations

from core.records import Permit, Phase
from core.recovery.case import Case
from core.recovery.incident import Cause, Incident, State
from core.recovery.snapshot import View
from core.recovery.steps import Leave, Open, Step, TakeLook, Tell

ESCALATED = State.ESCALATED
DOUBT = Cause.NONE
RELEASED = Phase.RELEASED
NEVER_PERMITTED = Leave("no node has held a permit yet: the first one is admit_node's")
TAKEN_DOWN = Leave("its group is to keep no node: somebody takes it down")
MISSED_S = 300.0  # a minute's sweep looks for it five times; less than what a report lives, which says whether it was released


def end_untold(case: Case) -> Step:
    return Tell("end", case.incident.reason)


def never_permitted(_: Case) -> Step:
    return NEVER_PERMITTED


def taken_down(_: Case) -> Step:
    return TAKEN_DOWN


def given_up(case: Case) -> Step | None:
    """An incident that solved nothing is not opened again for a while. After a boot loop that holds for whatever was launched next, too."""
    if case.incident.id in case.view.intents.resumed:
        return None
    if case.incident.state is ESCALATED:
        return _known(case, case.policy.quiet_ms, of_any=len(case.incident.tried) >= case.policy.boot_loop)
    return _known(case, case.policy.budget_window_ms)


def pause_recorded(case: Case) -> Step | None:
    """One record a pause is enough; but what ended in doubt is opened again when it is certain: less would be doubted, and ended, again."""
    intents = case.view.intents
    if intents.paused is None and intents.shadow is None:
        return None
    if case.incident.cause is DOUBT and _is_certain(case):
        return None
    return _known(case, case.policy.quiet_ms)


def _is_certain(case: Case) -> bool:
    case.weigh()
    return case.seen.gone or case.two_signals


def gone(case: Case) -> Step:
    view, node = case.view, case.node
    machine, looks = view.machines.get(node), view.looks.get(node)
    known_ms = machine.changed_ms if machine and machine.changed_ms else looks.report_moved_ms if looks else None
    return Open(node, _epoch(case), lambda: f"EC2 says {node} is {view.state_of(node)}", _began(view, known_ms))


def missed(case: Case) -> Step | None:
    """Its successor was permitted before anybody suspected it: it is recorded all the same, so that history is complete."""
    view, permit = case.view, case.view.permit
    old = missed_predecessor(view, case.incident)
    if old is None or permit is None:
        return None
    machine = view.machines.get(old)
    known_ms = machine.changed_ms if machine is not None and machine.changed_ms else permit.at_ms
    return Open(old, permit.epoch - 1, lambda: _words_of_missed(view, old, permit), _began(view, known_ms))


def _words_of_missed(view: View, old: str, permit: Permit) -> str:
    return f"EC2 says {old} is {view.state_of(old)}, and {permit.instance} had its permit before anybody asked"


def missed_predecessor(view: View, last: Incident) -> str | None:
    """The former holder of the permit, when it ended unreleased, not long ago, and no incident tells of it.

    last: the latest. One about the present holder hides an earlier one about the former; before it was opened, this was asked.
    """
    permit = view.permit
    old = permit.predecessor if permit is not None else None
    if permit is None or old is None or old == last.instance or old in last.tried or last.epoch >= permit.epoch:
        return None
    if view.now_ms - permit.at_ms > MISSED_S * 1000:
        return None
    report = view.reports.get(old)
    return old if view.is_gone(old) and (report is None or report.phase is not RELEASED) else None


def operator(case: Case) -> Step | None:
    asked = case.view.intents.replace.get(case.node)
    if asked is None:
        return None
    return Open(case.node, _epoch(case), lambda: f"an operator wants {case.node} replaced: {asked.words}", case.view.now_ms)


def starting(case: Case) -> Step:
    return Leave(f"{case.node} is in its start grace, which is admit_node's")


def retiring(case: Case) -> Step:
    return Leave(f"{case.node} is being retired by its group")


def asks(case: Case) -> Step | None:
    request = case.seen.request
    if request is None:
        return None
    return Open(case.node, _epoch(case), f"{case.node} asks to be replaced: {request.reason}", _began(case.view, request.at_ms))


def doubt_known(case: Case) -> Step | None:
    """People were told that one signal speaks against it; that alone is no news."""
    return _known(case, case.policy.quiet_ms) if case.incident.escalated_to == "person" else None


def look_first(case: Case) -> Step:
    """What was kept may be a sweep old, and over by now: then there is no incident at all."""
    return TakeLook(case.node)


def fails_inside(case: Case) -> Step:
    permit = case.view.permit
    assert permit is not None, "the rules before asked"
    return Open(case.node, permit.epoch, lambda: _says_and_seen(case), case.seen.since_ms)


def _says_and_seen(case: Case) -> str:
    return case.why() + (", and looks from outside fail" if case.seen.fails else "")


def fails_outside(case: Case) -> Step:
    return Open(case.node, _epoch(case), lambda: _seen_and_says(case), case.seen.since_ms)


def _seen_and_says(case: Case) -> str:
    look = case.seen.look
    assert look is not None, "it is what fails"
    return f"looks from outside fail (HA port: {look.ha}; HTTP: {look.http}), while {case.why()}"


def well(case: Case) -> Step:
    return Leave(lambda: f"{case.node} is not suspected: {case.why()}")


def _known(case: Case, pause_ms: float, *, of_any: bool = False) -> Step | None:
    """It was about the node that holds the permit still (of_any: or another), and not long ago."""
    last, permit = case.incident, case.view.permit
    if case.view.now_ms - last.ended_ms > pause_ms:
        return None
    if not of_any and (permit is None or last.instance != permit.instance or last.epoch != permit.epoch):
        return None
    return Leave(lambda: f"people know already: incident {last.id} {last.state}: {last.reason}")


def _epoch(case: Case) -> int:
    permit = case.view.permit
    assert permit is not None, "the rules before asked"
    return permit.epoch


def _began(view: View, known_ms: int | None) -> int:
    return view.now_ms if not known_ms or known_ms > view.now_ms else known_ms

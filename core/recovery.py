"""The incident's machine: from what is seen now to the next step, by the first rule of core.rules that has an answer.

Nothing here touches the world. The caller performs one step, reads the world again, and asks again; so a call that runs twice, late,
or beside another one asks the same question and gets an answer that is right for what it then sees.
"""

from __future__ import annotations

from core.case import NEVER_FAILED, Case
from core.incident import ENDED, State
from core.policy import Policy
from core.rules import ANY, NONE, RULES
from core.snapshot import View
from core.steps import Decision

_BY_STATE = {
    state: tuple((rule.name, rule.decide) for rule in RULES if rule.state in ((NONE,) if state == NONE else (ANY, state)))
    for state in (NONE, *(state for state in State if state not in ENDED))
}


def next_step(view: View, policy: Policy, *, woken_by: str) -> Decision:
    """What to do about this assembly now, and the rule that says so."""
    incident = view.incident
    if incident is None or incident.state in ENDED:
        state, node = NONE, "" if view.permit is None else view.permit.instance
    else:
        state, node = incident.state, incident.instance
    case = Case(view, policy, NEVER_FAILED if incident is None else incident, node)
    for name, decide in _BY_STATE[state]:
        step = decide(case)
        if step is not None:
            return tuple.__new__(Decision, (name, step, woken_by))  # as Decision(...) does, for half of what that costs
    raise AssertionError(f"no rule for {state}: the last of each state must always answer")

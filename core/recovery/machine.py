"""The incident's machine: from what is seen now to the next step, by the first rule of core.recovery.rules that has an answer.

Nothing here touches the world. The caller performs one step, reads the world again, and asks again; so a call that runs twice, late,
or beside another one asks the same question and gets an answer that is right for what it then sees.
"""

from __future__ import annotations

from collections.abc import Callable

from core.policy import Policy
from core.recovery.case import NEVER_FAILED, Case
from core.recovery.incident import ENDED, State
from core.recovery.rules import ANY, NONE, RULES
from core.recovery.snapshot import View
from core.recovery.steps import Decision, Step

Rows = tuple[tuple[str, Callable[[Case], Step | None]], ...]


def _rows(state: str, *, rung: bool) -> Rows:
    """Those that are asked in a state, of an incident that is a part of a deployable's rung, or of any other."""
    of = (NONE,) if state == NONE else (ANY, state)
    return tuple((rule.name, rule.decide) for rule in RULES if rule.state in of and (rung or not rule.rung))


_STATES = (NONE, *(state for state in State if state not in ENDED))
_BY_STATE = {state: _rows(state, rung=False) for state in _STATES}
_IN_A_RUNG = {state: _rows(state, rung=True) for state in _STATES}


def next_step(view: View, policy: Policy, *, woken_by: str) -> Decision:
    """What to do about this assembly now, and the rule that says so."""
    incident = view.incident
    if incident is None or incident.state in ENDED:
        state, node, rows = NONE, "" if view.permit is None else view.permit.instance, _BY_STATE
    else:
        state, node, rows = incident.state, incident.instance, _IN_A_RUNG if incident.ladder else _BY_STATE
    case = Case(view, policy, NEVER_FAILED if incident is None else incident, node)
    for name, decide in rows[state]:
        step = decide(case)
        if step is not None:
            return tuple.__new__(Decision, (name, step, woken_by))  # as Decision(...) does, for half of what that costs
    raise AssertionError(f"no rule for {state}: the last of each state must always answer")

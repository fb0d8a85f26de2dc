"""One row of the machine's table asked by itself, as the machine asks it: only when what it must be given is."""

from __future__ import annotations

from core.recovery import facts
from core.recovery.case import Case
from core.recovery.incident import State
from core.recovery.rules import NONE, RULES
from core.recovery.steps import Step

_FINDS_OUT = {NONE: facts.none_open, State.ISOLATING: facts.isolating}


def answer(state: str, name: str, case: Case) -> Step | None:
    """None when it is not asked, too. Raises StopIteration for a row that there is not, KeyError for a state that is not tested so."""
    rule = next(rule for rule in RULES if (rule.state, rule.name) == (state, name))
    return rule.decide(case) if _FINDS_OUT[state](case) & rule.given == rule.given else None

"""The incident's machine: from what is seen now to the next step, by the first rule of core.recovery.rules that has an answer.

Nothing here touches the world. The caller performs one step, reads the world again, and asks again; so a call that runs twice, late,
or beside another one asks the same question and gets an answer that is right for what it then sees.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from core.policy import Policy
from core.recovery import facts, weighing
from core.recovery.case import NEVER_FAILED, Case
from core.recovery.incident import ENDED, State
from core.recovery.rules import ANY, NONE, RULES, Rule
from core.recovery.seen import NOBODY
from core.recovery.snapshot import View
from core.recovery.steps import Decision, Step

Rows = tuple[tuple[str, Callable[[Case], Step | None]], ...]
FindOut = Callable[[Case], int]

# What finds out what is given in a state: first what is at hand, then what has to be weighed.
FACTS: dict[str, tuple[FindOut, ...]] = {
    NONE: (facts.none_open, weighing.weighed_with_none_open),
    State.SUSPECTED: (facts.suspected, weighing.weighed_when_suspected),
    State.CONFIRMED: (facts.confirmed, weighing.weighed_when_confirmed),
    State.ISOLATING: (facts.isolating,),
    State.RECREATING: (facts.recreating,),
    State.VERIFYING: (facts.verifying,),
}


class Asked(dict[int, Rows]):
    """Of some rules those that are asked, by what is given: sorted out when that is met for the first time."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        super().__init__()
        self._rules = tuple(rules)

    def __missing__(self, given: int) -> Rows:
        rows = self[given] = tuple((rule.name, rule.decide) for rule in self._rules if rule.given & given == rule.given)
        return rows


def asked_in(state: str, rules: Iterable[Rule]) -> tuple[tuple[FindOut, Asked], ...]:
    """The rules of a state, in order: those before the first one that needs something weighed, and from there on."""
    own = [rule for rule in rules if rule.state in ((NONE,) if state == NONE else (ANY, state))]
    if len(FACTS[state]) == 1:
        return ((FACTS[state][0], Asked(own)),)
    first = next(n for n, rule in enumerate(own) if rule.given >= facts.WEIGHED)
    return tuple((find_out, Asked(some)) for find_out, some in zip(FACTS[state], (own[:first], own[first:]), strict=True))


_ASKED = {state: asked_in(state, RULES) for state in FACTS}


def next_step(view: View, policy: Policy, *, woken_by: str) -> Decision:
    """What to do about this assembly now, and the rule that says so."""
    incident = view.incident
    if incident is None or incident.state in ENDED:
        state, node = NONE, "" if view.permit is None else view.permit.instance
    else:
        state, node = incident.state, incident.instance
    case = Case(view, policy, NEVER_FAILED if incident is None else incident, node, view.nodes.get(node, NOBODY))
    for find_out, asked in _ASKED[state]:
        for name, decide in asked[find_out(case)]:
            step = decide(case)
            if step is not None:
                return Decision(name, step, woken_by)
    raise AssertionError(f"no rule for {state}: the last of each state must always answer")

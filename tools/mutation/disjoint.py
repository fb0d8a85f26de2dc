"""python -m tools.mutation.disjoint: which neighbouring rules of a state never have an answer both, so that their order says nothing.

Each rule is asked by itself, in every state that it belongs to, of VIEWS views of every kind (tests.core.some_views). To change the places
of two that exclude one another changes no decision: such a change is none, and is not made. Prints [[state, rule, next rule], ...].
"""

from __future__ import annotations

import itertools
import json
import random
import subprocess
import sys
from collections.abc import Iterator

from tools.mutation.mutants import Swap

VIEWS = 30_000
SEED = 11


def excluding_pairs() -> frozenset[Swap]:
    """In a process of its own: what the mutants change must not have been imported here."""
    this = [sys.executable, "-m", "tools.mutation.disjoint"]
    done = subprocess.run(this, check=True, capture_output=True, text=True)  # no word of it is anybody else's
    return frozenset((state, first, second) for state, first, second in json.loads(done.stdout))


def _found() -> Iterator[Swap]:
    from core.recovery import machine
    from core.recovery.case import NEVER_FAILED, Case
    from core.recovery.rules import ANY, NONE, RULES, Rule
    from tests.core.some_views import rare_view, some_policy

    pairs = [(one, two) for one, two in itertools.pairwise(RULES) if one.state == two.state]
    met: set[tuple[str, str, str]] = set()
    chance = random.Random(SEED)  # noqa: S311  # made-up worlds, not secrets

    def answers(rule: Rule, case: Case, given: int) -> bool:
        if rule.given & given != rule.given:
            return False
        try:
            return rule.decide(case) is not None
        except (AssertionError, AttributeError, KeyError):
            return True  # it relies on the rules before it, so that its place matters

    for _ in range(VIEWS):
        view, policy = rare_view(chance), some_policy(chance)
        incident = view.incident
        closed = incident is None or incident.ended
        state = NONE if closed or incident is None else incident.state
        node = (view.permit.instance if view.permit else "") if closed or incident is None else incident.instance
        case = Case(view, policy, NEVER_FAILED if incident is None else incident, node, view.seen(node))
        given = 0
        for find_out in machine.FACTS[state]:
            given |= find_out(case)
        for one, two in pairs:
            key = (one.state, one.name, two.name)
            if (
                one.state in (state, NONE if state == NONE else ANY)
                and key not in met
                and answers(one, case, given)
                and answers(two, case, given)
            ):
                met.add(key)
    yield from sorted({(one.state, one.name, two.name) for one, two in pairs} - met)


if __name__ == "__main__":
    print(json.dumps(list(_found())))

"""python -m bench.decisions: what one decision of the incident's machine costs, beside an empty call with the same arguments.

Views of every kind are made by chance (tests/core/some_views.py). For each state the typical and the worst decision among them are
measured, in turn with the empty call. Exit status 1 when one costs more than the limit.
"""

from __future__ import annotations

import random
import statistics
import sys
import time
import timeit
from collections.abc import Callable
from typing import Any

from bench.table import HEADER, Row
from core.policy import Policy
from core.recovery.machine import next_step
from core.recovery.snapshot import View
from tests.core.some_views import some_view

LIMIT = 50
VIEWS = 4000
ROUNDS = 25
CALLS = 2000  # a round: a few milliseconds, so that the frequency of the processor is the same for both
SEED = 7
POLICY = Policy()


def empty(view: View, policy: Policy, *, woken_by: str) -> None:
    """The floor."""


def cost_ns(function: Callable[..., Any], view: View, calls: int) -> float:
    """Processor time of one call, by its own loop: who else runs on the machine is not in it. What the loop itself takes is in both."""
    names = {"f": function, "view": view, "policy": POLICY}
    timer = timeit.Timer("f(view, policy, woken_by='tick')", timer=time.process_time, globals=names)
    return timer.timeit(calls) / calls * 1e9


def by_state() -> dict[str, list[tuple[float, str, View]]]:
    """(rough cost, rule, view) of each view, cheapest first."""
    chance = random.Random(SEED)  # noqa: S311  # made-up worlds, not secrets
    found: dict[str, list[tuple[float, str, View]]] = {}
    for _ in range(VIEWS):
        view = some_view(chance)
        state = "none" if view.incident is None or view.incident.ended else view.incident.state.value
        rough = min(cost_ns(next_step, view, 20) for _ in range(3))
        found.setdefault(state, []).append((rough, next_step(view, POLICY, woken_by="tick").rule, view))
    return {state: sorted(costs, key=lambda cost: cost[0]) for state, costs in found.items()}


def row(what: str, view: View) -> Row:
    ours, floor = [], []
    for _ in range(ROUNDS):
        floor.append(cost_ns(empty, view, CALLS))
        ours.append(cost_ns(next_step, view, CALLS))
    return Row(what=what, unit="ns", ours=ours, floor=floor, limit=LIMIT * statistics.median(floor), rule=f"at most {LIMIT} empty calls")


def main() -> int:
    print(HEADER)
    held = True
    for state, costs in sorted(by_state().items()):
        for word, (_, rule, view) in (("typical", costs[len(costs) // 2]), ("worst", costs[-1])):
            measured = row(f"{state}, {word}: {rule}", view)
            print(*measured.lines(), sep="\n", flush=True)
            held = held and measured.held
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())

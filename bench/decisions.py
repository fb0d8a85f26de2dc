"""python -m bench.decisions: what one decision of the incident's machine costs, beside an empty call with the same arguments.

  python -m bench.decisions                                  of 4,000 views
  python -m bench.decisions --views 20000 --seed 7 8 9       of 20,000 made with each of these seeds

Views of every kind are made by chance (tests/core/some_views.py). For each state the typical and the worst decision among them are
measured, in turn with the empty call. Exit status 1 when one costs more than the limit. What it takes to read the words of the worst one's
reason, which most decisions never are asked for, and to make its view, which is once for each reading of the world, is told beside it.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import time
import timeit
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from bench.table import HEADER, Row
from core.policy import Policy
from core.recovery.machine import next_step
from core.recovery.snapshot import View
from core.report.trace import reason_of
from tests.core.some_views import some_view

LIMIT = 50
VIEWS = 4000
ROUNDS = 25
CALLS = 2000  # a round: a few milliseconds, so that the frequency of the processor is the same for both
SEED = 7
DEAREST = 8  # of a state, to be looked at again before one of them is called the worst: others run on the machine, too
POLICY = Policy()


def empty(view: View, policy: Policy, *, woken_by: str) -> None:
    """The floor."""


def cost_ns(function: Callable[..., Any], view: View, calls: int) -> float:
    """Processor time of one call, by its own loop: who else runs on the machine is not in it. What the loop itself takes is in both."""
    names = {"f": function, "view": view, "policy": POLICY}
    timer = timeit.Timer("f(view, policy, woken_by='tick')", timer=time.process_time, globals=names)
    return timer.timeit(calls) / calls * 1e9


def in_words(view: View, policy: Policy, *, woken_by: str) -> str:
    return reason_of(next_step(view, policy, woken_by=woken_by).step)


def made(view: View, _: Policy, *, woken_by: str) -> View:
    return replace(view, launches=woken_by)


def by_state(views: int, seeds: Sequence[int]) -> dict[str, list[tuple[float, str, View]]]:
    """(rough cost, rule, view) of each view, cheapest first."""
    found: dict[str, list[tuple[float, str, View]]] = {}
    for seed in seeds:
        chance = random.Random(seed)  # noqa: S311  # made-up worlds, not secrets
        for _ in range(views):
            view = some_view(chance)
            state = "none" if view.incident is None or view.incident.ended else view.incident.state.value
            rough = min(cost_ns(next_step, view, 20) for _ in range(3))
            found.setdefault(state, []).append((rough, next_step(view, POLICY, woken_by="tick").rule, view))
    return {state: _sorted(costs) for state, costs in found.items()}


def _sorted(costs: list[tuple[float, str, View]]) -> list[tuple[float, str, View]]:
    costs = sorted(costs, key=lambda cost: cost[0])
    again = [(min(cost_ns(next_step, view, 100) for _ in range(20)), rule, view) for _, rule, view in costs[-DEAREST:]]
    return costs[:-DEAREST] + sorted(again, key=lambda cost: cost[0])


def row(what: str, view: View, function: Callable[..., Any] = next_step, *, limit: int | None = LIMIT) -> Row:
    ours, floor = [], []
    for _ in range(ROUNDS):
        floor.append(cost_ns(empty, view, CALLS))
        ours.append(cost_ns(function, view, CALLS))
    most = None if limit is None else limit * statistics.median(floor)
    return Row(what=what, unit="ns", ours=ours, floor=floor, limit=most, rule="" if limit is None else f"at most {limit} empty calls")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--views", type=int, default=VIEWS, metavar="N", help=f"made with each seed, {VIEWS} unless given")
    parser.add_argument("--seed", type=int, nargs="+", default=[SEED], metavar="N", help=f"{SEED} unless given")
    given = parser.parse_args()
    print(HEADER)
    held = True
    for state, costs in sorted(by_state(given.views, given.seed).items()):
        for word, (_, rule, view) in (("typical", costs[len(costs) // 2]), ("worst", costs[-1])):
            measured = row(f"{state}, {word}: {rule}", view)
            print(*measured.lines(), sep="\n", flush=True)
            held = held and measured.held
        worst = costs[-1][2]
        for what, function in (("the worst, and its reason in words", in_words), ("its view made anew", made)):
            print(*row(f"    {what}", worst, function, limit=None).lines(), sep="\n", flush=True)
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())

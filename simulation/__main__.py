"""`python -m simulation --seeds N`: so many histories on all processors, and what happened in them; `--seed S`: one, with its timeline."""

from __future__ import annotations

import argparse
import gc
import os
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

from simulation.faults import KINDS
from simulation.history import live
from simulation.plan import plan_of

BEGINS, ENDS = "<!-- figures: simulation -->", "<!-- end -->"
SHARE = 50  # seeds handed to a process at once


@dataclass
class Tally:
    histories: int = 0
    virtual_s: float = 0.0
    calls: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    ends: Counter[str] = field(default_factory=Counter)
    broken: list[tuple[int, str]] = field(default_factory=list)

    def __iadd__(self, other: Tally) -> Tally:
        self.histories += other.histories
        self.virtual_s += other.virtual_s
        self.calls += other.calls
        self.faults += other.faults
        self.ends += other.ends
        self.broken += other.broken
        return self


def live_all(seeds: range) -> Tally:
    tally = Tally()
    for seed in seeds:
        result = live(seed)
        tally += Tally(1, result.virtual_s, result.calls, result.counted, result.outcomes, [(seed, result.broken)] if result.broken else [])
    return tally


def shares(first: int, count: int) -> Iterator[range]:
    for begin in range(first, first + count, SHARE):
        yield range(begin, min(begin + SHARE, first + count))


def _collect_seldom() -> None:
    """A history's own values are few and die with it; to look through them each 700 takes a fourteenth of the time."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def live_in_parallel(first: int, count: int, processes: int) -> Tally:
    """Each history is its seed's alone: how they are shared out changes nothing."""
    whole = Tally()
    with ProcessPoolExecutor(processes, initializer=_collect_seldom) as pool:
        for done in as_completed([pool.submit(live_all, share) for share in shares(first, count)]):
            whole += done.result()
            for seed, what in done.result().broken:
                print(f"seed {seed}: {what}\n  replay: python -m simulation --seed {seed}", flush=True)
    return whole


def table(tally: Tally, took_s: float) -> str:
    """As docs/recovery.md shows it: every kind of fault with how often it came."""
    cells = [f"{kind} | {times:,}" for kind, times in sorted(tally.faults.items())]
    half = (len(cells) + 1) // 2
    right = [*cells[half:], *([" | "] * (2 * half - len(cells)))]
    least = min(((kind, tally.faults[kind]) for kind in KINDS), key=lambda one: one[1])
    lines = [
        f"{tally.histories:,} histories, {tally.virtual_s / 3600:,.0f} virtual hours, {tally.calls:,} calls of AWS by the functions, "
        f"{took_s / 60:.0f} min; {len(tally.broken)} broke a promise.",
        f"The rarest fault came {least[1]:,} times: {least[0]}.",
        "Incidents: " + ", ".join(f"{times:,} {state}" for state, times in sorted(tally.ends.items())) + ".",
        "",
        "| what happened | times | what happened | times |",
        "|---|---:|---|---:|",
        *(f"| {one} | {other} |" for one, other in zip(cells[:half], right, strict=True)),
    ]
    return "\n".join(lines)


def filled(page: str, text: str, today: date) -> str:
    """The page with the figures in their place."""
    block = f"{BEGINS}\nSeen on {today:%Y-%m-%d}: {text}\n{ENDS}"
    found, times = re.subn(f"{BEGINS}\n.*?{ENDS}", lambda _: block, page, flags=re.DOTALL)
    if times != 1:
        raise ValueError(f"the page has {times} places for the figures: {BEGINS} ... {ENDS}")
    return found


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000, help="how many histories")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--seed", type=int, help="live through this one alone and print its timeline")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--page", type=Path, help="write the figures into this page too")
    asked = parser.parse_args(arguments)
    if asked.seed is not None:
        print(plan_of(asked.seed))
        result = live(asked.seed, tells=True)
        print("\n".join(result.lines))
        print(f"\nBROKEN: {result.broken}" if result.broken else "\nevery promise was kept")
        return 1 if result.broken else 0
    began_s = time.monotonic()
    tally = live_in_parallel(asked.first, asked.seeds, asked.processes)
    text = table(tally, time.monotonic() - began_s)
    print(text)
    if asked.page is not None:
        asked.page.write_text(filled(asked.page.read_text(encoding="utf-8"), text, datetime.now(UTC).date()), encoding="utf-8")
    return 1 if tally.broken else 0


if __name__ == "__main__":
    sys.exit(main())

"""What people read at the end: the table of drills and the split of each gap; pure."""

from __future__ import annotations

from collections.abc import Sequence

from lab.drills.model import Promise, Result


def _number(value: float | None, unit: str = "") -> str:
    return "-" if value is None else f"{value:.2f}{unit}" if unit else f"{value:g}"


def table(rows: Sequence[Sequence[str]], head: Sequence[str]) -> str:
    widths = [max(len(str(row[i])) for row in (head, *rows)) for i in range(len(head))]
    lines = ["  ".join(str(cell).ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in (head, *rows)]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])


def promises(result: Result) -> str:
    rows = [("held" if promise.held else "BROKEN", *_judged(promise)) for promise in result.promises]
    return table(rows, ("", "promise", "measured", "limit"))


def _judged(promise: Promise) -> tuple[str, str, str]:
    """Its name, what was measured, and what is allowed."""
    if promise.unit == "count":
        return promise.name, _number(promise.measured), f"= {_number(promise.limit)}"
    unit = f" {promise.unit}"
    measured, limit = _number(promise.measured, unit), _number(promise.limit, unit)
    if promise.measured is None:
        measured = "never"
    elif not promise.held and measured == limit:
        measured = f"{promise.measured:.3f}{unit}"
    return promise.name, measured, f"<= {limit}"


def summary(results: Sequence[Result]) -> str:
    rows = []
    for r in results:
        delays = ", ".join(f"{name.replace('_', ' ')} {seconds:.1f}" for name, seconds in r.aws_delays) or "-"
        gap, ours = _number(r.client_gap_s, " s"), _number(r.ours_s, " s")
        rows.append((r.drill, "held" if r.held else "BROKEN", gap, _number(r.aws_s, " s"), ours, delays))
    return table(rows, ("drill", "promises", "client's gap", "AWS", "ours", "AWS's own delays (s, they overlap)"))


def verdict(results: Sequence[Result], wanted: int) -> str:
    """The last words, for whoever sees only the end: each broken promise, on which assembly, and the folder of its lab, which is kept.

    wanted: how many drills were asked for.
    """
    broken = [result for result in results if not result.held]
    head = f"{len(results) - len(broken)} of {len(results)} drills held"
    if broken:
        head += f"; broken: {', '.join(result.drill for result in broken)}"
    if len(results) < wanted:
        head += f"; {wanted - len(results)} were not played"
    rows = [
        (result.drill, f"{result.deployable}/{there.get('assembly', '-')}", *_judged(promise), str(there.get("lab", "-")))
        for result in broken
        for there in (result.circumstances,)
        for promise in result.promises
        if not promise.held
    ]
    return head if not rows else f"{head}\n\n{table(rows, ('broken drill', 'assembly', 'promise', 'measured', 'limit', 'its lab'))}"

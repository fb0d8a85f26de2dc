"""What people read at the end: the table of drills and the split of each gap; pure."""

from __future__ import annotations

from collections.abc import Sequence

from lab.drills.model import Result


def _number(value: float | None, unit: str = "") -> str:
    return "-" if value is None else f"{value:.2f}{unit}" if unit else f"{value:g}"


def table(rows: Sequence[Sequence[str]], head: Sequence[str]) -> str:
    widths = [max(len(str(row[i])) for row in (head, *rows)) for i in range(len(head))]
    lines = ["  ".join(str(cell).ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in (head, *rows)]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])


def promises(result: Result) -> str:
    rows = [
        (
            "held" if p.held else "BROKEN",
            p.name,
            _number(p.measured, f" {p.unit}" if p.unit != "count" else ""),
            ("= " if p.unit == "count" else "<= ") + _number(p.limit, f" {p.unit}" if p.unit != "count" else ""),
        )
        for p in result.promises
    ]
    return table(rows, ("", "promise", "measured", "limit"))


def summary(results: Sequence[Result]) -> str:
    rows = []
    for r in results:
        delays = ", ".join(f"{name.replace('_', ' ')} {seconds:.1f}" for name, seconds in r.aws_delays) or "-"
        gap, ours = _number(r.client_gap_s, " s"), _number(r.ours_s, " s")
        rows.append((r.drill, "held" if r.held else "BROKEN", gap, _number(r.aws_s, " s"), ours, delays))
    return table(rows, ("drill", "promises", "client's gap", "AWS", "ours", "AWS's own delays (s, they overlap)"))

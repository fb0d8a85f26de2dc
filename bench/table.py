"""Rows of the table: what was measured, of ours and of the floor in the same run, the limit, and whether it held."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any


def tail(values: Sequence[float], share: float = 0.95) -> float:
    """The value below which that share of them lies; of few values, the largest."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """ours and floor: the samples, in `unit`. limit: what the median of ours is held against, in `unit`; None only informs.

    at_least: the limit is a lower bound. rule: the limit in words. peers: by name, samples or why there are none.
    """

    what: str
    unit: str
    ours: Sequence[float]
    floor: Sequence[float] = ()
    limit: float | None
    rule: str
    at_least: bool = False
    peers: dict[str, Sequence[float] | str] = field(default_factory=dict)
    note: str = ""

    @property
    def measured(self) -> float:
        return statistics.median(self.ours)

    @property
    def ratio(self) -> float | None:
        return self.measured / statistics.median(self.floor) if self.floor else None

    @property
    def held(self) -> bool:
        if self.limit is None:
            return True
        return self.measured >= self.limit if self.at_least else self.measured <= self.limit

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "median": self.measured, "ratio": self.ratio, "held": self.held}

    def lines(self) -> list[str]:
        """One line for ours, one for each peer, one for the note."""
        floor = f"{number(statistics.median(self.floor)):>10}" if self.floor else f"{'':>10}"
        ratio = f"{self.ratio:>7.2f}" if self.ratio is not None else f"{'':>7}"
        word = "" if self.limit is None else "held" if self.held else "BROKEN"
        limit = "" if self.limit is None else f"{'>=' if self.at_least else '<='} {number(self.limit)}"
        worst = tail([-value for value in self.ours]) * -1 if self.at_least else tail(self.ours)
        ours = f"{number(self.measured):>10} {number(worst):>10}"
        lines = [f"{self.what:<46} {self.unit:<8} {len(self.ours):>4} {ours} {floor} {ratio}  {limit:<12} {word:<7} {self.rule}"]
        for name, values in self.peers.items():
            if isinstance(values, str):
                lines.append(f"    {name}: {values}")
                continue
            median = statistics.median(values)
            ratio = f"{median / statistics.median(self.floor):>7.2f}" if self.floor else ""
            lines.append(f"    {name:<42} {self.unit:<8} {len(values):>4} {number(median):>10} {number(tail(values)):>10} {'':>10} {ratio}")
        return lines + ([f"    {self.note}"] if self.note else [])


def number(value: float) -> str:
    """Four digits that count."""
    if value >= 1000 or value == 0:
        return f"{value:,.0f}"
    return f"{value:.4g}"


HEADER = f"{'what':<46} {'unit':<8} {'runs':>4} {'median':>10} {'tail (5%)':>10} {'floor':>10} {'ratio':>7}  {'limit':<12} {'':<7} rule"

"""From samples and the journal to numbers: the client's gap, AWS's share of it, and ours; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Sample:
    """One request of a client: began, ended (epoch seconds), answered, and by whom when the answer says so."""

    began: float
    ended: float
    ok: bool
    by: str = ""


@dataclass(frozen=True, slots=True)
class Gap:
    """The longest time without an answer: from the last good answer before to the first one after."""

    start: float
    end: float

    @property
    def seconds(self) -> float:
        return self.end - self.start


def longest_gap(samples: Iterable[Sample], *, since: float) -> Gap | None:
    """The longest gap that ends after `since`; None when nothing was answered after it."""
    longest: Gap | None = None
    last: float | None = None
    for sample in samples:
        if not sample.ok:
            continue
        if last is not None and sample.ended >= since:
            gap = Gap(last, sample.ended)
            if longest is None or gap.seconds > longest.seconds:
                longest = gap
        last = sample.ended
    return longest


def union_s(spans: Iterable[tuple[float, float]], *, start: float, end: float) -> float:
    """Seconds of [start, end] that at least one span covers."""
    total, reached = 0.0, start
    for a, b in sorted((max(a, start), min(b, end)) for a, b in spans):
        if b > reached:
            total += b - max(a, reached)
            reached = b
    return total


# AWS's delays that a recovery waits for, whoever they are of; the rest count only on the path that was taken.
_ALWAYS = {"pending", "boot", "shutdown", "group_detection", "group_launch", "address_move"}
_ON_THE_PATH = {"event", "stream_poll", "alarm_evaluation", "log_to_metric", "cold_start"}


def aws_spans(lines: Iterable[Mapping[str, Any]], gap: Gap) -> dict[str, list[tuple[float, float]]]:
    """The delay lines that overlap a gap, by name. A line of the path counts when it is marked critical or has no mark."""
    spans: dict[str, list[tuple[float, float]]] = {}
    for line in lines:
        if line.get("kind") != "delay" or line["until"] <= gap.start or line["at"] >= gap.end:
            continue
        name = str(line["name"])
        if name in _ALWAYS or (name in _ON_THE_PATH and line.get("critical", True)):
            spans.setdefault(name, []).append((float(line["at"]), float(line["until"])))
    return spans


def split(lines: Iterable[Mapping[str, Any]], gap: Gap) -> tuple[float, float, tuple[tuple[str, float], ...]]:
    """(AWS's seconds, ours, each delay's own seconds). Ours is what AWS's delays together do not cover."""
    spans = aws_spans(lines, gap)
    aws = union_s((span for of_name in spans.values() for span in of_name), start=gap.start, end=gap.end)
    each = tuple((name, union_s(of_name, start=gap.start, end=gap.end)) for name, of_name in sorted(spans.items()))
    return aws, gap.seconds - aws, each


def overlaps(rounds: Iterable[tuple[float, frozenset[str]]]) -> tuple[tuple[float, frozenset[str]], ...]:
    """The rounds of the census in which two machines served at once."""
    return tuple((at, serving) for at, serving in rounds if len(serving) > 1)

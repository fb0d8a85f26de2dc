"""From samples and the journal to numbers: the client's gap, AWS's share of it, and ours; pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from lab.drills.pools import in_pool


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


def union(spans: Iterable[tuple[float, float]], *, start: float, end: float) -> list[tuple[float, float]]:
    """What of [start, end] at least one span covers, as spans that do not touch."""
    covered: list[tuple[float, float]] = []
    for a, b in sorted((max(a, start), min(b, end)) for a, b in spans):
        if b <= a:
            continue
        if covered and a <= covered[-1][1]:
            covered[-1] = (covered[-1][0], max(b, covered[-1][1]))
        else:
            covered.append((a, b))
    return covered


def union_s(spans: Iterable[tuple[float, float]], *, start: float, end: float) -> float:
    """Seconds of [start, end] that at least one span covers."""
    return sum(b - a for a, b in union(spans, start=start, end=end))


# Delays that a recovery waits for, whoever they are of. Those of alarms and metrics count only on the path that was taken:
# sweeps come and go all the time, and only the one that tipped the alarm was waited for.
_WAITED_FOR = {
    "pending",
    "boot",
    "shutdown",
    "group_detection",
    "group_launch",
    "address_move",
    "record_change",
    "interface_move",
    "alb_target",
    "nlb_target",
    "database_failover",
    "volume_move",
    "event",
    "stream_poll",
    "cold_start",
}
Span = tuple[float, float]


def is_of_others(line: Mapping[str, Any], others: frozenset[str]) -> bool:
    """Whether a line of the journal tells of something that belongs to another assembly: a machine, a group, an alarm."""
    if not others:
        return False
    told = str(line["subject"]) if line["kind"] == "delay" else str(line.get("alarm") or line["what"].split(":")[0])
    return not others.isdisjoint(_PARTS.split(told))


_PARTS = re.compile(r"[\s,:#]+")


def aws_spans(lines: Iterable[Mapping[str, Any]], gap: Gap, others: frozenset[str] = frozenset()) -> dict[str, list[Span]]:
    """AWS's own delays that overlap a gap and lie on the path that was taken, by name. others: the names of what other assemblies have."""
    lines = list(lines)
    of_a_pool = in_pool(lines)
    near = [line for line in lines if float(line.get("until", line["at"])) > gap.start and float(line["at"]) < gap.end]
    seen = [line for line in near if not is_of_others(line, others)]
    spans: dict[str, list[Span]] = {}
    for line in seen:
        if line["kind"] == "delay" and line["name"] in _WAITED_FOR and not of_a_pool(line):
            spans.setdefault(str(line["name"]), []).append((float(line["at"]), _ended(line, seen)))
    evaluation = _tipped(seen)
    if evaluation is not None:
        spans["alarm_evaluation"] = [evaluation]
        before = [(float(m["at"]), float(m["until"])) for m in seen if m.get("name") == "log_to_metric" and m["until"] <= evaluation[1]]
        if before:
            spans["log_to_metric"] = [max(before)]
    return spans


def _ended(line: Mapping[str, Any], lines: Iterable[Mapping[str, Any]]) -> float:
    """A group stops waiting to notice an instance once somebody tells it to retire that instance."""
    until = float(line["until"])
    if line["name"] != "group_detection":
        return until
    told = (float(e["at"]) for e in lines if e.get("who") == "group" and str(e["what"]).startswith(f"retires {line['subject']}"))
    return min([until, *(at for at in told if at >= float(line["at"]))])


def _tipped(lines: Iterable[Mapping[str, Any]]) -> Span | None:
    """The evaluation that made the first alarm ring whose action is a function; None when no alarm was on the path."""
    lines = list(lines)
    rung = {str(e["what"]).split(":")[0]: float(e["at"]) for e in lines if e.get("who") == "alarm" and "-> ALARM" in str(e["what"])}
    called = {str(e["what"]).split(":")[0] for e in lines if e.get("who") == "alarm" and ":function:" in str(e["what"])}
    delays = [m for m in lines if m.get("name") == "alarm_evaluation" and m["subject"] in called and m["subject"] in rung]
    spans = [(float(m["at"]), float(m["until"])) for m in delays if abs(float(m["until"]) - rung[m["subject"]]) < 1.0]
    return min(spans) if spans else None


def split(
    lines: Iterable[Mapping[str, Any]], gap: Gap, others: frozenset[str] = frozenset()
) -> tuple[float, float, tuple[tuple[str, float], ...]]:
    """(AWS's seconds, ours, each delay's own seconds). Ours is what AWS's delays together do not cover.

    others: the names of what belongs to assemblies that nobody broke; what AWS does about them was not waited for.
    """
    spans = aws_spans(lines, gap, others)
    aws = union_s((span for of_name in spans.values() for span in of_name), start=gap.start, end=gap.end)
    each = tuple((name, union_s(of_name, start=gap.start, end=gap.end)) for name, of_name in sorted(spans.items()))
    return aws, gap.seconds - aws, each


def shares(lines: Iterable[Mapping[str, Any]], gap: Gap, others: frozenset[str] = frozenset()) -> list[Span]:
    """The parts of the gap that are AWS's, as `split` counts them."""
    spans = aws_spans(lines, gap, others)
    return union((span for of_name in spans.values() for span in of_name), start=gap.start, end=gap.end)


def overlaps(rounds: Iterable[tuple[float, frozenset[str]]]) -> tuple[tuple[float, frozenset[str]], ...]:
    """The rounds of the census in which two machines served at once."""
    return tuple((at, serving) for at, serving in rounds if len(serving) > 1)

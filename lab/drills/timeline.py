"""From the journal's lines to the story that a person reads; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from lab.drills.model import Moment

# Parts whose every line would drown the story: ordinary sweeps, polls, and what went as always.
_QUIET = {"functions", "function", "metrics", "metric", "events", "event", "queue", "stream", "schedule"}


def moments(lines: Iterable[Mapping[str, Any]], *, since: float, until: float) -> tuple[Moment, ...]:
    """What an onlooker would tell, in order, counted from the fault. AWS's long waits are told too."""
    told: list[Moment] = []
    for line in lines:
        at = float(line["at"])
        if not since <= at <= until:
            continue
        if line["kind"] == "delay":
            seconds = float(line["until"]) - at
            if seconds >= 1.0 and line["name"] not in ("log_to_metric", "event"):
                told.append(Moment(at - since, "aws", f"{line['name'].replace('_', ' ')} of {line['subject']} takes {seconds:.1f} s"))
        elif line.get("who") not in _QUIET and not line.get("quiet"):
            told.append(Moment(at - since, str(line["who"]), str(line["what"])))
    told.sort(key=lambda moment: moment.at_s)
    return tuple(told)


def text(moment: Moment) -> str:
    return f"  {moment.at_s:8.2f} s  {moment.who:<18} {moment.what}"

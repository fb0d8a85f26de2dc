"""Results read back from their JSON: what several labs wrote becomes one page; pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lab.drills.model import IncidentSummary, Moment, Promise, Result, Span


def result_of(row: Mapping[str, Any]) -> Result:
    """The contrary of Result.json(), as far as it was rounded there. What an older row lacks is empty. Raises KeyError."""
    incident = row.get("incident")
    gap = row.get("gap")
    return Result(
        drill=str(row["drill"]),
        deployable=str(row["deployable"]),
        promises=tuple(Promise(**promise) for promise in row["promises"]),
        timeline=tuple(Moment(**moment) for moment in row["timeline"]),
        gap=Span(**gap) if gap else None,
        spans=tuple(Span(**span) for span in row.get("spans", ())),
        aws_shares=tuple(Span(**span) for span in row.get("aws_shares", ())),
        client_gap_s=row["client_gap_s"],
        aws_s=float(row["aws_s"]),
        ours_s=row["ours_s"],
        aws_delays=tuple((str(name), float(seconds)) for name, seconds in row["aws_delays"].items()),
        incident=IncidentSummary(**incident) if incident else None,
        circumstances=row.get("circumstances", {}),
    )

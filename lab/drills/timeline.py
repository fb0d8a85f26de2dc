"""From the journal's lines to the story that a person reads: what died, who noticed, what was decided and why; pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from lab.drills.model import Moment, Span
from lab.drills.owners import NOBODYS, Owners

# What goes on all the time and decides nothing would drown the story.
_QUIET_WHO = {"functions", "function", "metrics", "metric", "events", "event", "queue", "stream", "schedule", "lab", "topic"}
_DAILY = re.compile(r"invoked by |done in |woken by |a fresh look at |joined incident |Successfully executed action|nothing to do: ")
_TOLD_DELAYS = {"pending", "boot", "shutdown", "group_detection", "group_launch", "alarm_evaluation", "address_move", "record_change"}
_TOLD_DELAYS |= {"interface_move", "volume_move", "alb_target", "nlb_target"}
_MADE_NAME = re.compile(r"understudy-[a-z0-9-]+?-([A-Z][A-Za-z]+?)(?:[0-9A-F]{8}(?:-[A-Z0-9]{10,})?|[0-9A-F]{0,7}-[A-Z0-9]{10,})")
_INSTANCE = re.compile(r"\b(i-[0-9a-f]{4})[0-9a-f]{13}\b")
_INCIDENT = re.compile(r"\bincident \d{13}-i-[0-9a-f]{4}\.\. ")
_TWICE = re.compile(r"\b(\w+): \1\b")  # "suspected: suspected i-.."
WHAT_MAX = 150


def short(text: str) -> str:
    """Names as people say them: no hashes that CloudFormation added, instances by their first digits."""
    text = _INCIDENT.sub("", _INSTANCE.sub(r"\1..", _MADE_NAME.sub(r"\1", text)))
    text = _TWICE.sub(r"\1", text)
    return text if len(text) <= WHAT_MAX else text[: WHAT_MAX - 1].rstrip() + "…"


def moment_of(line: Mapping[str, Any], *, since: float, owners: Owners = NOBODYS) -> Moment | None:
    """The moment that a line of the journal tells, counted from the fault; None for what is not worth telling."""
    told = _told(line, since=since)
    return told if told is None else replace(told, about=owners.of(line))


def _told(line: Mapping[str, Any], *, since: float) -> Moment | None:
    at_s = float(line["at"]) - since
    if line["kind"] == "delay":
        if line["name"] not in _TOLD_DELAYS:
            return None
        seconds = float(line["until"]) - float(line["at"])
        return Moment(at_s, "aws", short(f"{str(line['name']).replace('_', ' ')} of {line['subject']}: {seconds:.1f} s"))
    who, what = str(line["who"]), str(line["what"])
    if who == "topic" and "message" in line and not what.startswith("e-mail to "):
        return Moment(at_s, "people", short(f"are told: {what.split(': ', 1)[-1]}"))
    if who in _QUIET_WHO or _DAILY.match(what) or (who == "alarm" and _DAILY.search(what)):
        return None
    return Moment(at_s, short(who), short(what))


def moments(lines: Iterable[Mapping[str, Any]], *, since: float, until: float, owners: Owners = NOBODYS) -> tuple[Moment, ...]:
    """The story between two instants, in order; a line that says what its speaker said just before, of the same, is left out."""
    told = [m for x in lines if since <= float(x["at"]) <= until and (m := moment_of(x, since=since, owners=owners)) is not None]
    told.sort(key=lambda moment: moment.at_s)
    last: dict[tuple[str, str], str] = {}
    kept = []
    for moment in told:
        if last.get((moment.who, moment.about)) != moment.what:
            kept.append(moment)
        last[moment.who, moment.about] = moment.what
    return tuple(kept)


def spans(lines: Iterable[Mapping[str, Any]], *, since: float, until: float) -> tuple[Span, ...]:
    """AWS's own delays that began between two instants, in order."""
    told = [line for line in lines if line["kind"] == "delay" and line["name"] in _TOLD_DELAYS and since <= float(line["at"]) <= until]
    told.sort(key=lambda line: float(line["at"]))
    return tuple(Span(str(x["name"]), short(str(x["subject"])), float(x["at"]) - since, float(x["until"]) - since) for x in told)


def text(moment: Moment) -> str:
    return f"  {moment.at_s:7.2f} s  {moment.who:<17} {moment.what}"

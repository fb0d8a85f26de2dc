"""What a group does about its warm pool while a recovery goes on: nobody waits for it; pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

_INTO = re.compile(r"launches (\S+) into the warm pool")
_OUT_OF = re.compile(r"takes (\S+) from its warm pool")
_TOLD_LATE_S = 1.0  # a start is told of right after it was asked for


def in_pool(lines: Iterable[Mapping[str, Any]]) -> Callable[[Mapping[str, Any]], bool]:
    """Whether a delay is of an instance that was in a warm pool when the delay began."""
    into: set[str] = set()
    out_of: dict[str, float] = {}
    for line in lines:
        if line.get("who") != "group":
            continue
        if found := _INTO.match(str(line["what"])):
            into.add(found[1])
        elif found := _OUT_OF.match(str(line["what"])):
            out_of[found[1]] = float(line["at"])

    def judge(line: Mapping[str, Any]) -> bool:
        subject = str(line.get("subject"))
        return subject in into and float(line["at"]) < out_of.get(subject, float("inf")) - _TOLD_LATE_S

    return judge

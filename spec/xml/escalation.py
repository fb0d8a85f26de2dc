"""The two escalation attributes as a tolerance, and an interval as Pacemaker reads it.

In the original the N-th failure within the period escalates, and what is missing, no number or not positive means never
(recover.c); here `failures` are absorbed and the next one escalates.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from spec.values import duration_text
from spec.xml.parser import Node

KEYS = ("escalation_failures", "escalation_period")
_LONG_MAX = 2**63 - 1  # strtol(3): beyond it there is no number
_UNITS_S = {
    "us": 1e-6,
    "usec": 1e-6,
    "ms": 1e-3,
    "msec": 1e-3,
    "": 1.0,
    "s": 1.0,
    "sec": 1.0,
    "m": 60.0,
    "min": 60.0,
    "h": 3600.0,
    "hr": 3600.0,
}


def number(text: str | None) -> int | None:
    """As strtol(3) has it: the digits that it begins with, whatever follows them. None: there are none, or far too many."""
    match = re.match(r"\s*([+-]?[0-9]{1,20})(?![0-9])", text or "")
    return int(match[1]) if match and abs(int(match[1])) <= _LONG_MAX else None


def tolerance(node: Node, *, window: str) -> dict[str, Any]:
    """window: what stands there when nothing ever escalates, for a tolerance has one."""
    failures, period_s = (number(node.get(key)) for key in KEYS)
    if failures is None or period_s is None or failures <= 0 or period_s <= 0:
        return {"failures": "never", "window": window}
    return {"failures": failures - 1, "window": duration_text(float(period_s))}


def differences(node: Node) -> Iterator[str]:
    """What a reader of the two attributes may not expect."""
    given = {key: node.get(key) for key in KEYS}
    for key, text in given.items():
        if text is not None and number(text) is not None and str(number(text)) != text.strip():
            unit = " seconds" if key == "escalation_period" else ""
            yield f'{key}="{text}" means {number(text)}{unit}, as the original reads it'
    found = {key: number(text) for key, text in given.items()}
    failures, period_s = found.values()
    if failures is not None and failures > 0 and period_s is not None and period_s > 0:
        yield f'escalation_failures="{failures}" means that failure {failures} escalates: {failures - 1} before it absorbed'
        return
    plain = all(text is None or text.strip().upper() == "INFINITY" for text in given.values())
    if not plain:
        why = " and ".join(f'{key}="{text}"' if text is not None else f"no {key}" for key, text in given.items() if (found[key] or 0) <= 0)
        yield f"never escalates, as in the original: {why}"


def interval_s(text: str) -> float:
    """In seconds; the schema has looked at its form."""
    match = re.fullmatch(r"\s*([0-9.]+)\s*([a-z]*)\s*", text)
    assert match is not None, f"the schema let {text!r} pass"
    return round(float(match[1]) * _UNITS_S[match[2]], 3)

"""The results of `make mutation` (docs/mutation.json) as tables of docs/recovery.md."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tools.mutation.explained import why
from tools.mutation.mutants import OPERATORS
from tools.page import markdown

RESULT = Path(__file__).resolve().parents[2] / "docs/mutation.json"


def _results() -> dict[str, Any]:
    """By module."""
    found: dict[str, Any] = json.loads(RESULT.read_text())
    return found


def _counts(operators: dict[str, dict[str, int]]) -> tuple[int, int]:
    return sum(each["mutants"] for each in operators.values()), sum(each["killed"] for each in operators.values())


def modules() -> str:
    rows, all_mutants, all_killed = [], 0, 0
    for name, result in _results().items():
        mutants, killed = _counts(result["operators"])
        all_mutants, all_killed = all_mutants + mutants, all_killed + killed
        rows.append((f"`{name}`", result["date"], str(mutants), str(killed), f"{killed / max(1, mutants):.1%}"))
    rows.append(("all of these", "", str(all_mutants), str(all_killed), f"{all_killed / max(1, all_mutants):.1%}"))
    return markdown(("module", "as of", "changes", "noticed", "share"), rows)


def operators() -> str:
    rows = []
    for name, what in OPERATORS.items():
        mutants, killed = _counts({m: r["operators"][name] for m, r in _results().items() if name in r["operators"]})
        rows.append((name, what, str(mutants), str(killed)))
    return markdown(("operator", "what it does", "changes", "noticed"), rows)


def survivors() -> str:
    rows = [
        (f"`{module}:{each['line']}`", f"`{each['before']}`", f"`{each['after']}`", why(module, each))
        for module, result in _results().items()
        for each in result["survivors"]
    ]
    return markdown(("where", "before", "after", "why no test notices"), rows)

"""python tools/drills_page.py FILE...: write into docs/drills.md what drills' results (`understudy drill --json FILE`) say; later ones win.

A drill that the files do not have keeps the row that it has: each row tells when it was played, and of which version.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from lab.drills.scenes import DRILLS  # noqa: E402  # the repository is not installed: found by the line above
from tools.page import markdown, written  # noqa: E402

PAGE = ROOT / "docs/drills.md"
HEAD = ("drill", "promises", "client's gap", "AWS", "ours", "played", "version", "cores, load")
Row = tuple[str, ...]


def row_of(result: Mapping[str, Any]) -> Row:
    """One drill's line: broken promises are named."""
    broken = [promise["name"] for promise in result["promises"] if not promise["held"]]
    kept = f"all {len(result['promises'])} held"
    there = result.get("circumstances") or {}
    return (
        f"`{result['drill']}`",
        "**broken**: " + "; ".join(broken) if broken else kept,
        _seconds(result["client_gap_s"]),
        _seconds(result["aws_s"]) if result["client_gap_s"] is not None else "-",
        _seconds(result["ours_s"]),
        str(there.get("at", "-")),
        str(there.get("version", "-")),
        _machine(there),
    )


def _machine(there: Mapping[str, Any]) -> str:
    if not there:
        return "-"
    faster = f"; AWS's delays by {there['time_scale']:g} shorter" if there.get("time_scale", 1.0) != 1.0 else ""
    return f"{there['cores']}, {there['load']:g}{faster}"


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} s"


def rows_of(page: str) -> dict[str, Row]:
    """The rows that a page has already, by their drill."""
    rows = [tuple(cell.strip() for cell in line.strip("| ").split(" | ")) for line in page.splitlines() if line.startswith("| `")]
    return {row[0].strip("`"): row for row in rows if len(row) == len(HEAD)}


def table(page: str, results: Sequence[Mapping[str, Any]]) -> str:
    """Every drill there is, in the order of the drills' own table; one that was not played since says so."""
    known = rows_of(page) | {str(result["drill"]): row_of(result) for result in results}
    never = ("not played since this page is kept", *("-" for _ in HEAD[2:]))
    return markdown(HEAD, [known.get(name, (f"`{name}`", *never)) for name in DRILLS])


def main(files: Sequence[str]) -> int:
    page = PAGE.read_text()
    results = [result for file in files for result in json.loads(Path(file).read_text())]
    PAGE.write_text(written(page, {"results": lambda: table(page, results)}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""python tools/heavy_page.py FILE...: write into docs/heavy.md what the heavy tier's results (`pytest -m heavy --junitxml FILE`) say.

A file of tests that the results do not have keeps the row that it has: each row tells when it was played, and of which version. Run it
where the tests ran: the version is this checkout's.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import defusedxml.ElementTree

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from tools.page import markdown, written  # noqa: E402  # the repository is not installed: found by the line above

PAGE = ROOT / "docs/heavy.md"
HEAD = ("tests", "what they hold it to", "came out", "seconds", "played", "version")
MARK = re.compile(r"mark\.heavy\b")
Row = tuple[str, ...]


@dataclass
class Played:
    """One file's tests. seconds: what they took one after the other, with what they had to make first."""

    on: str
    passed: int = 0
    skipped: int = 0
    failed: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def came_out(self) -> str:
        if self.failed:
            return f"**failed**: {', '.join(self.failed)}"
        left_out = f", {self.skipped} left out" if self.skipped else ""
        return f"{self.passed} passed{left_out}"


def read(results: Iterable[Path]) -> dict[str, Played]:
    """By the file of tests. A test that failed while it was made or tidied counts as failed. Raises OSError, ParseError."""
    found: dict[str, Played] = {}
    for path in results:
        suite = defusedxml.ElementTree.parse(path).getroot().find("testsuite")
        for case in suite.iter("testcase"):
            one = found.setdefault(case.get("classname").replace(".", "/") + ".py", Played(suite.get("timestamp")[:10]))
            one.seconds += float(case.get("time"))
            if any(case.find(kind) is not None for kind in ("failure", "error")):
                one.failed.append(f"`{case.get('name')}`")
            elif case.find("skipped") is not None:
                one.skipped += 1
            else:
                one.passed += 1
    return found


def heavy_files() -> dict[str, str]:
    """Each file of tests that has heavy ones, and its first line."""
    found = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        text = path.read_text(encoding="utf-8")
        if MARK.search(text) and path.name != "test_heavy_page.py":
            found[str(path.relative_to(ROOT))] = (ast.get_docstring(ast.parse(text)) or "").partition("\n")[0]
    return found


def rows_of(page: str) -> dict[str, Row]:
    """The rows that a page has already, by their file."""
    rows = [tuple(cell.strip() for cell in line.strip("| ").split(" | ")) for line in page.splitlines() if line.startswith("| `tests/")]
    return {row[0].strip("`"): row for row in rows if len(row) == len(HEAD)}


def table(page: str, results: Mapping[str, Played], files: Mapping[str, str], version: str) -> str:
    """Every file that has heavy tests; one that was not played since says so."""
    known = rows_of(page)
    for name, one in results.items():
        known[name] = (f"`{name}`", files.get(name, ""), one.came_out, f"{one.seconds:.0f}", one.on, version)
    never = ("not played since this page is kept", "-", "-", "-")
    return markdown(HEAD, [(f"`{name}`", about, *known.get(name, ("", "", *never))[2:]) for name, about in files.items()])


def main(files: Sequence[str]) -> int:
    told = subprocess.run(["git", "rev-parse", "--short=7", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False)
    page = PAGE.read_text()
    results = read(Path(file) for file in files)
    PAGE.write_text(written(page, {"results": lambda: table(page, results, heavy_files(), told.stdout.strip() or "-")}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

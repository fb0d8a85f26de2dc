"""Pages with tables that come from code: each stands between `<!-- table: NAME -->` and `<!-- end -->`."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

Tables = Mapping[str, Callable[[], str]]


def markdown(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """One table."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in line) + " |" for line in lines)


def written(text: str, tables: Tables) -> str:
    """The page with every marked table made anew. Raises KeyError for a marker without a table."""

    def fill(match: re.Match[str]) -> str:
        return f"<!-- table: {match[1]} -->\n{tables[match[1]]()}\n<!-- end -->"

    return re.sub(r"<!-- table: ([\w-]+) -->\n.*?<!-- end -->", fill, text, flags=re.DOTALL)


def main(page: Path, tables: Tables) -> int:
    """0 when the page is (now) right; 1 with --check when it is not."""
    before = page.read_text()
    after = written(before, tables)
    if "--check" in sys.argv[1:]:
        return int(before != after)
    page.write_text(after)
    return 0

"""python -m lab.drills.docs: write the tables of docs/lab.md that come from code. `--check` only compares."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from lab.delays import Delays
from lab.drills.sabotage import SABOTAGES
from lab.drills.scenes import DRILLS
from lab.machines.unenforced import by_reason

PAGE = Path(__file__).resolve().parents[2] / "docs/lab.md"


def markdown(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def tables() -> dict[str, str]:
    """Each table by the name in its marker."""
    return {
        "drills": markdown(
            ("drill", "fault", "promise", "limit"), [(f"`{d.name}`", d.fault, d.promise, f"{d.limit:g} {d.unit}") for d in DRILLS.values()]
        ),
        "sabotage": markdown(("sabotage", "what is broken"), [(f"`{name}`", it.what) for name, it in SABOTAGES.items()]),
        "unenforced": markdown(("directives of a unit", "why they have no effect here"), by_reason()),
        "delays": markdown(("delay", "seconds", "source"), [(d.name, f"{d.seconds:g}", d.source) for d in Delays().all()]),
    }


def written(text: str) -> str:
    """The page with every marked table made anew. Raises ValueError for a marker without a table."""
    made = tables()

    def fill(match: re.Match[str]) -> str:
        if match[1] not in made:
            raise ValueError(f"docs/lab.md asks for a table {match[1]!r}; there are {', '.join(made)}")
        return f"<!-- table: {match[1]} -->\n{made[match[1]]}\n<!-- end -->"

    return re.sub(r"<!-- table: (\w+) -->\n.*?<!-- end -->", fill, text, flags=re.DOTALL)


def main() -> int:
    """0 when the page is (now) right; 1 with --check when it is not."""
    before = PAGE.read_text()
    after = written(before)
    if "--check" in sys.argv[1:]:
        return int(before != after)
    PAGE.write_text(after)
    return 0


if __name__ == "__main__":
    sys.exit(main())

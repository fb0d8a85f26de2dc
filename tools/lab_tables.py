"""python tools/lab_tables.py: write the tables of docs/lab.md that come from code. `--check` only compares."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from lab.delays import Delays  # noqa: E402  # the repository is not installed: found by the line above
from lab.drills.sabotage import SABOTAGES  # noqa: E402
from lab.drills.scenes import DRILLS  # noqa: E402
from lab.machines.unenforced import by_reason  # noqa: E402
from tools.page import Tables, main, markdown  # noqa: E402

PAGE = ROOT / "docs/lab.md"


def drills() -> str:
    rows = [
        (f"`{drill.name}`", drill.fault, drill.promise, f"{drill.limit:g} {drill.unit}", ", ".join(f"`{name}`" for name in drill.broken_by))
        for drill in DRILLS.values()
    ]
    return markdown(("drill", "fault", "promise", "limit", "finds out"), rows)


TABLES: Tables = {
    "drills": drills,
    "sabotage": lambda: markdown(("sabotage", "what is broken"), [(f"`{name}`", it.what) for name, it in SABOTAGES.items()]),
    "unenforced": lambda: markdown(("directives of a unit", "why they have no effect here"), by_reason()),
    "delays": lambda: markdown(("delay", "seconds", "source"), [(d.name, f"{d.seconds:g}", d.source) for d in Delays().all()]),
}


if __name__ == "__main__":
    sys.exit(main(PAGE, TABLES))

"""python -m tools.mutation: changes core's modules that decide about an incident in every small way, and sees whether a test notices.

  python -m tools.mutation                        all of it, on two processes
  python -m tools.mutation --only core/recovery/guards.py  one module, after a change of it

Writes what became of each module into docs/mutation.json; `.venv/bin/python tools/recovery_tables.py` shows it in docs/recovery.md.
Exit status 1 below SHARE_MIN.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

from tools.mutation.disjoint import excluding_pairs
from tools.mutation.mutants import Mutant, mutant, plans
from tools.mutation.running import ROOT, SURVIVED, TOO_LONG, rounds

SUBJECTS = tuple(
    f"core/{name}.py"
    for name in (
        "recovery/rules",
        "recovery/facts",
        "recovery/weighing",
        "recovery/seen",
        "recovery/snapshot",
        "recovery/outlook",
        "recovery/intents",
        "recovery/steps",
        "recovery/machine",
        "recovery/case",
        "recovery/opening",
        "recovery/suspicion",
        "recovery/isolating",
        "recovery/recreating",
        "recovery/verifying",
        "recovery/changes",
        "recovery/incident",
        "recovery/guards",
        "recovery/budget",
        "policy",
        "recovery/ladder",
        "recovery/rung",
        "recovery/last_moment",
        "recovery/limping",
        "recovery/announced",
        "watching/volumes",
        "watching/mending",
    )
)
# The generated histories are left out: they take minutes, and a test that says what is wrong is worth more than one that stumbles over it.
TESTS = (
    "tests/core/test_core_recovery_*.py",
    "tests/core/test_core_ladder*.py",
    "tests/core/test_core_budget.py",
    "tests/core/test_core_incident.py",
    "tests/core/test_core_intents.py",
    "tests/core/test_core_mending.py",
    "tests/core/test_core_outlook.py",
    "tests/core/test_core_pool.py",
    "tests/core/test_core_volumes.py",
)
NOT_ASKED = ("test_core_recovery_histories.py", "test_core_recovery_times.py")
SHARE_MIN = 0.95
RESULT = ROOT / "docs/mutation.json"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", metavar="FILE", help="these modules alone")
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args()
    began_s = time.monotonic()
    files = [str(path.relative_to(ROOT)) for pattern in TESTS for path in sorted(ROOT.glob(pattern)) if path.name not in NOT_ASKED]
    subjects = args.only or [subject for subject in SUBJECTS if (ROOT / subject).exists()]
    apart = excluding_pairs() if "core/recovery/rules.py" in subjects else frozenset()
    every = [
        made for subject in subjects for plan in plans(subject, (ROOT / subject).read_text(), apart) if (made := mutant(plan)) is not None
    ]
    print(f"{len(every)} mutants of {len(subjects)} modules, {len(files)} files of tests", flush=True)
    fates = rounds(subjects, every, files, args.jobs)
    for n, each in enumerate(every):
        if fates[n] == SURVIVED:
            print(f"survived: {each.name}")
    killed = sum(fate != SURVIVED for fate in fates.values())
    late = sum(fate == TOO_LONG for fate in fates.values())
    share = killed / max(1, len(every))
    took_s = time.monotonic() - began_s
    print(f"{killed} of {len(every)} noticed ({share:.1%}), {late} of them by taking too long; {took_s:.0f} s")
    _write(subjects, every, fates)
    return int(share < SHARE_MIN)


def _write(subjects: Sequence[str], every: Sequence[Mutant], fates: Mapping[int, str]) -> None:
    """Counts by operator and each survivor, of these modules; what is known of the others stays."""
    known: dict[str, Any] = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    for subject in subjects:
        mine = [(each, fates[n]) for n, each in enumerate(every) if each.module == subject]
        operators: dict[str, dict[str, int]] = {}
        for each, fate in mine:
            counts = operators.setdefault(each.operator, {"mutants": 0, "killed": 0})
            counts["mutants"] += 1
            counts["killed"] += fate != SURVIVED
        survivors = [
            {"operator": each.operator, "line": each.line, "before": each.before, "after": each.after}
            for each, fate in mine
            if fate == SURVIVED
        ]
        known[subject] = {"date": time.strftime("%Y-%m-%d"), "operators": operators, "survivors": survivors}
    RESULT.write_text(json.dumps(dict(sorted(known.items())), indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())

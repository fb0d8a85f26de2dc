"""make bench: how long each recovery takes and each way to the kill, AWS's share told from ours; medians and tails of several runs."""

from __future__ import annotations

import argparse
import json
import math
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LIMITS = {"kill-application": 0.1, "kill-instance": 15.0, "freeze-instance": 60.0}
# Until the call that ends the machine, by what told of the failure. Silence: three of three sweeps of 10 s, and two ticks.
KILLS = {"flap": ("the node's own request", 2.0), "freeze-instance": ("silence", 45.0)}
PLAYED = (*LIMITS, *(name for name in KILLS if name not in LIMITS))


def drill(names: list[str], deployable: Path) -> tuple[list[dict[str, Any]], str]:
    """Play drills in one lab; their results and what was printed."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "results.json"
        command = [sys.executable, "-m", "lab", "drill", *names, "--deployable", str(deployable), "--json", str(out)]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            print(line, end="", file=sys.stderr, flush=True)
        process.wait()
        return json.loads(out.read_text()) if out.exists() else [], "".join(lines)


def row(name: str, values: list[float], limit: float, unit: str = "s") -> str:
    if not values:
        return f"{name:<42} {'no run gave a value':>32}"
    median, worst = statistics.median(values), max(values)
    verdict = "" if math.isinf(limit) else "within" if median <= limit else "OVER"
    return f"{name:<42} {len(values):>4} {min(values):>9.3f} {median:>9.3f} {worst:>9.3f} {limit:>9.3f} {unit:<3} {verdict}"


def added(result: dict[str, Any]) -> float | None:
    for promise in result["promises"]:
        if promise["name"].startswith(("added to", "our share")):
            return None if promise["measured"] is None else float(promise["measured"])
    return None


def kills(results: list[dict[str, Any]]) -> tuple[list[str], bool]:
    """Rows of the times until a machine was ended, AWS's beside ours; and whether each limit is kept by its median."""
    lines, kept = [], True
    for name, (sign, limit) in KILLS.items():
        found = [r["kill"] for r in results if r["drill"] == name and r.get("kill")]
        ours = [float(kill["ours_s"]) for kill in found]
        kept = kept and bool(ours) and statistics.median(ours) <= limit
        lines.append(row(f"{sign} -> terminate: ours", ours, limit))
        lines.append(row(f"{sign} -> terminate: AWS's", [float(kill["aws_s"]) for kill in found], math.inf))
        for delay in sorted({delay for kill in found for delay in kill["aws_delays"]}):
            seconds = [float(kill["aws_delays"][delay]) for kill in found if delay in kill["aws_delays"]]
            lines.append(row(f"  of it {delay.replace('_', ' ')}", seconds, math.inf))
    return lines, kept


def main() -> int:
    """Exit status 1 when a promise of a drill was broken, or a machine was ended too late; the other numbers only inform."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="runs of each drill; default 5")
    parser.add_argument("--deployable", type=Path, default=ROOT / "deployables/demo.yaml")
    parser.add_argument("--alone", action="store_true", help="also leave a healthy deployable alone for ten minutes")
    args = parser.parse_args()
    # In turn: a second kill of one application is restarted later on purpose, and a new machine has no past.
    names = [name for _ in range(args.runs) for name in PLAYED] + (["leave-alone"] if args.alone else [])
    began = time.monotonic()
    results, printed = drill(names, args.deployable)
    print(f"{'what':<42} {'runs':>4} {'best':>9} {'median':>9} {'worst':>9} {'limit':>9}")
    for name, limit in LIMITS.items():
        mine = [r for r in results if r["drill"] == name]
        print(row(f"{name}: ours", [v for r in mine if (v := added(r)) is not None], limit))
        print(row(f"{name}: AWS's own delays", [r["aws_s"] for r in mine], float("inf")))
        print(row(f"{name}: the client's gap", [r["client_gap_s"] for r in mine if r["client_gap_s"]], float("inf")))
    lines, in_time = kills(results)
    print("\n".join(lines))
    for what, limit in (("template synthesized in", 15.0), ("deployed with the real CDK CLI in", 15.0)):
        print(row(what.removesuffix(" in"), [float(v) for v in re.findall(rf"{what} ([\d.]+) s", printed)], limit))
    broken = [r["drill"] for r in results if not r["held"]]
    print(f"\n{len(results)} of {len(names)} drills played in {time.monotonic() - began:.0f} s; broken: {', '.join(broken) or 'none'}")
    return 1 if broken or not in_time or len(results) < len(names) else 0


if __name__ == "__main__":
    sys.exit(main())

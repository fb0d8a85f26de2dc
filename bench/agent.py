"""How the agent does beside bare floors (bench/floors) and known supervisors, measured in the same run, in turn.

rows:
  kill       kill -9 -> new process: at most 1.5 x a bare pidfd watcher; also runit, supervisord, monit
  kill-many  the same, thirty programs under one agent; informs
  hang       SIGSTOP -> new process answering: at most 1.2 x a bare asyncio pinger
  idle       1, 10, 100 applications: memory beside a bare process with the same AWS clients; processor time
  ping       the HA port, 1, 50 and 1,000 connections: at least 0.8 x a bare line server, p99 at most 2 x
  http       /healthz: at least 0.8 x a bare h11 server

A limit is held by the median. Ratios are fair on a busy machine, for all take turns; the processor time and the tails
are not: look at the load that is printed. Exit status 1 when a limit did not hold.

  python -m bench.agent --quick --rows kill hang     a first look, a minute
  python -m bench.agent --json table.json            all of it, and every sample for a machine to read
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bench import answering, idle, restarts
from bench.table import HEADER, Row


@dataclass(frozen=True, slots=True)
class Effort:
    """How long is measured: samples of the restarts, the window for an idle agent, rounds and seconds of each load."""

    restarts: int
    window_s: float
    rounds: int
    round_s: float


WHOLE = Effort(restarts=30, window_s=60.0, rounds=5, round_s=2.0)
QUICK = Effort(restarts=8, window_s=20.0, rounds=3, round_s=1.0)

GROUPS: dict[str, Callable[[Effort, Path], Iterator[Row]]] = {
    "kill": lambda effort, folder: restarts.killed(effort.restarts, folder),
    "kill-many": lambda effort, folder: restarts.killed_among_many(effort.restarts, folder),
    "hang": lambda effort, folder: restarts.hung(effort.restarts, folder),
    "idle": lambda effort, folder: idle.idle((1, 10, 100), effort.window_s, folder),
    "ping": lambda effort, folder: answering.ping(effort.rounds, effort.round_s, folder),
    "http": lambda effort, folder: answering.http(effort.rounds, effort.round_s, folder),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", nargs="+", choices=list(GROUPS), default=list(GROUPS), metavar="ROW", help="default: all")
    parser.add_argument("--quick", action="store_true", help="fewer samples: tells little about tails")
    parser.add_argument("--json", type=Path, help="write every sample to this file")
    args = parser.parse_args()
    effort = QUICK if args.quick else WHOLE
    began = time.monotonic()
    print(f"Python {platform.python_version()}, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f} at the start")
    print(HEADER)
    rows: list[Row] = []
    for group in args.rows:
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            for row in GROUPS[group](effort, Path(folder)):
                rows.append(row)
                print("\n".join(row.lines()), flush=True)
    if args.json is not None:
        args.json.write_text(json.dumps([row.as_json() for row in rows], indent=1) + "\n")
    broken = [row.what for row in rows if not row.held]
    limits = sum(row.limit is not None for row in rows)
    print(f"load {os.getloadavg()[0]:.1f} at the end")
    print(f"\n{limits - len(broken)} of {limits} limits held, in {time.monotonic() - began:.0f} s; broken: {', '.join(broken) or 'none'}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())

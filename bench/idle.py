"""Rows of a quiet node: what the agent alone holds in memory, and what it takes of a processor."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bench import subjects
from bench.table import Row

CLIENTS = 1.25  # times a bare process with the same AWS clients
APPLICATION_KIB = 50
CPU_S_PER_HOUR = 5.0
SETTLE_S = 15.0  # imports, the first reports and looks are over
PROBE_S = 5.0


def pss_kib(pid: int) -> float:
    """Proportional set size of one process, in KiB (proc_pid_smaps(5))."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return float(line.split()[1])
    raise RuntimeError(f"no Pss in /proc/{pid}/smaps_rollup")


def cpu_s(pid: int) -> float:
    """Processor time of a process with all its threads, those that ended included; to the nanosecond (clock_getcpuclockid(3))."""
    return time.clock_gettime((~pid << 3) | 2)


def idle(counts: Sequence[int], window_s: float, folder: Path) -> Iterator[Row]:
    """One agent after another, with so many applications; the floor beside each. Every application is asked every 5 s."""
    for count in counts:
        with contextlib.ExitStack() as stack:
            port = subjects.free_port()
            here = folder / f"idle-{count}"
            here.mkdir()
            stack.enter_context(subjects.floor("http_server", str(port), folder=here, port=port))  # what the probes ask
            floor = stack.enter_context(subjects.floor("aws_clients", folder=here)).process.pid
            agent = stack.enter_context(subjects.agent(applications(count, port), here)).process.pid
            time.sleep(SETTLE_S)
            window = window_s if count == 1 else max(10.0, window_s / 3)
            cpu_before_s, began_s = cpu_s(agent), time.monotonic()
            ours, floors = [], []
            while time.monotonic() < began_s + window:
                ours.append(pss_kib(agent))
                floors.append(pss_kib(floor))
                time.sleep(window / 10)
            cpu_per_hour = (cpu_s(agent) - cpu_before_s) / (time.monotonic() - began_s) * 3600
            floor_kib = sorted(floors)[len(floors) // 2]
            plural = "" if count == 1 else "s"
            yield Row(
                what=f"idle, {count} application{plural}: memory (PSS)",
                unit="KiB",
                ours=ours,
                floor=floors,
                limit=CLIENTS * floor_kib + APPLICATION_KIB * count,
                rule=f"{CLIENTS:g} x bare AWS clients + {APPLICATION_KIB} KiB each",
                note=_peers_note(here, count) if count == 1 else "",
            )
            yield Row(
                what=f"idle, {count} application{plural}: processor",
                unit="s/hour",
                ours=[cpu_per_hour],
                limit=CPU_S_PER_HOUR if count == 1 else None,
                rule=f"measured over {window:.0f} s; probes and reports every 5 s" + ("" if count == 1 else "; informs"),
            )


def applications(count: int, port: int) -> list[dict[str, Any]]:
    probe = {"http": f"http://127.0.0.1:{port}/healthz", "every_s": PROBE_S, "timeout_s": 2.0}
    return [{"name": f"app{n}", "run": {"exec": ["/bin/sleep", "100000"]}, "probes": [probe]} for n in range(count)]


def _peers_note(folder: Path, count: int) -> str:
    """What the peers hold with as many programs: none of them talks to AWS."""
    said = []
    programs = [["/bin/sleep", "100000"]] * count
    for name, program, start in (
        ("supervisord", "supervisord", subjects.supervisord),
        ("runit", "runsv", subjects.runsv),
        ("monit", "monit", subjects.monit),
    ):
        why = subjects.missing(program)
        if why is not None:
            said.append(f"{name} {why}")
            continue
        with start(programs, folder) as subject:
            time.sleep(3.0)
            said.append(f"{name} {pss_kib(subject.process.pid):,.0f} KiB")
    return f"for comparison, without AWS: {', '.join(said)}"

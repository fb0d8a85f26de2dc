"""Rows of the ports: `ping` on the HA port and /healthz over HTTP, under a closed loop of so many connections."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bench import subjects
from bench.table import Row

THROUGHPUT = 0.8  # of the floor, at least
LATENCY_P99 = 2.0  # times the floor, at most
CONNECTIONS = (1, 50, 1000)
HTTP_CONNECTIONS = 8
WARM_UP = 1  # rounds that are not counted

Measured = dict[str, Any]


def load(kind: str, port: int, connections: int, seconds: float) -> Measured:
    """One run of the load generator, on the last processor; the servers are on the first."""
    command = [sys.executable, str(subjects.ROOT / "bench/load.py"), kind, str(port), str(connections), str(seconds)]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=seconds + 60,
        check=False,
        preexec_fn=lambda: os.sched_setaffinity(0, {_cores()[-1]}),
    )
    if done.returncode != 0:
        raise RuntimeError(f"load generator: {done.stderr[-1000:]}")
    measured: Measured = json.loads(done.stdout)
    return measured


def _cores() -> list[int]:
    return sorted(os.sched_getaffinity(0))


def pin(pid: int) -> None:
    """Keep a server, threads and all, on the first processor, so that it and the generator never take turns on one."""
    for task in os.listdir(f"/proc/{pid}/task"):
        os.sched_setaffinity(int(task), {_cores()[0]})


def rounds(kind: str, servers: dict[str, int], connections: int, count: int, seconds: float) -> dict[str, list[Measured]]:
    """Every server in turn, `count` times, after a round to warm up."""
    runs: dict[str, list[Measured]] = {name: [] for name in servers}
    for n in range(WARM_UP + count):
        names = list(servers) if n % 2 else list(reversed(servers))
        for name in names:
            measured = load(kind, servers[name], connections, seconds if n >= WARM_UP else 0.5)
            if n >= WARM_UP:
                runs[name].append(measured)
    return runs


def rows(what: str, runs: dict[str, list[Measured]], floor: str, rule: str, *, p99: bool) -> Iterator[Row]:
    def of(name: str, key: str, times: float = 1.0) -> list[float]:
        return [run[key] * times for run in runs[name]]

    others = [name for name in runs if name not in ("agent", floor)]
    refused = sum(run["refused"] for run in runs["agent"])
    example = next((run["example"] for run in runs["agent"] if run["example"]), "")
    generator = max(run["generator_cpu"] for name in runs for run in runs[name])
    note = f"the generator took up to {generator:.0%} of its processor" + (f"; {refused} were refused: {example!r}" if refused else "")
    yield Row(
        what=f"{what}: answers",
        unit="1/s",
        ours=of("agent", "per_s") if not refused else [0.0],
        floor=of(floor, "per_s"),
        limit=THROUGHPUT * statistics.median(of(floor, "per_s")),
        at_least=True,
        rule=f"{THROUGHPUT:g} x {rule}",
        peers={name: of(name, "per_s") for name in others},
        note=note,
    )
    yield Row(
        what=f"{what}: p99",
        unit="ms",
        ours=of("agent", "p99_s", 1000),
        floor=of(floor, "p99_s", 1000),
        limit=LATENCY_P99 * statistics.median(of(floor, "p99_s", 1000)) if p99 else None,
        rule=f"{LATENCY_P99:g} x {rule}" if p99 else "informs",
        peers={name: of(name, "p99_s", 1000) for name in others},
    )


def _node(folder: Path, stack: contextlib.ExitStack) -> subjects.Subject:
    """An agent with one application, as the ports are asked on a node."""
    applications = [{"name": "app", "run": {"exec": ["/bin/sleep", "100000"]}}]
    return stack.enter_context(subjects.agent(applications, folder))


def _floor(program: str, folder: Path, stack: contextlib.ExitStack) -> int:
    port = subjects.free_port()
    pin(stack.enter_context(subjects.floor(program, str(port), folder=folder, port=port)).process.pid)
    return port


def allow_many_files() -> None:
    """Enough descriptors for the connections, here and in the agent, which inherits the limit."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def ping(count: int, seconds: float, folder: Path, connections: Sequence[int] = CONNECTIONS) -> Iterator[Row]:
    allow_many_files()
    with contextlib.ExitStack() as stack:
        agent = _node(folder, stack)
        pin(agent.process.pid)
        servers = {"agent": agent.ha_port, "bare line server": _floor("line_server", folder, stack)}
        servers["bare line server on streams"] = _floor("line_server_streams", folder, stack)
        for many in connections:
            runs = rounds("ping", servers, many, count, seconds)
            plural = "" if many == 1 else "s"
            yield from rows(f"ping, {many} connection{plural}", runs, "bare line server", "a bare asyncio line server", p99=True)


def http(count: int, seconds: float, folder: Path) -> Iterator[Row]:
    with contextlib.ExitStack() as stack:
        agent = _node(folder, stack)
        pin(agent.process.pid)
        servers = {"agent": agent.http_port, "bare h11 server": _floor("http_server", folder, stack)}
        for kind, words in (("http", "kept alive"), ("http-close", "a connection each")):
            runs = rounds(kind, servers, HTTP_CONNECTIONS, count, seconds)
            yield from rows(f"/healthz, {HTTP_CONNECTIONS} clients, {words}", runs, "bare h11 server", "a bare h11 server", p99=False)

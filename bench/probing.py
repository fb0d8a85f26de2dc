"""One call of the prober beside thousands of nodes: how long a sweep takes with as much of a processor as Lambda gives it, and its cost.

The shipped handler runs in a process of its own, capped (bench/capped.py says how); nodes and table are another (bench/probed_world.py).
Exit status 1 when a limit did not hold.

  python -m bench.probing                  some two minutes
  python -m bench.probing --sweeps 1       a first look
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import probed_world
from bench.capped import capped
from bench.table import HEADER, Row
from core.estimate.lines import SECONDS_A_MONTH, Rates
from spec.rates import load_rates

ROOT = Path(__file__).resolve().parent.parent
SHARE, MEMORY_MB, FILES = 0.3, 512, 1024
SWEEP_EVERY_S = 10.0
SETTLE_SWEEPS = 1  # the first one reads no looks and has to connect: measured, and a row of its own


@dataclass
class Measured:
    """Of each sweep, the first one apart. counted: what the log says the last one saw."""

    means: str = ""
    tls: bool = True
    loaded_s: float = 0.0
    first: dict[str, float] = field(default_factory=dict)
    sweeps: list[dict[str, float]] = field(default_factory=list)
    files_max: int = 0
    log_bytes: float = 0.0
    counted: dict[str, int] = field(default_factory=dict)
    write_units: float = 0.0


def measure(answering: int, silent: int, sweeps: int) -> Measured:
    nodes = answering + silent
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        world = subprocess.Popen(
            [sys.executable, "-m", "bench.probed_world", folder, str(answering), str(silent)],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert world.stdin is not None
        assert world.stdout is not None
        try:
            endpoint = json.loads(world.stdout.readline())["endpoint"]
            found = _sweeps(Path(folder), endpoint, nodes, sweeps)
            world.stdin.close()
            wrote = json.loads(world.stdout.readline())
            found.write_units = wrote["units"] / (nodes * (sweeps + SETTLE_SWEEPS))
            assert wrote["written"] == nodes * (sweeps + SETTLE_SWEEPS), f"looks written: {wrote['written']}"
        finally:
            world.kill()
            world.wait()
    return found


def _sweeps(folder: Path, endpoint: str, nodes: int, sweeps: int) -> Measured:
    log = folder / "log"
    env = {
        **os.environ, "PYTHONPATH": str(ROOT), "BENCH_LOG": str(log), "AWS_ENDPOINT_URL": endpoint, "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "ASIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "session" * 100,
        "AWS_CA_BUNDLE": str(folder / "certificate.pem"), "UNDERSTUDY_TABLE": "state", "UNDERSTUDY_FOUNDATION": "shared",
    }  # fmt: skip
    if not endpoint.startswith("https"):
        env["AWS_CA_BUNDLE"] = ""
    found = Measured(tls=endpoint.startswith("https"))
    command = [sys.executable, "-m", "bench.probing_call", "lambdas.probe_nodes.handler"]
    with (
        (folder / "stderr").open("w+") as trouble,
        capped(command, share=SHARE, memory_mb=MEMORY_MB, files=FILES, env=env, log=trouble) as it,
    ):
        assert it.process.stdin is not None
        assert it.process.stdout is not None
        found.means = it.means
        for n in range(-1, sweeps + SETTLE_SWEEPS):
            if n >= 0:
                size = log.stat().st_size
                due_s = time.monotonic() + SWEEP_EVERY_S
                print(json.dumps(message(nodes)), file=it.process.stdin, flush=True)
            line = it.process.stdout.readline()
            if not line:
                trouble.seek(0)
                raise RuntimeError(f"the prober died: {trouble.read()[-2000:]}")
            said = json.loads(line)
            if n < 0:
                found.loaded_s = said["loaded_s"]
                continue
            assert said.pop("said") == {"batchItemFailures": []}, log.read_text()[-2000:]
            if n < SETTLE_SWEEPS:
                found.first = said
            else:
                found.sweeps.append(said)
            found.log_bytes = (log.stat().st_size - size) / nodes
            with log.open() as lines:
                lines.seek(size)
                found.counted = counted(lines.read().splitlines())
            time.sleep(max(0.0, due_s - time.monotonic()) if n < sweeps + SETTLE_SWEEPS - 1 else 0.0)
        found.files_max = it.files_max
    return found


def message(nodes: int) -> dict[str, Any]:
    """As the tick's queue hands it over: https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html"""
    body = {"sweep": {"due_ms": time.time_ns() // 1_000_000, "fleet": probed_world.fleet(nodes)}}
    return {"Records": [{"messageId": "1", "eventSource": "aws:sqs", "body": json.dumps(body, separators=(",", ":"))}]}


def counted(lines: list[str]) -> dict[str, int]:
    """Metrics by their value, and other lines."""
    found = {"1": 0, "0": 0, "sweeps": 0, "words": 0}
    for line in lines:
        said = json.loads(line)
        if "_aws" not in said:
            found["words"] += 1
        elif "Healthy" in said:
            found[str(said["Healthy"])] += 1
        else:
            found["sweeps"] += 1
    return found


def rows(measured: Measured, answering: int, silent: int) -> Iterator[Row]:
    took = [sweep["took_s"] for sweep in measured.sweeps]
    what = f"a sweep of {answering:,} nodes that answer, {silent} that do not"
    yield Row(what=what, unit="s", ours=took, limit=10.0, rule=f"with {SHARE:g} of a processor; the slowest counts", note=measured.means)
    yield Row(
        what="the first sweep of a new process",
        unit="s",
        ours=[measured.first["took_s"]],
        limit=10.0,
        rule="no connection kept, no look known",
    )
    yield Row(what="loading the handler", unit="s", ours=[measured.loaded_s], limit=None, rule="Lambda gives a whole processor for it")
    yield Row(what="its processor time", unit="s", ours=[sweep["busy_s"] for sweep in measured.sweeps], limit=None, rule="of a sweep")
    yield Row(
        what="descriptors open at most",
        unit="",
        ours=[float(measured.files_max)],
        limit=float(FILES),
        rule="Lambda's limit; sampled 20 times a second",
    )
    memory = max(sweep["memory_mb"] for sweep in [measured.first, *measured.sweeps])
    yield Row(what="memory at most", unit="MB", ours=[memory], limit=float(MEMORY_MB), rule="resident")
    right = measured.counted == {"1": answering, "0": silent, "sweeps": 1, "words": measured.counted["words"]}
    seen = f"{measured.counted['1']:,} serve, {measured.counted['0']} do not, {measured.counted['words']} lines of words"
    yield Row(
        what="metrics that tell the truth", unit="", ours=[float(right)], limit=1.0, at_least=True, rule="of the last sweep", note=seen
    )


def costs(measured: Measured, nodes: int, rates: Rates) -> Iterator[str]:
    """Dollars a node and month for being looked at, by what this run took."""
    took_s = sorted(sweep["took_s"] for sweep in measured.sweeps)[len(measured.sweeps) // 2]
    sweeps = SECONDS_A_MONTH / SWEEP_EVERY_S
    gb = 1024.0**3
    total = 0.0
    for what, quantity, rate in (
        (f"Lambda: {took_s:.1f} s at {MEMORY_MB} MB for {nodes:,} nodes", sweeps * took_s * MEMORY_MB / 1024 / nodes, "lambda_gb_second"),
        ("Lambda: calls", sweeps / nodes, "lambda_request"),
        ("table: 2 reads a sweep at half a unit", sweeps * 2 * 0.5, "dynamodb_read"),
        (f"table: looks, {measured.write_units:.2f} units a sweep", sweeps * measured.write_units, "dynamodb_write"),
        (f"log: {measured.log_bytes:.0f} bytes and 26 a sweep", sweeps * (measured.log_bytes + 26) / gb, "logs_ingested_gb"),
        ("metric: one an assembly", 1.0, "cloudwatch_metric"),
        ("alarm: one an assembly, of 10 s", 1.0, "cloudwatch_alarm_high_resolution"),
    ):
        price = rates.rates[rate]
        usd = quantity / price.per * price.usd
        total += usd
        yield f"{what:<52} {usd:>9.4f}  {price}; {price.source}"
    yield f"{'a node and month':<52} {total:>9.4f}  {rates.region}, {rates.date}; the node's own reports are not in it"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--answering", type=int, default=2000)
    parser.add_argument("--silent", type=int, default=200)
    parser.add_argument("--sweeps", type=int, default=5)
    args = parser.parse_args()
    measured = measure(args.answering, args.silent, args.sweeps)
    print(HEADER)
    found = list(rows(measured, args.answering, args.silent))
    for row in found:
        print("\n".join(row.lines()))
    print(f"\nthe table speaks {'TLS' if measured.tls else 'plain HTTP, for there is no openssl here'}; load {os.getloadavg()[0]:.1f}")
    print("\ndollars a node and month" + " " * 30 + "usd")
    print("\n".join(costs(measured, args.answering + args.silent, load_rates().rates)))
    slowest = max(sweep["took_s"] for sweep in measured.sweeps)
    broken = [row.what for row in found if not row.held] + ([f"slowest sweep {slowest:.1f} s"] if slowest > 10 else [])
    print(f"\nbroken: {', '.join(broken) or 'none'}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())

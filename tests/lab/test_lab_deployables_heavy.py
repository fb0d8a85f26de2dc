"""The examples of deployables/ that are worth a machine of their own: each deploys with the real CDK CLI, serves, and survives its loss."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-P", str(ROOT / "cli" / "__main__.py")]
_LIMIT_S = 1200.0

pytestmark = [pytest.mark.lab, pytest.mark.heavy]


@pytest.mark.parametrize(
    ("file", "assembly", "drill"),
    [
        pytest.param("ledger", "ledger", "kill-while-writing", id="ledger: what it acknowledged is there"),
        pytest.param("scheduler", "scheduler", "resume-work", id="scheduler: its work in flight goes on"),
        pytest.param("mediation", "platform", "kill-instance", id="mediation: its platform"),
        pytest.param("mediation", "execution", "kill-instance", id="mediation: its execution context"),
        pytest.param("everything", "ledger", "kill-while-writing", id="everything: its ledger"),
        pytest.param("everything", "ledger", "database-failover", id="everything: its ledger waits for its database"),
        pytest.param("everything", "web", "kill-instance", id="everything: what is behind a balancer"),
        pytest.param("behind", "ledger", "kill-while-writing", id="behind: its password, its files and its balancer beside gateways"),
        pytest.param("everything", "inside", "kill-instance", id="everything: what is found by a name inside"),
    ],
)
def test_it_deploys_serves_and_survives_the_loss_of_a_machine(file: str, assembly: str, drill: str, tmp_path: Path) -> None:
    arguments = ["--deployable", str(ROOT / f"deployables/{file}.yaml"), "--assembly", assembly, "--json", str(tmp_path / "results.json")]
    done = subprocess.run(
        [*COMMAND, "drill", drill, *arguments], cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_LIMIT_S
    )

    assert (tmp_path / "results.json").exists(), done.stdout[-4000:] + done.stderr[-2000:]
    (played,) = json.loads((tmp_path / "results.json").read_text())
    assert [promise for promise in played["promises"] if not promise["held"]] == [], done.stdout[-4000:]
    assert done.returncode == 0

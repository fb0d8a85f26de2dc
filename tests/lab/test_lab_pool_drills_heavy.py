"""The demo with a warm pool on the lab, deployed with the real CDK CLI: a lost machine, a good release and a bad one. Minutes.

https://docs.aws.amazon.com/autoscaling/ec2/userguide/warm-pool-instance-lifecycle.html
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent.parent
DRILLS = ("warm-pool", "warm-pool-update", "warm-pool-release")
_LIMIT_S = 1800.0

pytestmark = [pytest.mark.lab, pytest.mark.heavy]


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    results = tmp_path_factory.mktemp("pool") / "results.json"
    command = [sys.executable, "-m", "lab", "drill", *DRILLS, "--json", str(results)]
    done = subprocess.run(command, cwd=REPOSITORY, env={**os.environ}, capture_output=True, text=True, timeout=_LIMIT_S)
    assert results.exists(), done.stdout[-4000:] + done.stderr[-2000:]
    return {str(result["drill"]): result for result in json.loads(results.read_text())}


@pytest.mark.parametrize("drill", DRILLS)
def test_what_a_warm_pool_promises_holds_whatever_takes_the_machine_away(drill: str, played: dict[str, dict[str, Any]]) -> None:
    assert [promise["name"] for promise in played[drill]["promises"] if not promise["held"]] == []

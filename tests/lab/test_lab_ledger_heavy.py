"""The ledger on the lab, deployed with the real CDK CLI: nothing that it acknowledged is lost with its machine or its database. Minutes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent.parent
DRILLS = ("database-failover", "kill-while-writing")
_LIMIT_S = 1500.0

pytestmark = [
    pytest.mark.lab,
    pytest.mark.heavy,
    pytest.mark.skipif(
        not sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres")),
        reason="there is no PostgreSQL on this machine (Debian package postgresql)",
    ),
]


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    results = tmp_path_factory.mktemp("ledger") / "results.json"
    command = [sys.executable, "-m", "lab", "drill", *DRILLS, "--deployable", "deployables/ledger.yaml", "--json", str(results)]
    done = subprocess.run(command, cwd=REPOSITORY, env={**os.environ}, capture_output=True, text=True, timeout=_LIMIT_S)
    assert results.exists(), done.stdout[-4000:] + done.stderr[-2000:]
    return {str(result["drill"]): result for result in json.loads(results.read_text())}


@pytest.mark.parametrize("drill", DRILLS)
def test_every_entry_that_was_acknowledged_is_there_and_all_else_that_was_promised_held(
    drill: str, played: dict[str, dict[str, Any]]
) -> None:
    promises = {promise["name"]: promise for promise in played[drill]["promises"]}

    assert promises["acknowledged entries that are lost"]["measured"] == 0
    assert [name for name, promise in promises.items() if not promise["held"]] == []

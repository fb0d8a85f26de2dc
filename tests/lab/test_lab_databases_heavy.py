"""The ledger on each database that the lab can play, by password and by token: nothing that it acknowledged is lost, whatever breaks."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lab.drills.variants import vary
from tests.lab.test_lab_rds import POSTGRES
from tests.lab.test_lab_rds_mariadb import HERE

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-P", str(ROOT / "cli" / "__main__.py")]
_LIMIT_S = 1200.0
MARIADB = {"engine": "mariadb", "version": "10.11.18"}

pytestmark = [
    pytest.mark.lab,
    pytest.mark.heavy,
    pytest.mark.skipif(
        not (POSTGRES and HERE and shutil.which("cc")),
        reason="this machine lacks PostgreSQL, MariaDB or a C compiler (Debian packages postgresql, mariadb-server-core and so on, gcc)",
    ),
]


@pytest.mark.parametrize("database", [{"auth": "iam"}, {**MARIADB, "auth": "iam"}, MARIADB], ids=lambda change: "-".join(change.values()))
def test_a_failover_and_the_loss_of_the_machine_lose_no_entry_that_was_acknowledged(database: dict[str, str], tmp_path: Path) -> None:
    def change(document: dict[str, Any]) -> None:
        document["database"] |= database

    file = vary(ROOT / "deployables/ledger.yaml", tmp_path / "file", change)
    arguments = ["--deployable", str(file), "--json", str(tmp_path / "results.json")]
    done = subprocess.run(
        [*COMMAND, "drill", "database-failover", "kill-while-writing", *arguments],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_LIMIT_S,
    )

    assert (tmp_path / "results.json").exists(), done.stdout[-4000:] + done.stderr[-2000:]
    played = json.loads((tmp_path / "results.json").read_text())
    assert [drill["drill"] for drill in played] == ["database-failover", "kill-while-writing"]
    assert [promise for drill in played for promise in drill["promises"] if not promise["held"]] == [], done.stdout[-4000:]
    assert done.returncode == 0

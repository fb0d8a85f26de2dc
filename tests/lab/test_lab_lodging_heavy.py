"""A database, kept state, balancers, an interface and a volume on a shared foundation, by the real CDK CLI: each survives its machine."""

from __future__ import annotations

from typing import Any

import pytest

from tests.lab.played import played

pytestmark = [pytest.mark.lab, pytest.mark.heavy]


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return played("lodging.py", tmp_path_factory.mktemp("lodging"), limit_s=1500.0)


@pytest.mark.parametrize(
    "assembly",
    [
        pytest.param("web", id="behind an ALB"),
        pytest.param("ledger", id="behind an NLB, with a database and state on S3: what it acknowledged is there"),
        pytest.param("zonal", id="at an interface, with a volume"),
    ],
)
def test_it_survives_the_loss_of_its_machine(seen: dict[str, Any], assembly: str) -> None:
    assert seen[assembly]["broken"] == []


def test_what_rds_says_of_the_database_is_written_into_its_deployables_history(seen: dict[str, Any]) -> None:
    assert seen["history"]

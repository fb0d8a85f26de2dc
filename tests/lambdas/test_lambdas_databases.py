"""The database in the functions' hands, against moto: what RDS says of it, and its reboot."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from core import names
from core.recovery.rung import DatabaseState
from lambdas.adapters import databases, environment
from lambdas.adapters.clients import WorldFailed, client


@pytest.fixture
def rds(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION"):
        monkeypatch.setenv(name, "us-east-1")
    monkeypatch.setenv(names.ENV_DATABASES, json.dumps({"understudy-ledger": "ledger"}))
    environment.databases.cache_clear()
    client.cache_clear()
    with mock_aws():
        yield boto3.client("rds", region_name="us-east-1")
    environment.databases.cache_clear()
    client.cache_clear()


def made(rds: Any) -> None:
    rds.create_db_instance(
        DBInstanceIdentifier="understudy-ledger", DBInstanceClass="db.t4g.medium", Engine="postgres", MultiAZ=True, AllocatedStorage=20,
        MasterUsername="understudy", MasterUserPassword="not-a-secret",
    )  # fmt: skip


def test_a_deployables_own_database_is_told_and_nobody_elses(rds: Any) -> None:
    made(rds)

    assert databases.of("ledger") == DatabaseState(identifier="understudy-ledger", status="available", multi_az=True)
    assert databases.of("demo") is None


def test_one_that_is_gone_is_none(rds: Any) -> None:
    assert databases.of("ledger") is None


def test_a_reboot_with_failover_is_told_in_words(rds: Any) -> None:
    made(rds)

    assert databases.fail_over("understudy-ledger") == "RDS takes it"
    with pytest.raises(WorldFailed, match="DBInstanceNotFound"):
        databases.fail_over("another")

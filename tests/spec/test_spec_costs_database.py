"""What a shared database costs and how long its failover takes, as the estimate says it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import spec
from agent.database import LOOK_EVERY_S
from core.estimate.database import SECRET_EVERY_S
from core.estimate.estimating import estimate
from core.estimate.lines import Group, Line
from core.estimate.recovery_database import expected_of_database
from core.model import Deployable, Egress
from spec.rates import load_rates

PUBLISHED = load_rates()
LEDGER = spec.load(Path(__file__).resolve().parents[2] / "deployables" / "ledger.yaml")
assert LEDGER.database is not None
ONE_ZONE = replace(LEDGER, database=replace(LEDGER.database, multi_az=False))


def lines(deployable: Deployable) -> dict[tuple[str, str], Line]:
    return {(line.part, line.what): line for line in estimate(deployable, PUBLISHED.rates).lines}


def of_database(deployable: Deployable) -> list[Line]:
    return [line for line in lines(deployable).values() if line.part in ("database", "secret", "endpoints")]


def test_a_standby_is_a_second_machine_with_a_second_disk() -> None:
    for two, one in zip(of_database(LEDGER)[:2], of_database(ONE_ZONE)[:2], strict=True):
        assert two.quantity == 2 * one.quantity > 0


def test_what_a_database_costs_is_the_services_own_and_not_what_understudy_adds() -> None:
    assert {line.group for line in of_database(LEDGER)} == {Group.YOURS}
    assert estimate(LEDGER, PUBLISHED.rates).added.usd == pytest.approx(estimate(replace(LEDGER, database=None), PUBLISHED.rates).added.usd)


def test_every_line_has_a_rate() -> None:
    assert [line for line in of_database(LEDGER) if line.usd is None] == []


def test_the_secret_is_read_as_often_as_the_agent_looks() -> None:
    assert SECRET_EVERY_S == LOOK_EVERY_S


def test_nodes_with_a_way_out_need_no_endpoint_for_the_secret() -> None:
    out = replace(LEDGER, network=replace(LEDGER.network, egress=next(egress for egress in Egress if egress is not Egress.NONE)))

    assert ("endpoints", "secret") in lines(LEDGER)
    assert ("endpoints", "secret") not in lines(out)


def test_backups_cost_nothing_until_more_changes_than_the_disk_holds() -> None:
    """https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/User_DBInstanceBilling.html"""
    assert lines(LEDGER)["database", "backups"].usd == 0


def test_a_failover_has_its_time_for_those_who_use_the_database_and_only_where_there_is_a_standby() -> None:
    [row] = expected_of_database(LEDGER, PUBLISHED.delays)

    assert (row.assembly, row.failure, row.aws_s) == ("ledger", "the database fails over", 60)
    assert list(expected_of_database(ONE_ZONE, PUBLISHED.delays)) == []

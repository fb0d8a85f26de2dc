"""What AWS repairs by itself is written down, once each, whoever else is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from core import names
from core.report.history import KEPT_S, BadEvent, database_entry, entry_item
from lambdas import record_event
from lambdas.adapters import environment, table

EVENT: dict[str, Any] = json.loads((Path(__file__).parents[1] / "events" / "database_failover.json").read_text())
OWNERS = {"understudy-ledger": "ledger"}


def test_a_failover_becomes_an_item_of_its_deployables_history_that_says_when_and_what() -> None:
    item = entry_item(database_entry(EVENT, OWNERS))

    assert (item[names.PK], item[names.SK]) == ("HISTORY#ledger", f"2026-11-21T18:36:43.292000Z#{EVENT['id']}")
    assert (item["subject"], item["kind"], item["categories"]) == ("understudy-ledger", "RDS-EVENT-0049", ["failover"])
    assert item["message"] == "Multi-AZ instance failover completed."
    assert item[names.TTL] == item["at_ms"] // 1000 + KEPT_S


def test_an_event_that_comes_twice_is_one_item() -> None:
    assert entry_item(database_entry(EVENT, OWNERS)) == entry_item(database_entry(dict(EVENT), OWNERS))


def test_history_sorts_by_time() -> None:
    earlier = {**EVENT, "id": "z", "detail": {**EVENT["detail"], "Date": "2026-11-21T18:36:43.290Z"}}

    assert entry_item(database_entry(earlier, OWNERS))[names.SK] < entry_item(database_entry(EVENT, OWNERS))[names.SK]


@pytest.mark.parametrize(
    "event",
    [
        {},
        {**EVENT, "source": "aws.ec2"},
        {**EVENT, "detail": {"SourceIdentifier": "understudy-ledger", "Date": "yesterday"}},
        {**EVENT, "detail": {**EVENT["detail"], "SourceIdentifier": "somebody-elses"}},
        {key: value for key, value in EVENT.items() if key != "id"},
    ],
)
def test_what_is_no_event_of_a_database_of_ours_is_refused(event: dict[str, Any]) -> None:
    with pytest.raises(BadEvent):
        database_entry(event, OWNERS)


def test_the_handler_writes_that_item_once_however_often_it_is_told(cloud: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(names.ENV_DATABASES, json.dumps(OWNERS))
    environment.databases.cache_clear()

    for _ in range(2):
        assert record_event.handler(EVENT, cloud.context()) == {"recorded": "RDS-EVENT-0049"}

    assert table.query(names.history_pk("ledger")) == [entry_item(database_entry(EVENT, OWNERS))]
    environment.databases.cache_clear()


@pytest.mark.parametrize("text", ["not JSON", "[]"])
def test_a_wrong_environment_is_named(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(names.ENV_DATABASES, text)
    environment.databases.cache_clear()

    with pytest.raises(environment.BadEnvironment, match="UNDERSTUDY_DATABASES"):
        environment.databases()

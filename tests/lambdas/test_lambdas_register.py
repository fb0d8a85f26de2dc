"""Functions of a shared foundation: they look after whoever is registered there, and say so to the prober, which cannot read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from core import names
from core.items import report_item
from core.model import Assembly, Deployable, Network, Verdict
from core.records import Phase, Report
from core.watching.fleet import fleet_to_json
from core.watching.shards import told_in_shards
from lambdas import probe_nodes, record_event, tick
from lambdas.adapters import clients, register, table
from lambdas.adapters.clients import WorldFailed
from lambdas.adapters.environment import FrontAddress

A, D = "counter", "demo"


def enters(cloud: Any, name: str) -> None:
    """What the stack of a deployable registers."""
    assembly = Assembly(name=A, image="debian-12", instances=("t4g.small",), applications=(), ha_port=7810, http_port=7880)
    fleet = fleet_to_json(Deployable(name=name, assemblies=(assembly,), network=Network(cidr="127.0.0.0/8")))
    front = {"kind": "elastic_ip", "allocation_id": "eipalloc-1", "address": "192.0.2.7", "ports": [8080]}
    for kind, text in (("fleet", fleet), ("fronts", json.dumps({A: front}))):
        cloud.client("ssm").put_parameter(Name=f"{names.register_path('shared')}/{name}/{kind}", Value=text, Type="String")


@pytest.fixture
def shared(cloud: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A function of the foundation `shared`, with one deployable on it."""
    for name in (names.ENV_NETWORK, names.ENV_FRONTS):
        monkeypatch.delenv(name)
    monkeypatch.setenv(names.ENV_FOUNDATION, "shared")
    register.forget()
    enters(cloud, D)
    yield cloud
    register.forget()


def test_who_registered_is_looked_after_with_its_front(shared: Any) -> None:
    assert register.fleet().deployables() == (D,)
    assert register.front_of(D, A) == FrontAddress(allocation_id="eipalloc-1", address="192.0.2.7", ports=(8080,))
    assert register.front_of("other", A) is None


def test_a_deployable_that_has_just_come_is_found_at_once(shared: Any) -> None:
    assert register.fleet().deployables() == (D,)
    enters(shared, "other")

    assert register.find("other", A).deployable == "other"


def test_one_that_nobody_registered_is_not_ours(shared: Any) -> None:
    with pytest.raises(KeyError, match="other/counter is not watched here"):
        register.find("other", A)


def test_who_left_is_forgotten_within_half_a_minute(shared: Any) -> None:
    assert register.fleet().deployables() == (D,)
    shared.client("ssm").delete_parameter(Name=f"{names.register_path('shared')}/{D}/fleet")
    shared.now_ms += 31_000

    assert register.fleet().deployables() == ()


def test_while_the_register_cannot_be_read_the_last_reading_holds(shared: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert register.fleet().deployables() == (D,)
    monkeypatch.setattr(clients, "PAGES_MAX", 0)
    shared.now_ms += 31_000

    assert register.fleet().deployables() == (D,)
    register.forget()
    with pytest.raises(WorldFailed):
        register.fleet()


def test_each_sweep_says_who_is_to_be_looked_at(shared: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    orders: list[dict[str, Any]] = []
    monkeypatch.setattr("lambdas.adapters.queues.send_all", lambda url, bodies: orders.extend(body for body, _ in bodies))
    enters(shared, "other")

    tick.handler(shared.event("schedule"), shared.context())

    assert len(orders) == 6
    assert all(set(order["sweep"]["fleet"]["d"]) == {D, "other"} for order in orders)


def test_a_fleet_too_large_for_one_call_is_swept_in_two_and_nobody_is_left_out(
    shared: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(register, "told_in_shards", partial(told_in_shards, most=2))
    orders: list[tuple[dict[str, Any], int]] = []
    monkeypatch.setattr("lambdas.adapters.queues.send_all", lambda url, bodies: orders.extend(bodies))
    for name in ("other", "third"):
        enters(shared, name)
    for name in (D, "other", "third"):
        report = Report(
            deployable=name, assembly=A, instance=f"i-{name}", boot="b", seq=1, epoch=1, at_ms=1, phase=Phase.RUNNING,
            verdict=Verdict.HEALTHY, applications=(), address="127.0.0.1", ha_port=1, http_port=1, agent="1", expires_at=4102444800,
        )  # fmt: skip
        shared.put(report_item(report))

    tick.handler(shared.event("schedule"), shared.context())

    assert [delay_s for _, delay_s in orders] == [0, 0, 10, 10, 20, 20, 30, 30, 40, 40, 50, 50]
    first, second = (body for body, delay_s in orders if delay_s == 10)
    assert (list(first["sweep"]["fleet"]["d"]), list(second["sweep"]["fleet"]["d"])) == ([D], ["other", "third"])
    capsys.readouterr()
    for body, _ in orders[:2]:
        record = {"messageId": "1", "eventSource": "aws:sqs", "body": json.dumps(body)}
        assert probe_nodes.handler({"Records": [record]}, shared.context()) == {"batchItemFailures": []}
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert sorted(line["Deployable"] for line in lines if "Healthy" in line) == [D, "other", "third"]
    assert all(table.looks(name, A) for name in (D, "other", "third"))


def test_the_prober_goes_by_what_it_is_told_and_counts_one_sweep_for_all(shared: Any, capsys: pytest.CaptureFixture[str]) -> None:
    enters(shared, "other")
    body = {"sweep": {"due_ms": shared.now_ms, **register.tell()}}
    register.forget()

    answer = probe_nodes.handler({"Records": [{"messageId": "1", "eventSource": "aws:sqs", "body": json.dumps(body)}]}, shared.context())

    assert answer == {"batchItemFailures": []}
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"Sweeps"' in line]
    assert [(line["Foundation"], line["Sweeps"]) for line in told] == [("shared", 1)]


def test_a_sweep_that_names_nobody_has_failed(shared: Any) -> None:
    body = {"sweep": {"due_ms": shared.now_ms}}

    answer = probe_nodes.handler({"Records": [{"messageId": "1", "eventSource": "aws:sqs", "body": json.dumps(body)}]}, shared.context())

    assert answer == {"batchItemFailures": [{"itemIdentifier": "1"}]}


def test_a_deployables_own_functions_tell_nothing(cloud: Any) -> None:
    assert register.tell() == {}
    assert register.sweeps_of() == (names.DIM_DEPLOYABLE, (D,))


def registers(cloud: Any, deployable: str, **texts: str) -> None:
    """What a deployable with a volume or a database registers besides."""
    for kind, text in texts.items():
        cloud.client("ssm").put_parameter(Name=f"{names.register_path('shared')}/{deployable}/{kind}", Value=text, Type="String")


def test_a_volume_and_a_database_are_those_of_their_own_deployable(shared: Any) -> None:
    enters(shared, "other")
    registers(shared, D, volumes=json.dumps({A: "vol-1"}), database="understudy-demo")

    assert (register.volume_of(D, A), register.volume_of("other", A)) == ("vol-1", None)
    assert (register.database_of(D), register.database_of("other")) == ("understudy-demo", None)


def test_an_event_of_a_database_that_has_just_come_is_written_down_and_one_of_nobodys_is_not(
    shared: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[dict[str, Any]] = []
    monkeypatch.setattr(table, "put", written.append)
    event = shared.event("database_failover")
    assert record_event.handler(event, None) == {"recorded": ""}
    registers(shared, D, database="understudy-ledger")

    assert record_event.handler(event, None) == {"recorded": "RDS-EVENT-0049"}
    assert [item[names.PK] for item in written] == [names.history_pk(D)]

"""What fails while a node is recovered, calls among it, is made good by the next: nothing is done twice, and nothing is lost."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest

from core.model import Verdict
from core.recovery.incident import State
from lambdas.adapters import instances, table, topic
from lambdas.adapters.clients import Lost, Unknown, WorldFailed
from tests.lambdas.test_lambdas_recover_assembly import admitted_when_old_is_gone, run, serving


def test_calls_that_each_die_after_one_step_are_made_good_by_the_next(cloud: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every call claims the incident, does one thing, and is cut off before it could do another."""
    old = serving(cloud)
    cloud.frozen(old)
    admitted_when_old_is_gone(cloud, old)
    write, writes = table.put_incident, [0]

    def dies_after_two(incident: Any) -> None:
        write(incident)
        writes[0] += 1
        if writes[0] == 2:
            raise WorldFailed("write", "Died", "the call was cut off")

    monkeypatch.setattr(table, "put_incident", dies_after_two)
    for n in range(40):
        writes[0] = 0
        with contextlib.suppress(WorldFailed):
            run(cloud, {"wake": {"deployable": "demo", "assembly": "counter", "reason": "again"}}, request=f"r-{n}")
        cloud.sleep(61)
        if cloud.incident().ended:
            break

    assert cloud.incident().state is State.RECOVERED
    assert cloud.state(old) == "terminated"
    assert len(cloud.members()) == 1


def test_a_write_that_may_have_landed_is_read_again(cloud: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    old = serving(cloud)
    cloud.frozen(old)
    admitted_when_old_is_gone(cloud, old)
    write, times = table.put_incident, [0]

    def uncertain(incident: Any) -> None:
        times[0] += 1
        write(incident)
        if times[0] % 2:
            raise Unknown("write", "ReadTimeoutError", "no answer")

    monkeypatch.setattr(table, "put_incident", uncertain)

    run(cloud, cloud.event("alarm_action"))

    assert cloud.incident().state is State.RECOVERED
    assert len(cloud.members()) == 1


def test_people_who_cannot_be_told_do_not_hold_a_recovery_up(cloud: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise WorldFailed("publish", "AuthorizationError", "no")

    old = serving(cloud)
    cloud.frozen(old)
    admitted_when_old_is_gone(cloud, old)
    monkeypatch.setattr(topic, "publish", refuse)

    with pytest.raises(WorldFailed):  # at its end, for somebody must hear of it in the end
        run(cloud, cloud.event("alarm_action"))

    assert cloud.ended()[0].state is State.RECOVERED
    assert any("could not tell people" in n.what for n in cloud.ended()[0].notes)


def test_an_end_that_could_not_be_told_fails_the_call_and_is_told_by_the_next(cloud: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise WorldFailed("publish", "InternalError", "not now")

    node = serving(cloud)
    cloud.looks(node, [Verdict.FAILING] * 4)
    cloud.look = Verdict.FAILING
    wake = {"wake": {"deployable": "demo", "assembly": "counter", "reason": "test"}}
    with monkeypatch.context() as broken:
        broken.setattr(topic, "publish", refuse)
        with pytest.raises(WorldFailed, match="not now"):
            run(cloud, wake, seconds=120)
    assert cloud.incident().state is State.SUPPRESSED

    run(cloud, wake)

    (message,) = cloud.messages("people")
    assert message["Subject"].startswith("[understudy] demo/counter: a person is needed: ")


def test_a_throttled_read_costs_a_second_and_not_the_call(cloud: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    describe, refused = instances.describe, iter([True, True])

    def sometimes(wanted: Any) -> Any:
        if cloud.incident() is not None and next(refused, False):
            raise WorldFailed("describe", "RequestLimitExceeded", "slow down")
        return describe(wanted)

    old = serving(cloud)
    cloud.frozen(old)
    admitted_when_old_is_gone(cloud, old)
    monkeypatch.setattr(instances, "describe", sometimes)

    run(cloud, cloud.event("alarm_action"))

    assert cloud.ended()[0].state is State.RECOVERED


def test_when_the_table_cannot_be_read_nothing_is_killed(cloud: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    node = serving(cloud)
    cloud.frozen(node)
    monkeypatch.setenv("UNDERSTUDY_TABLE", "elsewhere")

    with pytest.raises(WorldFailed):
        run(cloud, cloud.event("alarm_action"))
    failed = run(cloud, cloud.event("own_message"))

    assert failed == {"batchItemFailures": [{"itemIdentifier": "059f36b4-87a3-44ab-83d2-661975830a7d"}]}
    assert cloud.state(node) == "running"


def test_losing_a_write_means_leaving(cloud: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(incident: Any) -> None:
        raise Lost("write", "ConditionalCheckFailedException", "somebody else wrote first")

    node = serving(cloud)
    cloud.frozen(node)
    monkeypatch.setattr(table, "put_incident", lost)

    run(cloud, cloud.event("alarm_action"))

    assert cloud.state(node) == "running"

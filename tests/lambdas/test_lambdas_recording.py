"""The record of decisions as recover_assembly writes it: whole, in order, enough to decide again, and never in the way."""

from __future__ import annotations

from typing import Any

import pytest

from core import names
from core.recovery.incident import State
from core.recovery.machine import next_step
from core.report.trace import Decided, kind_of, parse_decided, steps_of
from lambdas.adapters import table
from lambdas.adapters.clients import WorldFailed
from tests.lambdas.test_lambdas_recover_assembly import admitted_when_old_is_gone, run, serving


def steps(cloud: Any) -> list[Decided]:
    items = table.query(names.incident_pk("demo", "counter"))
    found = [parse_decided(i) for i in items if str(i[names.SK]).startswith(steps_of(cloud.ended()[0].id))]
    return sorted(found, key=lambda step: step.order)


def test_each_step_of_a_recovery_is_recorded_with_its_rule_and_decides_the_same_again(cloud: Any) -> None:
    old = serving(cloud)
    cloud.frozen(old)
    admitted_when_old_is_gone(cloud, old)

    run(cloud, cloud.event("alarm_action"))

    found = steps(cloud)
    kinds = [step.step for step in found]
    assert kinds[:2] == ["take-look", "open"]
    assert [k for k in kinds if k in ("confirm", "spend", "keep-evidence", "fence", "adopt", "end")] == [
        "confirm",
        "spend",
        "keep-evidence",
        "fence",
        "adopt",
        "end",
    ]
    assert kinds[-1] == "tell", "its end was told"
    assert {step.state for step in found[:2]} == {""}
    for step in found:
        again = next_step(step.view, step.policy, woken_by=step.woken_by)
        assert (again.rule, kind_of(again.step)) == (step.rule, step.step)


def test_a_wait_that_is_repeated_is_kept_as_its_first_and_its_last(cloud: Any) -> None:
    old = serving(cloud)
    cloud.frozen(old)

    run(cloud, cloud.event("alarm_action"))

    items = table.query(names.incident_pk("demo", "counter"))
    waits = [parse_decided(i) for i in items if i.get("step") == "wait" and i.get("rule") == "unpermitted"]
    first, run_of = sorted(waits, key=lambda step: step.at_ms)
    assert first.count == 1
    assert run_of.count > 10
    assert run_of.view.now_ms == run_of.last_ms > run_of.at_ms > first.at_ms


def test_a_call_in_which_nothing_is_opened_records_nothing(cloud: Any) -> None:
    serving(cloud)
    run(cloud, cloud.event("alarm_action"))

    assert table.query(names.incident_pk("demo", "counter")) == []


def test_a_record_that_cannot_be_written_holds_nobody_up(cloud: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    put = table.put

    def refuse(item: dict[str, Any], **more: Any) -> None:
        if str(item[names.SK]).startswith("STEP#"):
            raise WorldFailed("write", "ProvisionedThroughputExceededException", "slow down")
        put(item, **more)

    old = serving(cloud)
    cloud.frozen(old)
    admitted_when_old_is_gone(cloud, old)
    monkeypatch.setattr(table, "put", refuse)

    run(cloud, cloud.event("alarm_action"))

    assert cloud.ended()[0].state is State.RECOVERED

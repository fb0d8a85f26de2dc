"""What operators ask for, as the functions heed it: pause, shadow mode, replace; and Auto Scaling held still and let go on."""

from __future__ import annotations

from typing import Any

import pytest

from core.lifecycle.holding import Held
from core.model import Verdict
from core.recovery.budget import Budget, Entry
from core.recovery.incident import Cause, State
from core.recovery.intents import Kind, asked, intent_item
from lambdas import tick
from lambdas.adapters import groups, table
from lambdas.adapters.clients import WorldFailed
from tests.lambdas.test_lambdas_recover_assembly import admitted_when_old_is_gone, run, serving

CHECKS = ["AZRebalance", "HealthCheck", "ReplaceUnhealthy"]


def said(cloud: Any, kind: Kind, target: str = "counter", *, minutes: float = 30) -> None:
    """Said a second ago."""
    now_ms = cloud.now_ms - 1000
    cloud.put(intent_item(asked(kind, target, deployable="demo", reason="new switch", who="ann", now_ms=now_ms, for_s=minutes * 60)))


def suspended(cloud: Any) -> list[str]:
    (group,) = cloud.client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
    return sorted(row["ProcessName"] for row in group["SuspendedProcesses"])


def minute(cloud: Any) -> list[str]:
    """tick, and whom it wakes is called; the reasons."""
    cloud.woken.clear()
    tick.handler(cloud.event("schedule"), cloud.context())
    woken = [payload for function, payload in cloud.woken if function == "recover"]
    for payload in woken:
        run(cloud, payload)
    return [payload["wake"]["reason"] for payload in woken]


# --- pause ------------------------------------------------------------------------------------------


def test_a_pause_holds_auto_scaling_until_it_ends_by_itself(cloud: Any) -> None:
    """https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-suspend-resume-processes.html"""
    serving(cloud)
    said(cloud, Kind.PAUSE)

    assert "new switch (by ann)" in minute(cloud)[0]
    assert suspended(cloud) == CHECKS
    assert minute(cloud) == [], "held once is held"

    cloud.now_ms += 31 * 60_000
    cloud.report(cloud.members()[0])
    assert minute(cloud)[0].startswith("over: pause: new switch")
    assert suspended(cloud) == []


def test_what_others_suspended_is_not_resumed_by_the_end_of_a_pause(cloud: Any) -> None:
    serving(cloud)
    cloud.client("autoscaling").suspend_processes(AutoScalingGroupName="counter-group", ScalingProcesses=["HealthCheck"])
    said(cloud, Kind.PAUSE, "*")
    minute(cloud)
    cloud.now_ms += 31 * 60_000
    cloud.report(cloud.members()[0])
    minute(cloud)

    assert suspended(cloud) == ["HealthCheck"]


def test_what_fails_in_a_pause_is_recorded_and_told_and_not_replaced(cloud: Any) -> None:
    old = serving(cloud)
    said(cloud, Kind.PAUSE)
    cloud.frozen(old)

    run(cloud, cloud.event("alarm_action"))
    run(cloud, cloud.event("alarm_action"))

    (incident,) = cloud.ended()
    assert (incident.state, incident.fence) == (State.SUPPRESSED, 0)
    assert incident.reason.startswith("pause: new switch (by ann); ")
    assert cloud.state(old) == "running"
    (message,) = cloud.messages("people")
    assert "left so because somebody asked for that" in message["Message"]


def test_a_machine_that_is_gone_in_a_pause_stays_so_and_is_replaced_after_it(cloud: Any) -> None:
    old = serving(cloud)
    said(cloud, Kind.MAINTENANCE)
    cloud.client("ec2").terminate_instances(InstanceIds=[old])
    run(cloud, cloud.event("instance_terminated", old))
    (first,) = cloud.ended()
    assert first.state is State.SUPPRESSED

    cloud.now_ms += 31 * 60_000
    admitted_when_old_is_gone(cloud, old)
    minute(cloud)

    assert [i.state for i in cloud.ended()] == [State.SUPPRESSED, State.RECOVERED]
    assert suspended(cloud) == []


def test_a_group_that_cannot_be_held_does_not_hold_a_recovery_up(cloud: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise WorldFailed("suspend", "AccessDenied", "no")

    old = serving(cloud)
    cloud.frozen(old)
    cloud.client("autoscaling").suspend_processes(AutoScalingGroupName="counter-group", ScalingProcesses=["Launch"])
    table.put_held(Held(revision=1, processes=("Launch",), reason="x"), "demo", "counter")
    monkeypatch.setattr(groups, "resume", refuse)
    admitted_when_old_is_gone(cloud, old)

    run(cloud, cloud.event("alarm_action"))

    assert cloud.state(old) == "terminated"


def test_a_group_that_takes_no_note_of_being_held_does_not_hold_a_recovery_up(cloud: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What Auto Scaling tells of itself may be behind what it was told."""
    calls: list[object] = []
    old = serving(cloud)
    cloud.frozen(old)
    cloud.client("autoscaling").suspend_processes(AutoScalingGroupName="counter-group", ScalingProcesses=["Launch"])
    table.put_held(Held(revision=1, processes=("Launch",), reason="x"), "demo", "counter")
    monkeypatch.setattr(groups, "resume", lambda *given: calls.append(given))
    monkeypatch.setattr(table, "put_held", lambda *_: None)
    admitted_when_old_is_gone(cloud, old)

    run(cloud, cloud.event("alarm_action"))

    assert cloud.state(old) == "terminated"
    assert 1 <= len(calls) <= 5


def test_a_spent_budget_holds_launches_too_until_somebody_has_looked(cloud: Any) -> None:
    old = serving(cloud)
    entries = tuple(
        Entry(at_ms=cloud.now_ms - 1000 * n, deployable="demo", assembly="counter", incident=str(n), replaced=True) for n in range(10)
    )
    table.put_budget(Budget(revision=1, entries=entries))
    cloud.frozen(old)

    run(cloud, cloud.event("alarm_action"))
    (spent,) = cloud.ended()
    assert spent.state is State.EXHAUSTED
    assert suspended(cloud) == sorted([*CHECKS, "Launch"])

    said(cloud, Kind.RESUME, spent.id)
    cloud.looks(old, [], silent_s=0)
    cloud.report(old)
    minute(cloud)
    assert suspended(cloud) == []


# --- shadow -----------------------------------------------------------------------------------------


def test_in_shadow_mode_all_is_decided_and_recorded_and_nothing_done(cloud: Any) -> None:
    old = serving(cloud)
    said(cloud, Kind.SHADOW, "*")
    cloud.frozen(old)

    run(cloud, cloud.event("alarm_action"))
    run(cloud, cloud.event("alarm_action"))

    (incident,) = cloud.ended()
    assert (incident.state, incident.cause) == (State.SUPPRESSED, Cause.SIGNALS)
    assert incident.reason.startswith(f"shadow mode: {old} would have been replaced")
    assert cloud.state(old) == "running"
    assert table.budget().entries == ()
    assert (cloud.evidence(), suspended(cloud)) == ([], [])


# --- replace ----------------------------------------------------------------------------------------


def test_a_node_that_an_operator_wants_replaced_is_replaced_once(cloud: Any) -> None:
    old = serving(cloud)
    said(cloud, Kind.REPLACE, old)
    cloud.report(old, verdict=Verdict.FAILING)  # what serves is waited with: test_lambdas_limping.py
    admitted_when_old_is_gone(cloud, old)

    assert minute(cloud) == [f"an operator wants {old} replaced: new switch (by ann)"]
    (incident,) = cloud.ended()
    assert (incident.state, incident.cause) == (State.RECOVERED, Cause.OPERATOR)
    assert "new switch (by ann)" in incident.reason
    assert table.budget().holds(incident.id), "out of the same budget"

    cloud.while_asleep = lambda: None
    assert minute(cloud) == [], "its word is spent: the node holds the permit no more"


def test_a_word_about_a_node_that_does_not_hold_the_permit_is_nobodys(cloud: Any) -> None:
    serving(cloud)
    said(cloud, Kind.REPLACE, "i-0123456789abcdef0")

    assert minute(cloud) == []
    assert cloud.incident() is None


def test_a_word_that_cannot_be_read_hides_no_other(cloud: Any) -> None:
    serving(cloud)
    said(cloud, Kind.PAUSE)
    cloud.put({"pk": "INTENT#demo", "sk": "NAP#counter", "version": 1})

    minute(cloud)
    assert suspended(cloud) == CHECKS

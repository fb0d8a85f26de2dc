"""tick against moto: whom it wakes each minute, and in which order."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from core.items import permit_item
from core.model import Verdict
from core.records import Phase
from core.recovery.incident import Cause, Incident, State, incident_item
from core.watching.fleet import Fleet, Watched
from lambdas import tick
from lambdas.adapters import alarms, clock, functions, queues, register, table
from lambdas.adapters.clients import WorldFailed

ADMIT = {"assembly": {"deployable": "demo", "assembly": "counter"}}


def launched(cloud: Any) -> str:
    """A node that waits in the launch hook; its agent reports and answers."""
    (node,) = cloud.members()
    cloud.lifecycles[node] = "Pending:Wait"
    cloud.report(node, epoch=0, phase=Phase.WAITING, verdict=Verdict.UNKNOWN)
    return str(node)


def test_each_minute_is_six_sweeps(cloud: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    orders: list[tuple[int, int]] = []
    monkeypatch.setattr(
        "lambdas.adapters.queues.send_all", lambda url, bodies: orders.extend((b["sweep"]["due_ms"] - cloud.now_ms, d) for b, d in bodies)
    )

    tick.handler(cloud.event("schedule"), cloud.context())

    assert orders == [(1000 * s, s) for s in (0, 10, 20, 30, 40, 50)]


def test_a_waiting_hook_wakes_its_handler(cloud: Any) -> None:
    node = launched(cloud)

    tick.handler(cloud.event("schedule"), cloud.context())

    assert cloud.woken == [("admit", {**ADMIT, "instance": node, "group": "counter-group"})]


def test_a_lost_event_is_made_good(cloud: Any) -> None:
    (node,) = cloud.members()
    cloud.permit(node)
    cloud.report(node)
    cloud.client("ec2").terminate_instances(InstanceIds=[node])

    tick.handler(cloud.event("schedule"), cloud.context())

    (woken,) = cloud.woken
    assert woken[0] == "recover"
    assert "terminated" in woken[1]["wake"]["reason"]


def gone_predecessor(cloud: Any) -> str:
    """The permit's holder is terminated and nobody has opened an incident; its successor waits in the launch hook."""
    node = launched(cloud)
    old = cloud.client("ec2").run_instances(ImageId="ami-12345678", MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]
    cloud.permit(old)
    cloud.report(old)
    cloud.client("ec2").terminate_instances(InstanceIds=[old])
    return node


def when_woken(cloud: Any, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, float]]:
    """Whom tick wakes, and how many seconds after it began; filled in as it goes."""
    began = cloud.now_ms
    times: list[tuple[str, float]] = []
    monkeypatch.setattr(functions, "wake", lambda function, _payload: times.append((function, (cloud.now_ms - began) / 1000)))
    return times


def test_whoever_waits_to_be_let_in_is_woken_for_at_once_and_the_loss_before_it_is_looked_into_too(
    cloud: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who comes first makes no difference: a successor that was quicker than any suspicion leaves the loss on record all the same."""
    gone_predecessor(cloud)
    times = when_woken(cloud, monkeypatch)

    tick.handler(cloud.event("schedule"), cloud.context())

    assert times == [("recover", 0.0), ("admit", 0.0)]


def test_a_loss_that_nobody_recorded_before_its_successor_was_permitted_wakes_recovery(cloud: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    node = gone_predecessor(cloud)
    old = table.permit("demo", "counter")
    assert old is not None
    cloud.put(permit_item(replace(old, instance=node, epoch=2, at_ms=cloud.now_ms, predecessor=old.instance)))
    cloud.report(node, epoch=2)
    cloud.lifecycles.clear()
    times = when_woken(cloud, monkeypatch)

    tick.handler(cloud.event("schedule"), cloud.context())

    assert ("recover", 0.0) in times


def test_a_launch_with_nothing_to_explain_waits_for_nobody(cloud: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    launched(cloud)
    times = when_woken(cloud, monkeypatch)

    tick.handler(cloud.event("schedule"), cloud.context())

    assert times == [("admit", 0.0)]


def test_a_loss_that_is_being_recovered_already_does_not_hold_its_successor_up(cloud: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    gone_predecessor(cloud)
    permit = table.permit("demo", "counter")
    assert permit is not None
    incident = Incident(
        deployable="demo", assembly="counter", id="x", revision=1, instance=permit.instance, epoch=1, state=State.RECREATING,
        cause=Cause.GONE, reason="", woken_by="event", failed_ms=1, opened_ms=1, state_ms=cloud.now_ms,
        driven_until_ms=cloud.now_ms + 60_000,
    )  # fmt: skip
    cloud.put(incident_item(incident))
    times = when_woken(cloud, monkeypatch)

    tick.handler(cloud.event("schedule"), cloud.context())

    assert times == [("admit", 0.0)]


def test_an_alarm_that_rings_is_found_by_its_own_dimensions(cloud: Any) -> None:
    cloudwatch = cloud.client("cloudwatch")
    for name, assembly in (("mine", "counter"), ("other", "other")):
        cloudwatch.put_metric_alarm(
            AlarmName=name, Namespace="Understudy", MetricName="Healthy", Statistic="Minimum", Period=10, EvaluationPeriods=3,
            Threshold=1, ComparisonOperator="LessThanThreshold",
            Dimensions=[{"Name": "Deployable", "Value": "demo"}, {"Name": "Assembly", "Value": assembly}],
        )  # fmt: skip
    cloudwatch.set_alarm_state(AlarmName="other", StateValue="ALARM", StateReason="test")
    assert not alarms.rings("demo", "counter")

    cloudwatch.set_alarm_state(AlarmName="mine", StateValue="ALARM", StateReason="test")
    assert alarms.rings("demo", "counter")


def test_who_was_left_out_for_want_of_time_has_his_turn_in_a_later_minute(cloud: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (one,) = register.fleet().assemblies
    many = Fleet(assemblies=tuple(replace(one, name=f"a{n}") for n in range(3)), networks={})
    looked_after: list[str] = []

    def look_after(watched: Watched) -> int:
        looked_after.append(watched.name)
        return 0

    monkeypatch.setattr(register, "fleet", lambda: many)
    monkeypatch.setattr(tick, "_look_after", look_after)
    monkeypatch.setattr(clock, "left_s", lambda _context: 1 - len(looked_after) % 2)
    for minute in range(6):
        monkeypatch.setattr(clock, "now_ms", lambda minute=minute: 1_800_000_000_000 + 60_000 * minute)

        with pytest.raises(WorldFailed, match="no time left"):
            tick.handler(cloud.event("schedule"), cloud.context())
        looked_after.append("-")

    assert set(looked_after) == {"a0", "a1", "a2", "-"}


def test_a_queue_that_fails_does_not_keep_tick_from_looking_after_hooks(cloud: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise WorldFailed("send messages", "ServiceUnavailable", "no")

    (node,) = cloud.members()
    cloud.lifecycles[node] = "Pending:Wait"
    monkeypatch.setattr(queues, "send_all", refuse)

    with pytest.raises(WorldFailed, match="ServiceUnavailable"):
        tick.handler(cloud.event("schedule"), cloud.context())
    assert [function for function, _ in cloud.woken] == ["admit"]


def test_an_assembly_that_cannot_be_read_fails_the_call_after_the_sweeps_were_ordered(cloud: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNDERSTUDY_TABLE", "elsewhere")

    with pytest.raises(WorldFailed, match="demo/counter"):
        tick.handler(cloud.event("schedule"), cloud.context())

    assert len([b for b in cloud.messages("tick") if "sweep" in b]) == 1, "the first of six is due at once"
    assert json.dumps(cloud.woken) == "[]"

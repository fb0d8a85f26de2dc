"""A node that serves on is ended when another one is ready, and not before: recover_assembly against moto."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from core.records import Phase
from core.recovery.incident import State
from core.recovery.intents import Kind
from lambdas.adapters import groups
from tests.lambdas.test_lambdas_operators import minute, said
from tests.lambdas.test_lambdas_recover_assembly import serving


def wanted(cloud: Any) -> tuple[int, int]:
    """How many the group is to keep, and how many it may."""
    (group,) = cloud.client("autoscaling").describe_auto_scaling_groups()["AutoScalingGroups"]
    return int(group["DesiredCapacity"]), int(group["MaxSize"])


def another_comes(cloud: Any, old: str, *, after_s: float = 60) -> None:
    """What EC2, admit_node and the new node do meanwhile; until after_s it has not booted."""
    booted_ms = cloud.now_ms + int(after_s * 1000)

    def play() -> None:
        for new in (member for member in cloud.members() if member != old):
            if cloud.state(old) == "terminated":
                cloud.lifecycles.pop(new, None)
                cloud.permit(new, 2)
                cloud.report(new, epoch=2)
            else:
                cloud.lifecycles[new] = "Pending:Wait"
                if cloud.now_ms >= booted_ms:
                    cloud.report(new, epoch=0, phase=Phase.WAITING)

    cloud.while_asleep = play


def no_capacity(cloud: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The group is to keep two, and EC2 gives it none: moto's would have it at once."""
    real, asked = groups.find, []

    def keep(_: object) -> str:
        asked.append(2)
        return "its group keeps 2"

    def found(deployable: str, assembly: str) -> Any:
        group = real(deployable, assembly)
        return None if group is None else replace(group, wanted=2 if asked else 1, room=2 if asked else 1)

    monkeypatch.setattr(groups, "launch_another", keep)
    monkeypatch.setattr(groups, "find", found)
    monkeypatch.setattr(groups, "keep_one", lambda view, extra: asked.clear())


def test_it_serves_until_another_one_is_ready_and_the_group_keeps_one_again(cloud: Any) -> None:
    old = serving(cloud)
    said(cloud, Kind.REPLACE, old)
    another_comes(cloud, old, after_s=20)

    minute(cloud)

    (incident,) = cloud.ended()
    told = [note.what for note in incident.notes]
    assert incident.state is State.RECOVERED
    assert (wanted(cloud), cloud.state(old), len(cloud.members())) == ((1, 1), "terminated", 1)
    assert any("another one is launched before it is ended: its group keeps 2" in what for what in told)
    assert any("has launched another already" in what for what in told)
    assert (incident.acted_ms - incident.confirmed_ms) / 1000 >= 20, "not before it had booted"


def test_without_capacity_it_serves_on_people_are_told_and_in_the_end_a_person_has_it(cloud: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    old = serving(cloud)
    said(cloud, Kind.REPLACE, old, minutes=600)
    no_capacity(cloud, monkeypatch)

    minute(cloud)
    for _ in range(6):
        cloud.report(old)
        cloud.now_ms += 330_000
        minute(cloud)

    (incident,) = cloud.ended()
    assert (incident.state, incident.escalated_to, incident.acted_ms) == (State.ESCALATED, "person", 0)
    assert (cloud.state(old), cloud.members()) == ("running", [old])
    subjects = sorted(m["Subject"] for m in cloud.messages("people"))
    assert subjects == [
        "[understudy] demo/counter: a person is needed: no other node is to be had within 1910 s ...",
        f"[understudy] demo/counter: {old} serves on: no other machine is to be had",
    ]
    assert groups.find("demo", "counter").wanted == 1  # type: ignore[union-attr] # there is one


def test_whoever_is_left_with_two_is_given_one_again_and_it_is_the_one_that_serves(cloud: Any) -> None:
    """The call died that had another one launched, and its incident has ended since."""
    old = serving(cloud)
    cloud.client("autoscaling").update_auto_scaling_group(AutoScalingGroupName="counter-group", MaxSize=2, DesiredCapacity=2)
    (extra,) = [member for member in cloud.members() if member != old]
    cloud.lifecycles[extra] = "Pending:Wait"

    assert minute(cloud) == ["its group has room for 2, and no incident is open"]

    assert (wanted(cloud), cloud.members()) == ((1, 1), [old])
    assert cloud.state(old) == "running"
    assert minute(cloud) == []


def test_a_group_that_is_left_with_two_and_has_one_is_told_to_keep_one(cloud: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[dict[str, Any]] = []

    class Recorder:
        def update_auto_scaling_group(self, **given: Any) -> None:
            calls.append(given)

    monkeypatch.setattr(groups, "client", lambda _: Recorder())

    class Seen:
        group = "counter-group"

    assert groups.keep_one(Seen(), "") == "its group keeps 1"  # type: ignore[arg-type] # of a view it asks no more
    assert calls == [{"AutoScalingGroupName": "counter-group", "MaxSize": 1, "DesiredCapacity": 1}]

"""Fronts that are load balancers: who is registered, when that is enough, and who is taken out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from core.model import Front, FrontKind, Verdict
from core.records import Phase
from core.recovery.incident import Cause, Incident, State
from lambdas import admit_node, isolation, move_front
from lambdas.adapters import balancers, clients, environment, fronts, world
from tests.lambdas.conftest import A, D

MOVE = {"assembly": {"deployable": D, "assembly": A}}


def behind_a_balancer(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the handlers know of the assembly says so too."""
    fleet = environment.fleet()
    watched = replace(fleet.assemblies[0], front=Front(kind=FrontKind.NLB, ports=(8080,)))
    monkeypatch.setattr(environment, "fleet", lambda: replace(fleet, assemblies=(watched,)))


def launched(cloud: Any) -> str:
    made = cloud.client("ec2").run_instances(ImageId="ami-12345678", MinCount=1, MaxCount=1)
    return str(made["Instances"][0]["InstanceId"])


def targets(cloud: Any, group: str) -> dict[str, str]:
    rows = cloud.client("elbv2").describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
    return {row["Target"]["Id"]: row["TargetHealth"]["State"] for row in rows}


def healthy_after(monkeypatch: pytest.MonkeyPatch, asked: int) -> None:
    """The balancer finds whoever is registered well only at the so-many-th question."""
    real, said = clients.client("elbv2").describe_target_health, iter(range(1000))

    def answer(**given: Any) -> Any:
        found = real(**given)
        for row in found["TargetHealthDescriptions"]:
            row["TargetHealth"] = {"State": "initial" if next(said) < asked else "healthy"}
        return found

    monkeypatch.setattr(clients.client("elbv2"), "describe_target_health", answer)


class TestABalancer:
    def test_the_permits_node_is_the_one_target_of_every_group(self, cloud: Any, target_groups: list[str]) -> None:
        (old,), new = cloud.members(), launched(cloud)
        for group in target_groups:
            cloud.client("elbv2").register_targets(TargetGroupArn=group, Targets=[{"Id": old}])
        cloud.permit(new, epoch=2)

        assert move_front.handler(MOVE, cloud.context()) == {"held_by": new, "tried": None, "moved": True}

        assert [targets(cloud, group) for group in target_groups] == [{new: "healthy"}] * 2

    def test_who_is_in_one_group_alone_does_not_hold_it_and_is_put_into_the_other(self, cloud: Any, target_groups: list[str]) -> None:
        (node,) = cloud.members()
        cloud.client("elbv2").register_targets(TargetGroupArn=target_groups[1], Targets=[{"Id": node}])
        cloud.permit(node)
        front = fronts.front_of(D, A)
        assert front is not None
        assert front.who_holds() is None

        assert move_front.handler(MOVE, cloud.context())["held_by"] == node

    def test_it_is_registered_on_difference_only(self, cloud: Any, target_groups: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
        (node,) = cloud.members()
        cloud.permit(node)
        move_front.handler(MOVE, cloud.context())
        monkeypatch.setattr(clients.client("elbv2"), "register_targets", None)
        monkeypatch.setattr(clients.client("elbv2"), "deregister_targets", None)

        assert move_front.handler(MOVE, cloud.context()) == {"held_by": node, "tried": None, "moved": False}

    def test_while_the_balancer_has_not_found_it_well_clients_do_not_get_through(
        self, cloud: Any, target_groups: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A new target of an NLB takes minutes: https://docs.aws.amazon.com/elasticloadbalancing/latest/network/target-group-health-checks.html"""
        (node,) = cloud.members()
        cloud.permit(node)
        healthy_after(monkeypatch, 20)

        first = move_front.handler(MOVE, cloud.context())
        second = move_front.handler(MOVE, cloud.context())

        assert first == {"held_by": node, "tried": False, "moved": True}
        assert second == {"held_by": node, "tried": None, "moved": False}

    def test_a_target_that_is_leaving_holds_nothing_and_is_registered_again(
        self, cloud: Any, target_groups: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (node,) = cloud.members()
        front = fronts.front_of(D, A)
        assert front is not None
        registered: list[str] = []
        leaving = {"TargetHealthDescriptions": [{"Target": {"Id": node}, "TargetHealth": {"State": "draining"}}]}
        monkeypatch.setattr(clients.client("elbv2"), "describe_target_health", lambda **_: leaving)
        monkeypatch.setattr(clients.client("elbv2"), "register_targets", lambda **given: registered.append(given["TargetGroupArn"]))

        assert front.who_holds() is None
        front.attach(node)

        assert registered == target_groups

    def test_taking_out_whom_it_does_not_know_is_no_error(self, cloud: Any, target_groups: list[str]) -> None:
        """https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DeregisterTargets.html"""
        front = fronts.front_of(D, A)
        assert isinstance(front, balancers.BalancerFront)

        assert "sends it nothing more" in front.drop("i-0123456789abcdef0")

    def test_a_fenced_node_is_sent_nothing_more(self, cloud: Any, target_groups: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
        """With every target unhealthy a balancer sends to all of them (the page of the test above, "fails open")."""
        (node,) = cloud.members()
        cloud.permit(node)
        move_front.handler(MOVE, cloud.context())
        behind_a_balancer(monkeypatch)
        cloud.report(node)
        view = world.observe(world.watched(D, A), for_recovery=True)
        incident = Incident(
            deployable=D, assembly=A, id="1", revision=1, instance=node, epoch=1, state=State.ISOLATING, cause=Cause.SIGNALS, reason="",
            woken_by="alarm", failed_ms=cloud.now_ms, opened_ms=cloud.now_ms, state_ms=cloud.now_ms,
        )  # fmt: skip

        fenced = isolation.fence(view, incident, node, force=False)

        assert [targets(cloud, group) for group in target_groups] == [{}, {}]
        assert "sends it nothing more" in fenced.notes[-1].what

    def test_it_is_told_of_a_node_as_soon_as_that_is_permitted_and_not_only_when_it_serves(
        self, cloud: Any, target_groups: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        behind_a_balancer(monkeypatch)
        (node,) = cloud.members()
        cloud.lifecycles[node] = "Pending:Wait"
        cloud.report(node, epoch=0, phase=Phase.WAITING, verdict=Verdict.UNKNOWN)

        admit_node.handler(cloud.event("instance_launch_hook", node), cloud.context(10))

        assert cloud.woken == [("move", MOVE)]
        assert not [hook for hook in cloud.hooks if hook[2] == "CONTINUE"]

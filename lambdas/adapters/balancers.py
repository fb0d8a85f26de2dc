"""Fronts that are load balancers: the permit's node is the one target of every target group, registered by move_front alone."""

from __future__ import annotations

from collections.abc import Iterator

from lambdas.adapters import clock
from lambdas.adapters.clients import WorldFailed, calling, client
from lambdas.adapters.environment import FrontBalancer
from lambdas.adapters.instances import NotYet

ASK_EVERY_S = 1.0
# A target in these is sent nothing, or nothing new (https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetHealth.html).
_LEAVING = frozenset({"draining", "unused"})
HEALTHY = "healthy"
# The instance is not running, or is no more: https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_RegisterTargets.html.
_NO_TARGET = "InvalidTarget"


class BalancerFront:
    """Its own health checks ask the node whether it is ready, so that AWS's word is one of somebody who tried."""

    def __init__(self, told: FrontBalancer) -> None:
        self._told = told

    def __str__(self) -> str:
        return self._told.address

    def who_holds(self) -> str | None:
        """The one instance that every target group has; None also when one has another, or more."""
        holders = {frozenset(target for target, state in states.items() if state not in _LEAVING) for _, states in self._all()}
        if len(holders) != 1:
            return None
        [found] = holders
        return next(iter(found)) if len(found) == 1 else None

    def attach(self, instance: str) -> None:
        """The new one first: of two targets one answers, of none nobody does."""
        for group, states in self._all():
            if states.get(instance, "unused") in _LEAVING:
                self._register(group, instance)
            for other in sorted(other for other, state in states.items() if other != instance and state not in _LEAVING):
                deregister(group, other)

    def drop(self, instance: str) -> str:
        """Have nothing more sent to it, though no other target were well; told in a few words. Harmless when it is no target."""
        for group in self._told.groups:
            deregister(group, instance)
        return f"{self} sends it nothing more"

    def verify(self, for_s: float) -> bool | None:
        """False while the balancer has not found its target well, which takes an NLB minutes; then AWS's word is what there is."""
        until_ms = clock.now_ms() + int(for_s * 1000)
        while any(state != HEALTHY for _, states in self._all() for state in states.values() if state not in _LEAVING):
            if clock.now_ms() >= until_ms:
                return False
            clock.sleep(ASK_EVERY_S)
        return None

    def _register(self, group: str, instance: str) -> None:
        try:
            with calling(f"register {instance} behind {self}"):
                client("elbv2").register_targets(TargetGroupArn=group, Targets=[{"Id": instance}])
        except WorldFailed as error:
            if error.code != _NO_TARGET:
                raise
            raise NotYet(f"register behind {self}", error.code, str(error)) from error

    def _all(self) -> Iterator[tuple[str, dict[str, str]]]:
        """Each target group's targets, each with its state."""
        for group in self._told.groups:
            with calling(f"describe the targets behind {self}"):
                answer = client("elbv2").describe_target_health(TargetGroupArn=group)
            yield group, {row["Target"]["Id"]: row["TargetHealth"]["State"] for row in answer["TargetHealthDescriptions"]}


def deregister(group: str, instance: str) -> None:
    try:
        with calling(f"deregister {instance}"):
            client("elbv2").deregister_targets(TargetGroupArn=group, Targets=[{"Id": instance}])
    except WorldFailed as error:
        if error.code != _NO_TARGET:  # it is none (any more): that was all that was wanted
            raise

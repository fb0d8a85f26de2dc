"""Elastic Load Balancing: target groups whose targets are registered, found well or not, and drained.

https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetHealth.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from simulation.machines import Machine, Machines
from simulation.schedule import Schedule
from simulation.table import Item, refused

CHECK_S = 5.0
DRAIN_S = 10.0


@dataclass(slots=True)
class Target:
    machine: Machine
    state: str = "initial"
    well_ms: int = 0  # since when its checks are answered


@dataclass
class Balancers:
    """ready: whether the node answers at /readyz. new_target_s: how long a new target is looked at before it is sent anything."""

    schedule: Schedule
    chance: Random
    machines: Machines
    ready: Callable[[Machine], bool]
    new_target_s: float = 10.0
    blind: bool = False  # its checks reach nobody
    groups: dict[str, dict[str, Target]] = field(default_factory=dict)

    # --- physics ------------------------------------------------------------------------------------------------------

    def machine_ended(self, machine: Machine) -> None:
        """A target that is terminated is deregistered by itself."""
        for targets in self.groups.values():
            targets.pop(machine.id, None)

    def holder(self, groups: tuple[str, ...]) -> str | None:
        """The one target of all of them that is sent something, or would be."""
        leaving = ("draining", "unused")
        found = {frozenset(i for i, target in self.groups[group].items() if _state(target) not in leaving) for group in groups}
        one = next(iter(found)) if len(found) == 1 else frozenset()
        return next(iter(one)) if len(one) == 1 else None

    def _check(self, targets: dict[str, Target], target: Target) -> None:
        if targets.get(target.machine.id) is not target or target.state == "draining":
            return
        now_ms = self.schedule.now_ms
        if self.blind or not self.ready(target.machine):
            target.well_ms = 0
            target.state = "unhealthy" if target.state != "initial" else "initial"
        elif not target.well_ms:
            target.well_ms = now_ms
        elif now_ms - target.well_ms >= (self.new_target_s if target.state == "initial" else 2 * CHECK_S) * 1000:
            target.state = "healthy"
        self.schedule.later(CHECK_S, lambda: self._check(targets, target))

    # --- the API ------------------------------------------------------------------------------------------------------

    def register_targets(self, *, TargetGroupArn: str, Targets: list[Mapping[str, Any]]) -> Item:
        targets = self.groups[TargetGroupArn]
        for wanted in Targets:
            machine = self.machines.all.get(wanted["Id"])
            if machine is None or machine.state != "running":
                raise refused("InvalidTarget", "RegisterTargets", f"{wanted['Id']} is not running")
            there = targets.get(machine.id)
            if there is None or there.state == "draining":
                target = targets[machine.id] = Target(machine)
                self.schedule.later(self.chance.uniform(0.1, CHECK_S), lambda target=target: self._check(targets, target))  # type: ignore[misc]  # this turn's
        return {}

    def deregister_targets(self, *, TargetGroupArn: str, Targets: list[Mapping[str, Any]]) -> Item:
        targets = self.groups[TargetGroupArn]
        for wanted in Targets:
            target = targets.get(wanted["Id"])
            if target is not None and target.state != "draining":
                target.state = "draining"
                self.schedule.later(DRAIN_S, lambda target=target: self._drained(targets, target))  # type: ignore[misc]  # this turn's
        return {}

    def _drained(self, targets: dict[str, Target], target: Target) -> None:
        if targets.get(target.machine.id) is target:
            del targets[target.machine.id]

    def describe_target_health(self, *, TargetGroupArn: str) -> Item:
        rows = [{"Target": {"Id": i}, "TargetHealth": {"State": _state(target)}} for i, target in self.groups[TargetGroupArn].items()]
        return {"TargetHealthDescriptions": rows}


def _state(target: Target) -> str:
    """One that does not run is unused (Target.InvalidState)."""
    return target.state if target.machine.state in ("pending", "running") else "unused"

"""Auto Scaling: groups of one that replace what is gone, with both hooks, and CloudFormation's way of updating one.

https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-lifecycle.html
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from core import names
from simulation.machines import ALIVE, Guest, Machine, Machines
from simulation.schedule import Schedule
from simulation.table import Item

HEARTBEAT_S = {names.LAUNCH_HOOK: 600.0, names.TERMINATE_HOOK: 180.0}  # stacks.group
IMPAIRED_S = 420.0  # two missed status checks, and the few minutes that Auto Scaling leaves to AWS


@dataclass(slots=True)
class Member:
    machine: Machine
    version: int
    lifecycle: str = "Pending"
    healthy: bool = True
    hook_ends_ms: int = 0
    turn: int = 0  # counts changes of its lifecycle, so that a timer of an earlier one does nothing


@dataclass(slots=True)
class Group:
    name: str
    place: tuple[str, str]
    guest: Callable[[Machine, int], Guest]
    zones: tuple[str, ...]
    desired: int = 1
    most: int = 1
    version: int = 1
    members: dict[str, Member] = field(default_factory=dict)
    suspended: set[str] = field(default_factory=set)
    launching: int = 0
    failures: int = 0
    waits_for_signal: bool = False
    row: Item | None = None

    @property
    def live(self) -> int:
        return sum(not m.lifecycle.startswith("Terminating") for m in self.members.values())


@dataclass
class Groups:
    schedule: Schedule
    chance: Random
    machines: Machines
    emit: Callable[[str, str, dict[str, Any]], None]
    all: dict[tuple[str, str], Group] = field(default_factory=dict)
    signalled: Callable[[Group, str, str], None] = lambda group, instance, status: None

    def add(self, group: Group) -> None:
        self.all[group.place] = group
        self._fill(group)

    def machine_changed(self, machine: Machine) -> None:
        group = self.all.get(machine.place)
        member = group.members.get(machine.id) if group else None
        if group is None or member is None:
            return
        if machine.state == "running" and member.lifecycle == "Pending":
            self._hold(group, member, "Pending:Wait", names.LAUNCH_HOOK)
        elif machine.state not in ALIVE and member.lifecycle == "Pending":
            self._launch_failed(group)
            self.retire_now(group, member, hooks=False)
        elif machine.state not in ALIVE and member.lifecycle == "InService":
            self._after(self.machines.pace.detect, member, lambda: self._check(group, member))
        if machine.state == "terminated" and member.lifecycle == "Terminating:Proceed":
            self._forget(group, member)

    def frozen(self, machine: Machine) -> None:
        """Status checks fail after a while, if it stays so."""
        group = self.all[machine.place]
        member = group.members.get(machine.id)
        if member is not None:
            self._after(IMPAIRED_S, member, lambda: self._check(group, member))

    def resume(self, group: Group, processes: set[str]) -> None:
        group.suspended -= processes
        for member in list(group.members.values()):
            if member.lifecycle == "InService":
                self._after(self.machines.pace.detect, member, lambda member=member: self._check(group, member))  # type: ignore[misc]  # this turn's
        self._fill(group)

    def resized(self, group: Group) -> None:
        """One more is launched; of one too many the oldest goes (ec2-auto-scaling-termination-policies.html)."""
        live = sorted((m for m in group.members.values() if not m.lifecycle.startswith("Terminating")), key=lambda m: m.machine.launched_ms)
        for member in live[: max(0, len(live) - group.desired)]:
            self.retire_now(group, member, hooks=True)
        self._fill(group)

    def retire(self, group: Group, member: Member) -> None:
        """By its own will, or CloudFormation's: through the hooks, another one being launched meanwhile."""
        if not member.lifecycle.startswith("Terminating"):
            self.retire_now(group, member, hooks=True)

    # --- physics ------------------------------------------------------------------------------------------------------

    def _after(self, seconds: float, member: Member, act: Callable[[], None]) -> None:
        turn = member.turn
        self.schedule.later(seconds, lambda: act() if member.turn == turn else None)

    def _enter(self, group: Group, member: Member, lifecycle: str) -> None:
        member.lifecycle = lifecycle
        member.turn += 1
        group.row = None

    def _fill(self, group: Group) -> None:
        if group.live + group.launching < group.desired and "Launch" not in group.suspended:
            group.launching += 1
            pause_s = min(60.0, 10.0 * 2.0 ** (group.failures - 1)) if group.failures else 0.0
            self.schedule.later(self.machines.pace.launch + pause_s, lambda: self._launch(group))

    def _launch(self, group: Group) -> None:
        group.launching -= 1
        if "Launch" in group.suspended or group.live >= group.desired:
            return
        zone = next((zone for zone in group.zones if zone not in self.machines.full_zones), None)
        if zone is None:
            self._launch_failed(group)
            self._fill(group)
            return
        version = group.version
        machine = self.machines.launch(group.place, zone, lambda machine: group.guest(machine, version))
        group.members[machine.id] = Member(machine, version)
        group.row = None

    def _launch_failed(self, group: Group) -> None:
        group.failures += 1
        self.emit("aws.autoscaling", "EC2 Instance Launch Unsuccessful", {"AutoScalingGroupName": group.name, "EC2InstanceId": ""})

    def _hold(self, group: Group, member: Member, lifecycle: str, hook: str) -> None:
        self._enter(group, member, lifecycle)
        detail = {
            "AutoScalingGroupName": group.name,
            "LifecycleHookName": hook,
            "EC2InstanceId": member.machine.id,
            "NotificationMetadata": names.hook_metadata(*group.place),
        }
        kind = "launch" if hook == names.LAUNCH_HOOK else "terminate"
        self.emit("aws.autoscaling", f"EC2 Instance-{kind} Lifecycle Action", detail)
        self.heartbeat(group, member, hook)

    def heartbeat(self, group: Group, member: Member, hook: str) -> None:
        member.hook_ends_ms = self.schedule.now_ms + int(HEARTBEAT_S[hook] * 1000)
        self._after(HEARTBEAT_S[hook], member, lambda: self._expire(group, member, hook))

    def _expire(self, group: Group, member: Member, hook: str) -> None:
        if self.schedule.now_ms >= member.hook_ends_ms:
            self.answered(group, member, hook, "ABANDON" if hook == names.LAUNCH_HOOK else "CONTINUE")

    def answered(self, group: Group, member: Member, hook: str, result: str) -> None:
        if hook == names.TERMINATE_HOOK:
            self._end(group, member)
        elif result == "CONTINUE":
            self._enter(group, member, "InService")
            group.failures = 0
            if member.machine.state not in ALIVE:
                self._after(self.machines.pace.detect, member, lambda: self._check(group, member))
        else:
            self.retire_now(group, member, hooks=True)

    def _check(self, group: Group, member: Member) -> None:
        bad = member.machine.state not in ALIVE or member.machine.frozen
        if not bad or group.suspended & {"HealthCheck", "ReplaceUnhealthy", "Terminate"}:
            return
        member.healthy = False
        self.retire_now(group, member, hooks=True)

    def retire_now(self, group: Group, member: Member, *, hooks: bool) -> None:
        self._enter(group, member, "Terminating")
        guest: Any = member.machine.guest
        guest.target_terminated()
        if hooks:
            self._hold(group, member, "Terminating:Wait", names.TERMINATE_HOOK)
        else:
            self._end(group, member)
        self._fill(group)

    def _end(self, group: Group, member: Member) -> None:
        self._enter(group, member, "Terminating:Proceed")
        self.machines.terminate(member.machine, skip_os=False)
        if member.machine.state == "terminated":
            self._forget(group, member)

    def _forget(self, group: Group, member: Member) -> None:
        if group.members.pop(member.machine.id, None) is not None:
            group.row = None
            detail = {"AutoScalingGroupName": group.name, "EC2InstanceId": member.machine.id}
            self.emit("aws.autoscaling", "EC2 Instance Terminate Successful", detail)
            self._fill(group)

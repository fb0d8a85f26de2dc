"""EC2: instances from pending to terminated, their power, one zone each, and the addresses that clients use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Any, Protocol

from core import names
from simulation.schedule import Schedule
from simulation.table import Item, refused

FORGOTTEN_S = 3600.0  # https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/terminating-instances.html
GUEST_SHUTDOWN_S = 240.0  # https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_RebootInstances.html
ALIVE = ("pending", "running")


class Guest(Protocol):
    """What runs on a machine."""

    def booted(self) -> None: ...
    def shut_down(self, off: Callable[[], None]) -> None:
        """The machine goes down in order: `off` is called once everything has stopped."""

    def lost_power(self) -> None: ...
    def woke(self) -> None:
        """It was frozen, and is not any more."""


@dataclass(slots=True)
class Machine:
    """hidden_ms: until then EC2's answers do not show it yet. stuck: EC2 does not get it terminated, and it goes on running."""

    id: str
    place: tuple[str, str]  # deployable, assembly
    zone: str
    address: str
    launched_ms: int
    guest: Guest | None = None
    state: str = "pending"
    changed_ms: int = 0
    reason: str = ""
    powered: bool = False
    frozen: bool = False
    hidden_ms: int = 0
    stuck: bool = False
    row: Item | None = None

    @property
    def thinks(self) -> bool:
        return self.powered and not self.frozen


@dataclass(slots=True)
class Pace:
    """AWS's own delays of one history, in seconds: short, so that histories are."""

    launch: float = 2.0
    run: float = 3.0
    boot: float = 8.0
    off: float = 3.0
    detect: float = 20.0
    event: float = 0.5


@dataclass
class Machines:
    schedule: Schedule
    chance: Random
    pace: Pace
    emit: Callable[[str, str, dict[str, Any]], None]
    changed: Callable[[Machine], None]
    shadow: Callable[[], float]  # for how long a new instance is not seen yet
    all: dict[str, Machine] = field(default_factory=dict)
    by_address: dict[str, Machine] = field(default_factory=dict)
    owned: dict[tuple[str, str], list[Machine]] = field(default_factory=dict)
    associations: dict[str, str] = field(default_factory=dict)  # allocation -> instance
    full_zones: set[str] = field(default_factory=set)
    _freed: list[str] = field(default_factory=list)

    # --- physics ------------------------------------------------------------------------------------------------------

    def launch(self, place: tuple[str, str], zone: str, guest: Callable[[Machine], Guest]) -> Machine:
        number = len(self.all) + 1
        reused = self._freed.pop() if self._freed and self.chance.random() < 0.3 else None
        address = reused or f"10.20.{number // 250}.{number % 250 + 1}"
        machine = Machine(f"i-{number:08x}", place, zone, address, self.schedule.now_ms)
        machine.hidden_ms = self.schedule.now_ms + int(self.shadow() * 1000)
        machine.guest = guest(machine)
        self.all[machine.id] = self.by_address[address] = machine
        self.owned.setdefault(place, []).append(machine)
        self._enter(machine, "pending")
        self.schedule.later(self.pace.run, lambda: self._runs(machine))
        return machine

    def terminate(self, machine: Machine, *, skip_os: bool, force: bool = False) -> None:
        if machine.state == "terminated":
            return
        if machine.state == "shutting-down":
            if force and machine.powered and not machine.stuck:
                self._off(machine, "terminated")
            return
        self._go_down(machine, "shutting-down", "terminated", skip_os)

    def stop(self, machine: Machine) -> None:
        """Its host is retired: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/schedevents_actions_retire.html"""
        if machine.state in ALIVE:
            self._go_down(machine, "stopping", "stopped", False)

    def start(self, machine: Machine) -> None:
        if machine.state == "stopped":
            machine.reason = ""
            self._enter(machine, "pending")
            self.schedule.later(self.pace.run, lambda: self._runs(machine))

    def fail(self, machine: Machine) -> None:
        """The power is gone from one moment to the next, and EC2 knows."""
        if machine.state in ALIVE:
            self._cut(machine)
            self._enter(machine, "shutting-down")
            self.schedule.later(1.0, lambda: self._ended(machine, "terminated"))

    def thaw(self, machine: Machine) -> None:
        if machine.frozen:
            machine.frozen = False
            if machine.powered and machine.guest is not None:
                machine.guest.woke()

    def unstick(self, machine: Machine) -> None:
        if machine.stuck:
            machine.stuck = False
            if machine.state == "shutting-down":
                self._off(machine, "terminated")

    def _runs(self, machine: Machine) -> None:
        if machine.state == "pending":
            self._enter(machine, "running")
            self.schedule.later(self.pace.boot, lambda: self._boots(machine))

    def _boots(self, machine: Machine) -> None:
        if machine.state == "running" and not machine.powered and machine.guest is not None:
            machine.powered = True
            machine.guest.booted()

    def _go_down(self, machine: Machine, state: str, last: str, skip_os: bool) -> None:
        machine.reason = f"User initiated ({datetime.fromtimestamp(self.schedule.now_ms / 1000, UTC):%Y-%m-%d %H:%M:%S} GMT)"
        self._enter(machine, state)
        if machine.stuck:
            return
        if skip_os or not machine.powered:
            self.schedule.later(0.5, lambda: self._off(machine, last))
            return
        if machine.thinks and machine.guest is not None:
            machine.guest.shut_down(lambda: self._off(machine, last))
        self.schedule.later(GUEST_SHUTDOWN_S, lambda: self._off(machine, last))

    def _off(self, machine: Machine, last: str) -> None:
        if machine.state in ("shutting-down", "stopping") and not machine.stuck:
            self._cut(machine)
            self.schedule.later(self.pace.off, lambda: self._ended(machine, last))

    def _cut(self, machine: Machine) -> None:
        if machine.powered and machine.guest is not None:
            machine.guest.lost_power()
        machine.powered = machine.frozen = False

    def _ended(self, machine: Machine, last: str) -> None:
        if machine.state not in ("shutting-down", "stopping") or (machine.state == "stopping") != (last == "stopped"):
            return
        self._enter(machine, last)
        if last == "terminated":
            self.associations = {allocation: i for allocation, i in self.associations.items() if i != machine.id}
            if self.by_address.get(machine.address) is machine:
                del self.by_address[machine.address]
                self._freed.append(machine.address)
            self.schedule.later(FORGOTTEN_S, lambda: self.owned[machine.place].remove(machine))

    def _enter(self, machine: Machine, state: str) -> None:
        machine.state, machine.changed_ms, machine.row = state, self.schedule.now_ms, None
        self.emit("aws.ec2", "EC2 Instance State-change Notification", {"instance-id": machine.id, "state": state})
        self.changed(machine)

    # --- the API ------------------------------------------------------------------------------------------------------

    def describe_instances(self, *, Filters: list[Mapping[str, Any]]) -> Item:
        wanted = {f["Name"]: f["Values"] for f in Filters}
        if "instance-id" in wanted:
            found = [self.all[i] for i in wanted["instance-id"] if i in self.all]
        else:
            place = (wanted[f"tag:{names.TAG_DEPLOYABLE}"][0], wanted[f"tag:{names.TAG_ASSEMBLY}"][0])
            found = self.owned.get(place, [])
        now_ms = self.schedule.now_ms
        shown = [m for m in found if now_ms >= m.hidden_ms and not (m.state == "terminated" and now_ms - m.changed_ms > FORGOTTEN_S * 1000)]
        if "instance-state-name" in wanted:
            shown = [m for m in shown if m.state in wanted["instance-state-name"]]
        if "private-ip-address" in wanted:
            shown = [m for m in shown if m.address in wanted["private-ip-address"]]
        return {"Reservations": [{"Instances": [_row(m)]} for m in shown]}

    def terminate_instances(self, *, InstanceIds: list[str], SkipOsShutdown: bool = False, Force: bool = False) -> Item:
        for instance in InstanceIds:
            if instance not in self.all or self.schedule.now_ms < self.all[instance].hidden_ms:
                raise refused("InvalidInstanceID.NotFound", "TerminateInstances")
            self.terminate(self.all[instance], skip_os=SkipOsShutdown, force=Force)
        return {}

    def get_console_output(self, *, InstanceId: str) -> Item:
        if InstanceId not in self.all:
            raise refused("InvalidInstanceID.NotFound", "GetConsoleOutput")
        return {"Output": f"console of {InstanceId}"}

    def describe_addresses(self, *, AllocationIds: list[str]) -> Item:
        return {"Addresses": [{"AllocationId": a, "InstanceId": self.associations.get(a, "")} for a in AllocationIds]}

    def associate_address(self, *, AllocationId: str, InstanceId: str, AllowReassociation: bool) -> Item:
        machine = self.all.get(InstanceId)
        if machine is None:
            raise refused("InvalidInstanceID.NotFound", "AssociateAddress")
        if machine.state not in ALIVE:
            raise refused("IncorrectInstanceState", "AssociateAddress")
        self.associations[AllocationId] = InstanceId
        return {}


def _row(machine: Machine) -> Item:
    if machine.row is None:
        machine.row = {
            "InstanceId": machine.id,
            "State": {"Name": machine.state},
            "LaunchTime": datetime.fromtimestamp(machine.launched_ms / 1000, UTC),
            "StateTransitionReason": machine.reason,
            "Tags": [{"Key": names.TAG_DEPLOYABLE, "Value": machine.place[0]}, {"Key": names.TAG_ASSEMBLY, "Value": machine.place[1]}],
            **({} if machine.state == "terminated" else {"PrivateIpAddress": machine.address}),
        }
    return machine.row

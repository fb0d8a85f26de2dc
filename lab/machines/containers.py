"""world.machines: the rack. Machines by instance id, each in namespaces of its own (see Machines in lab/world.py)."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from lab import netns
from lab.machines import disk, imds
from lab.machines.machine import Machine
from lab.network import VpcNetwork
from lab.world import InterfaceSpec, MachineSpec, World

_REMEMBERED_MAX = 100  # machines that are off, for their consoles


class Containers:
    """Safe to call from any thread. Unknown or switched-off instances: LookupError, unless said otherwise."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._folder = world.lab_dir / "machines"
        self._lock = threading.Lock()
        self._machines: dict[str, Machine] = {}

    def boot(self, spec: MachineSpec) -> None:
        if self.is_on(spec.instance_id):
            raise ValueError(f"{spec.instance_id} is on already")
        folder = self._folder / spec.instance_id
        folder.mkdir(parents=True, exist_ok=True)
        network = self._network()
        network.ensure_vpc(spec.vpc_cidr)
        prefix = network.attach(spec.instance_id, spec.private_ip, mac=spec.mac, subnet_cidr=spec.subnet_cidr)
        try:
            machine = Machine(spec, folder, prefix, self._metadata_server(spec), self._went_off)
        except OSError:
            network.detach(spec.instance_id)  # nothing half-made stays
            raise
        with self._lock:
            self._machines.pop(spec.instance_id, None)
            self._machines[spec.instance_id] = machine
            off = [name for name, known in self._machines.items() if known.off.is_set()]
            for name in off[: max(0, len(off) - _REMEMBERED_MAX)]:
                del self._machines[name]
        self._world.journal.say(spec.instance_id, "machine on", address=spec.private_ip)

    def shut_down(self, instance_id: str, *, timeout_s: float) -> bool:
        machine = self._find(instance_id)
        return machine is None or machine.off.is_set() or machine.shut_down(timeout_s)

    def power_off(self, instance_id: str) -> None:
        """The link goes first: a machine without power sends no farewell to its peers."""
        machine = self._find(instance_id)
        if machine is None or machine.off.is_set():
            return
        with contextlib.suppress(LookupError):  # it went off just now
            self._network().set_link(instance_id, up=False)
        machine.cut_power()

    def discard(self, instance_id: str) -> None:
        disk.discard(instance_id)

    def freeze(self, instance_id: str) -> None:
        self._on(instance_id).freeze()
        self._world.journal.say(instance_id, "machine frozen")

    def thaw(self, instance_id: str) -> None:
        self._on(instance_id).thaw()
        self._world.journal.say(instance_id, "machine thawed")

    def set_link(self, instance_id: str, *, up: bool) -> None:
        machine = self._on(instance_id)
        self._network().set_link(instance_id, up=up)
        machine.link_up = up
        self._world.journal.say(instance_id, "link mended" if up else "link cut")

    def cut(self, instance_id: str, wire: str, *, on: bool, ports: Iterable[int] = ()) -> None:
        """See VpcNetwork.cut. Raises LookupError."""
        self._on(instance_id)
        self._network().cut(instance_id, wire, on=on, ports=ports)

    def set_target_lifecycle_state(self, instance_id: str, state: str) -> None:
        """Harmless for a machine that is off."""
        machine = self._find(instance_id)
        if machine is not None:
            machine.metadata.target_lifecycle_state = state

    def is_on(self, instance_id: str) -> bool:
        machine = self._find(instance_id)
        return machine is not None and not machine.off.is_set()

    def answers(self, instance_id: str) -> bool:
        """Whether EC2's instance status check would pass: power, link and an operating system that reacts.

        https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/monitoring-system-instance-status-check.html
        """
        machine = self._find(instance_id)
        return machine is not None and not machine.off.is_set() and not machine.frozen and machine.link_up

    def console(self, instance_id: str) -> str:
        machine = self._find(instance_id)
        return "" if machine is None else machine.console()

    def processes(self, instance_id: str) -> list[dict[str, Any]]:
        machine = self._find(instance_id)
        return [] if machine is None or machine.off.is_set() else machine.processes()

    def init_of(self, instance_id: str) -> int:
        machine = self._on(instance_id)
        if machine.init is None:
            raise LookupError(f"{instance_id} has no init")
        return machine.init

    def add_address(self, instance_id: str, address: str) -> None:
        machine = self._on(instance_id)
        self._network().add_address(instance_id, address)
        machine.metadata.public_ipv4 = address

    def remove_address(self, instance_id: str, address: str) -> None:
        """Harmless for a machine that is off."""
        machine = self._find(instance_id)
        if machine is None or machine.off.is_set():
            return
        try:
            self._network().remove_address(instance_id, address)
        except LookupError:
            return  # it went off just now
        if machine.metadata.public_ipv4 == address:
            machine.metadata.public_ipv4 = None

    def add_interface(self, instance_id: str, spec: InterfaceSpec) -> None:
        machine = self._on(instance_id)
        self._network().plug(instance_id, f"eth{spec.index}", spec.mac)
        machine.metadata.interfaces[spec.mac] = spec
        self._world.journal.say(instance_id, f"link eth{spec.index} appears", address=spec.private_ip)

    def remove_interface(self, instance_id: str, mac: str) -> None:
        machine = self._on(instance_id)
        machine.metadata.interfaces.pop(mac, None)
        self._network().unplug(instance_id, mac)

    def _metadata_server(self, spec: MachineSpec) -> imds.Server:
        """On the machine's own loopback, so that it is there when the link is cut; served by us, so that it never freezes."""
        name = spec.instance_id
        now = self._world.clock.now
        netns.ip([f"addr add {imds.ADDRESS}/32 dev lo"], namespace=name)
        listener = netns.listener(name, imds.ADDRESS, imds.PORT, hop_limit=spec.imds_hop_limit)
        role = spec.role_arn or ""
        metadata = imds.Metadata(spec, lambda: self._world.principals.issue(role, name, now=now()), now())
        return imds.Server(listener, metadata)

    def _went_off(self, machine: Machine) -> None:
        machine.server.close()
        self._network().detach(machine.spec.instance_id)
        self._world.journal.say(machine.spec.instance_id, "machine off")

    def _network(self) -> VpcNetwork:
        network = self._world.network
        if not isinstance(network, VpcNetwork):
            raise TypeError("the lab's machines hang on lab.network; install that first")
        return network

    def _find(self, instance_id: str) -> Machine | None:
        with self._lock:
            return self._machines.get(instance_id)

    def _on(self, instance_id: str) -> Machine:
        machine = self._find(instance_id)
        if machine is None or machine.off.is_set():
            raise LookupError(f"{instance_id} is not on")
        return machine


def machine_folder(world: World, instance_id: str) -> Path:
    """Where the console and the journals of a machine are: console.log, cloud-init-output.log, journal-<unit>.log."""
    return world.lab_dir / "machines" / instance_id

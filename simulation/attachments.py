"""EC2: volumes and network interfaces, each held by one machine at a time, attached and detached in AWS's own time.

https://docs.aws.amazon.com/ebs/latest/userguide/ebs-detaching-volume.html
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/network-interface-attachments.html
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from simulation.machines import Machine, Machines
from simulation.schedule import Schedule
from simulation.table import Item, refused

TAKES_S = (0.3, 4.0)  # to attach, or to detach


@dataclass(slots=True)
class Held:
    """state: as EC2 tells it, `attaching`, `attached`, `detaching` or `busy`; "" while nobody has it. stuck: EC2 does not get it off.

    turn: counts attachments, so that what was begun for an earlier one does nothing; it is in the attachment's id.
    """

    id: str
    holder: Machine | None = None
    state: str = ""
    stuck: bool = False
    turn: int = 0


@dataclass
class Attachments:
    """uses: whether a machine has a volume mounted at present."""

    schedule: Schedule
    chance: Random
    machines: Machines
    uses: Callable[[Machine], bool]
    volumes: dict[str, Held] = field(default_factory=dict)
    interfaces: dict[str, Held] = field(default_factory=dict)

    # --- physics ------------------------------------------------------------------------------------------------------

    def machine_ended(self, machine: Machine) -> None:
        """What a terminated instance had, EC2 detaches by itself."""
        for held in (*self.volumes.values(), *self.interfaces.values()):
            if held.holder is machine:
                self._let_go(held)

    def unmounted(self, machine: Machine) -> None:
        """Whoever was asked for it while it was in use gives it now."""
        for held in self.volumes.values():
            if held.holder is machine and held.state == "busy":
                self._let_go(held)

    def unstick(self, held: Held) -> None:
        held.stuck = False
        if held.state == "detaching" or (held.holder is not None and held.holder.state == "terminated"):
            self._let_go(held)

    def _take(self, held: Held, machine: Machine) -> None:
        held.turn += 1
        held.holder, held.state, turn = machine, "attaching", held.turn

        def there() -> None:
            if held.turn == turn and held.state == "attaching":
                held.state = "attached"

        self.schedule.later(self.chance.uniform(*TAKES_S), there)

    def _let_go(self, held: Held) -> None:
        held.state, turn = "detaching", held.turn

        def gone() -> None:
            if held.turn == turn and held.state == "detaching" and not held.stuck:
                held.holder, held.state = None, ""

        self.schedule.later(self.chance.uniform(*TAKES_S), gone)

    def _taker(self, instance: str, operation: str) -> Machine:
        machine = self.machines.all.get(instance)
        if machine is None or self.schedule.now_ms < machine.hidden_ms:
            raise refused("InvalidInstanceID.NotFound", operation)
        if machine.state != "running":
            raise refused("IncorrectState", operation, f"Instance '{instance}' is not 'running'.")
        return machine

    # --- the API: volumes -----------------------------------------------------------------------------------------------

    def describe_volumes(self, *, VolumeIds: list[str]) -> Item:
        return {"Volumes": [_volume_row(self._volume(volume, "DescribeVolumes")) for volume in VolumeIds]}

    def attach_volume(self, *, VolumeId: str, InstanceId: str, Device: str) -> Item:
        held, machine = self._volume(VolumeId, "AttachVolume"), self._taker(InstanceId, "AttachVolume")
        if held.holder is not None:
            raise refused("VolumeInUse", "AttachVolume", f"{VolumeId} is already attached to an instance")
        self._take(held, machine)
        return {}

    def detach_volume(self, *, VolumeId: str, InstanceId: str) -> Item:
        """One that is mounted becomes busy, and stays it until it is not."""
        held = self._volume(VolumeId, "DetachVolume")
        if held.holder is None or held.holder.id != InstanceId or held.state not in ("attached", "attaching"):
            raise refused("IncorrectState", "DetachVolume", f"Volume '{VolumeId}' is in the 'available' state.")
        if self.uses(held.holder):
            held.state = "busy"
        else:
            self._let_go(held)
        return {}

    def _volume(self, volume: str, operation: str) -> Held:
        if volume not in self.volumes:
            raise refused("InvalidVolume.NotFound", operation)
        return self.volumes[volume]

    # --- the API: interfaces --------------------------------------------------------------------------------------------

    def describe_network_interfaces(self, *, NetworkInterfaceIds: list[str]) -> Item:
        unknown = [interface for interface in NetworkInterfaceIds if interface not in self.interfaces]
        if unknown:
            raise refused("InvalidNetworkInterfaceID.NotFound", "DescribeNetworkInterfaces")
        return {"NetworkInterfaces": [_interface_row(self.interfaces[interface]) for interface in NetworkInterfaceIds]}

    def attach_network_interface(self, *, NetworkInterfaceId: str, InstanceId: str, DeviceIndex: int) -> Item:
        held, machine = self.interfaces[NetworkInterfaceId], self._taker(InstanceId, "AttachNetworkInterface")
        if held.holder is not None:
            raise refused("InvalidNetworkInterface.InUse", "AttachNetworkInterface")
        self._take(held, machine)
        return {"AttachmentId": _attachment_id(held)}

    def detach_network_interface(self, *, AttachmentId: str, Force: bool) -> Item:
        """A machine that hangs does not let go by itself: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DetachNetworkInterface.html"""
        held = next((one for one in self.interfaces.values() if one.holder is not None and _attachment_id(one) == AttachmentId), None)
        if held is None or held.holder is None:
            raise refused("InvalidAttachmentID.NotFound", "DetachNetworkInterface")
        if held.state == "detaching" and not Force:
            raise refused("IncorrectState", "DetachNetworkInterface")
        held.state = "detaching"
        if Force or held.holder.thinks:
            self._let_go(held)
        return {}


def _attachment_id(held: Held) -> str:
    return f"eni-attach-{held.id}-{held.turn}"


def _volume_row(held: Held) -> Item:
    if held.holder is None:
        return {"VolumeId": held.id, "State": "available", "Attachments": []}
    return {"VolumeId": held.id, "State": "in-use", "Attachments": [{"InstanceId": held.holder.id, "State": held.state}]}


def _interface_row(held: Held) -> Item:
    if held.holder is None:
        return {"NetworkInterfaceId": held.id}
    attachment = {"AttachmentId": _attachment_id(held), "InstanceId": held.holder.id, "Status": held.state}
    return {"NetworkInterfaceId": held.id, "Attachment": attachment}

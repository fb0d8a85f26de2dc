"""Network interfaces that move: attached and detached by AWS's rules and in its time, and a link on the machine that follows.

Rules: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/network-interface-attachments.html. The operating system on the machine
finds a link without an address; what it makes of it is its own affair. Source/destination checking is not imitated.
"""

from __future__ import annotations

import contextlib
import threading
from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models.elastic_network_interfaces import Attachment as MotoAttachment
from moto.ec2.models.elastic_network_interfaces import NetworkInterface, NetworkInterfaceBackend
from moto.ec2.responses.elastic_network_interfaces import ElasticNetworkInterfaces

from lab.ec2.lifecycle import Instances
from lab.patching import take_over
from lab.world import InterfaceSpec, World

MOTO_CREATE = NetworkInterfaceBackend.create_network_interface
MOTO_GROUPS: Any = vars(NetworkInterface)["group_set"].fget
MOTO_DELETE = NetworkInterfaceBackend.delete_network_interface
# https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_NetworkInterface.html, status by that of the attachment
_STATUS = {"attaching": "attaching", "attached": "in-use", "detaching": "detaching"}


class Interfaces:
    """Attachments of secondary interfaces. An instance's own, at index 0, comes and goes with it."""

    def __init__(self, world: World, instances: Instances) -> None:
        self._world, self._instances = world, instances
        self._lock = threading.RLock()
        self._states: dict[str, str] = {}  # of each attachment id: attaching, attached, detaching
        instances.on_gone.append(self._let_go)
        instances.on_boot.append(self._plug_again)

    def state_of(self, attachment_id: str) -> str:
        return self._states.get(attachment_id, "attached")

    def attach(self, eni: Any, instance: Any, index: int) -> str:
        """The attachment's id. Its errors: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html."""
        with self._lock:
            life = self._instances.find(instance.id)
            if eni.attachment_id:
                raise EC2ClientError("InvalidNetworkInterface.InUse", f"Interface: [{eni.id}] in use.")
            if life is None or life.state not in ("running", "stopped"):
                raise EC2ClientError("IncorrectState", f"Instance '{instance.id}' is not 'running' or 'stopped'.")
            zone = instance.ec2_backend.get_subnet(instance.subnet_id).availability_zone
            if zone != eni.subnet.availability_zone:
                text = "You may not attach a network interface to an instance if they are not in the same availability zone"
                raise EC2ClientError("InvalidParameterCombination", text)
            if index in instance.nics:
                text = f"Instance '{instance.id}' already has an interface attached at device index '{index}'."
                raise EC2ClientError("InvalidParameterValue", text)
            attachment = str(instance.attach_eni(eni, index))
            self._enter(eni, attachment, "attaching")
            self._later(eni, lambda: self._attached(eni, attachment))
            return attachment

    def detach(self, eni: Any, *, force: bool) -> None:
        """By force also from a guest that does not react, as API_DetachNetworkInterface says; without, that one keeps it."""
        with self._lock:
            if eni.device_index == 0:
                text = f"The network interface at device index 0 and networkCard index 0 cannot be detached. ({eni.id})"
                raise EC2ClientError("OperationNotPermitted", text)
            attachment = eni.attachment_id
            if self.state_of(attachment) == "detaching" and not force:
                raise EC2ClientError("IncorrectState", f"Interface attachment '{attachment}' is being detached already.")
            self._enter(eni, attachment, "detaching")
            self._later(eni, lambda: self._detached(eni, attachment, force=force))

    def _enter(self, eni: Any, attachment: str, state: str) -> None:
        self._states[attachment], eni.status = state, _STATUS[state]
        self._world.journal.say("ec2", f"{eni.id} ({eni.private_ip_address}) is {state} at {eni.instance.id}", instance=eni.instance.id)

    def _later(self, eni: Any, act: Any) -> None:
        delay, clock = self._world.delays["interface_move"], self._world.clock
        start = clock.now()
        self._world.journal.delay("interface_move", eni.id, start=start, end=start + clock.real(delay.seconds), source=delay.source)
        clock.later(delay.seconds, act)

    def _attached(self, eni: Any, attachment: str) -> None:
        with self._lock:
            if eni.attachment_id != attachment or self.state_of(attachment) != "attaching":
                return
            self._enter(eni, attachment, "attached")
            self._plug(eni)

    def _detached(self, eni: Any, attachment: str, *, force: bool) -> None:
        with self._lock:
            if eni.attachment_id != attachment:
                return
            machines, instance = self._world.machines, eni.instance
            if not force and machines is not None and machines.is_on(instance.id) and not machines.answers(instance.id):
                self._world.journal.say("ec2", f"{eni.id} stays: {instance.id} does not let go of it", instance=instance.id)
                return
            self._release(eni)

    def _release(self, eni: Any) -> None:
        instance, machines = eni.instance, self._world.machines
        if machines is not None and machines.is_on(instance.id):
            with contextlib.suppress(LookupError):  # it went off just now
                machines.remove_interface(instance.id, eni.mac_address)
        self._states.pop(eni.attachment_id, None)
        instance.detach_eni(eni)
        self._world.journal.say("ec2", f"{eni.id} ({eni.private_ip_address}) is nobody's", instance=instance.id)

    def _plug(self, eni: Any) -> None:
        machines = self._world.machines
        if machines is None or not machines.is_on(eni.instance.id):
            return
        spec = InterfaceSpec(
            mac=eni.mac_address,
            private_ip=eni.private_ip_address,
            index=int(eni.device_index),
            interface_id=eni.id,
            subnet_id=eni.subnet.id,
            subnet_cidr=eni.subnet.cidr_block,
        )
        with contextlib.suppress(LookupError):  # it went off just now
            machines.add_interface(eni.instance.id, spec)

    def _plug_again(self, instance_id: str) -> None:
        """A machine that boots after its interface was attached has it from the beginning."""
        with self._lock:
            for eni in self._of(instance_id):
                if self.state_of(eni.attachment_id) == "attached":
                    self._plug(eni)

    def _let_go(self, instance_id: str) -> None:
        """A terminated instance's secondary interfaces stay unless they were to go with it, which AttachNetworkInterface never says.

        https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/how-ec2-instance-termination-works.html
        """
        with self._lock:
            for eni in self._of(instance_id):
                self._release(eni)

    def _of(self, instance_id: str) -> list[Any]:
        life = self._instances.find(instance_id)
        return [] if life is None else [nic for index, nic in life.moto.nics.items() if int(index) != 0]


def patch(interfaces: Interfaces) -> None:
    """In moto's place: attaching takes its time, and an interface gets a free address of its subnet."""

    def create(self: Any, subnet: Any, private_ip_address: Any, *args: Any, **kwargs: Any) -> Any:
        wanted = private_ip_address or kwargs.get("private_ip_addresses") or (args[0] if args else None)
        if not wanted and not isinstance(subnet, str):
            private_ip_address = subnet.get_available_subnet_ip(self)  # moto would draw any, a reserved one too
        return MOTO_CREATE(self, subnet, private_ip_address, *args, **kwargs)

    def delete(self: Any, eni_id: str) -> None:
        eni = self.enis.get(eni_id)
        if eni is not None and eni.attachment_id:
            raise EC2ClientError("InvalidParameterValue", f"Network interface '{eni_id}' is currently in use.")
        MOTO_DELETE(self, eni_id)

    def attach_network_interface(self: Any) -> ActionResult:
        backend = self.ec2_backend
        eni = backend.get_network_interface(self._get_param("NetworkInterfaceId"))
        instance = backend.get_instance(self._get_param("InstanceId"))
        self.error_on_dryrun()
        return ActionResult({"AttachmentId": interfaces.attach(eni, instance, self._get_int_param("DeviceIndex")), "NetworkCardIndex": 0})

    def detach_network_interface(self: Any) -> EmptyResult:
        wanted = self._get_param("AttachmentId")
        found = [eni for eni in self.ec2_backend.enis.values() if eni.attachment_id == wanted]
        if not found:
            raise EC2ClientError("InvalidAttachmentID.NotFound", f"Interface attachment '{wanted}' does not exist.")
        self.error_on_dryrun()
        interfaces.detach(found[0], force=self._get_bool_param("Force", False))
        return EmptyResult()

    def attachment(self: Any) -> MotoAttachment | None:
        if not self.attachment_id:
            return None
        made = MotoAttachment(self)
        made.status = interfaces.state_of(self.attachment_id)
        return made

    take_over(NetworkInterfaceBackend, create_network_interface=create, delete_network_interface=delete)
    take_over(
        ElasticNetworkInterfaces, attach_network_interface=attach_network_interface, detach_network_interface=detach_network_interface
    )

    def group_set(self: Any) -> Any:
        """Its own groups: moto adds those of the instance also to an interface that has nothing to do with them."""
        return self._group_set if self.device_index else MOTO_GROUPS(self)

    take_over(NetworkInterface, attachment=property(attachment), group_set=property(group_set))

"""Elastic addresses that move packets: who holds one, by AWS's rules, and the route that follows."""

from __future__ import annotations

import contextlib
import threading
from typing import Any

from moto.ec2.exceptions import EC2ClientError
from moto.ec2.utils import random_eip_association_id

from lab.ec2.lifecycle import Instances
from lab.world import World

_BLOCK = "198.51.100"  # TEST-NET-2 (RFC 5737): never somebody else's
_USABLE = range(10, 250)


class Addresses:
    """Rules: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_AssociateAddress.html."""

    def __init__(self, world: World, instances: Instances) -> None:
        self._world, self._instances = world, instances
        self._lock = threading.RLock()
        self._routed: dict[str, tuple[str, str]] = {}  # public address -> (instance, private address) as packets go now
        self._lent: dict[str, str] = {}  # instance -> the address that it has from its subnet, until it ends or gets an elastic one
        instances.on_gone.append(self._drop_all)
        instances.on_boot.append(self._restore)
        instances.on_stop.append(self._stopped)
        instances.on_start.append(self._started)

    def next_free(self, backend: Any) -> str:
        """An address of the block that nobody has; AddressLimitExceeded when all are taken."""
        taken = {address.public_ip for address in backend.addresses} | set(self._lent.values())
        for last in _USABLE:
            if f"{_BLOCK}.{last}" not in taken:
                return f"{_BLOCK}.{last}"
        raise EC2ClientError("AddressLimitExceeded", "The maximum number of addresses has been reached.")

    def lend(self, instance: Any) -> None:
        """A subnet that gives its instances public addresses gives this one of ours; no other subnet does anything.

        https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-instance-addressing.html: of Amazon's pool, for as long as it runs.
        """
        nic = instance.nics[0]
        if str(nic.subnet.map_public_ip_on_launch).lower() != "true":
            return
        with self._lock:
            address = nic.public_ip = self.next_free(instance.ec2_backend)
            self._lent[instance.id] = address
            self._routed[address] = (instance.id, nic.private_ip_address)
            if self._world.network is not None:
                self._world.network.route(address, nic.private_ip_address)
            self._world.journal.say("ec2", f"{address} lent to {instance.id}", address=address)

    def _take_back(self, instance_id: str) -> None:
        """The lent address is somebody else's from now on: the instance ended, or has an elastic one in its place.

        https://docs.aws.amazon.com/vpc/latest/userguide/vpc-eips.html: it is released into the pool again.
        """
        address = self._lent.pop(instance_id, None)
        if address is None:
            return
        self._routed.pop(address, None)
        if self._world.network is not None:
            self._world.network.route(address, None)
        self._on_machine(instance_id, address, add=False)
        self._world.journal.say("ec2", f"{address} taken back from {instance_id}", address=address)

    def _stopped(self, instance_id: str) -> None:
        """https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-instance-addressing.html: released when it is stopped."""
        life = self._instances.find(instance_id)
        with self._lock:
            if instance_id in self._lent and life is not None:
                self._take_back(instance_id)
                life.moto.nics[0].public_ip = None

    def _started(self, instance: Any) -> None:
        """The same page: it gets another one when it is started, unless it has an elastic one."""
        if instance.nics[0].public_ip is None:
            self.lend(instance)

    def associate(self, backend: Any, eip: Any, *, instance: Any, eni: Any, reassociate: bool) -> str:
        """Give the address to an instance or interface; idempotent. Returns the association id.

        An address in use moves by itself unless reassociation was forbidden; an address that the target
        already had is disassociated and stays allocated. The instance must be past `pending`:
        https://github.com/hashicorp/terraform-provider-aws/pull/3072 quotes AWS's error.
        """
        holder = instance or eni.instance
        nic = eni or instance.nics[0]
        with self._lock:
            life = self._instances.find(holder.id) if holder else None
            if life is not None and life.state not in ("running", "stopping", "stopped"):
                raise EC2ClientError(
                    "InvalidInstanceID", f"The {life.state} instance '{life.id}' is not in a valid state for this operation."
                )
            if eip.association_id and eip.eni is nic:
                return str(eip.association_id)
            if eip.association_id and not reassociate:
                text = f"resource {eip.allocation_id} is already associated with associate-id {eip.association_id}"
                raise EC2ClientError("Resource.AlreadyAssociated", text)
            for other in backend.addresses:
                if other is not eip and other.eni is nic:
                    self.disassociate(other)
            if eip.eni:
                eip.eni.public_ip = None
            if holder is not None:
                self._take_back(holder.id)
            eip.instance, eip.eni, eip.association_id = holder, nic, random_eip_association_id()
            nic.public_ip = eip.public_ip
            self._world.journal.say("ec2", f"{eip.public_ip} given to {holder.id if holder else nic.id}", address=eip.public_ip)
            self._move_later(eip)
            return str(eip.association_id)

    def disassociate(self, eip: Any) -> None:
        """Nobody's from now on; packets stop after AWS's delay. Nothing when it is nobody's already."""
        with self._lock:
            if not eip.association_id:
                return
            if eip.eni:
                eip.eni.public_ip = None
            eip.instance, eip.eni, eip.association_id = None, None, None
            self._world.journal.say("ec2", f"{eip.public_ip} taken away", address=eip.public_ip)
            self._move_later(eip)

    def _move_later(self, eip: Any) -> None:
        delay, clock = self._world.delays["address_move"], self._world.clock
        start = clock.now()
        self._world.journal.delay("address_move", eip.public_ip, start=start, end=start + clock.real(delay.seconds), source=delay.source)
        clock.later(delay.seconds, lambda: self._move(eip))

    def _move(self, eip: Any) -> None:
        """Make packets follow what the API says by now: an overtaken move does the newest one's work."""
        with self._lock:
            target = (eip.instance.id, eip.eni.private_ip_address) if eip.instance and eip.eni else None
            old = self._routed.get(eip.public_ip)
            if old == target:
                return
            if old is not None:
                self._on_machine(old[0], eip.public_ip, add=False)
            if self._world.network is not None:
                self._world.network.route(eip.public_ip, target[1] if target else None)
            if target is None:
                self._routed.pop(eip.public_ip, None)
            else:
                self._routed[eip.public_ip] = target
                self._on_machine(target[0], eip.public_ip, add=True)
        self._world.journal.say("ec2", f"{eip.public_ip} now routes to {target[0] if target else 'nobody'}", address=eip.public_ip)

    def _on_machine(self, instance_id: str, address: str, *, add: bool) -> None:
        machines = self._world.machines
        if machines is None or not machines.is_on(instance_id):
            return
        with contextlib.suppress(LookupError):  # it went off just now
            if add:
                machines.add_address(instance_id, address)
            else:
                machines.remove_address(instance_id, address)

    def _restore(self, instance_id: str) -> None:
        """A machine that boots after its address was given still answers to it."""
        with self._lock:
            for address, (holder, _) in self._routed.items():
                if holder == instance_id:
                    self._on_machine(instance_id, address, add=True)

    def _drop_all(self, instance_id: str) -> None:
        """A terminated instance loses its addresses; they stay allocated.

        https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/elastic-ip-addresses-eip.html
        """
        with self._lock:
            self._take_back(instance_id)
        life = self._instances.find(instance_id)
        if life is None:
            return
        for eip in list(life.moto.ec2_backend.addresses):
            if eip.instance is not None and eip.instance.id == instance_id:
                self.disassociate(eip)

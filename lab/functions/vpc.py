"""Functions inside the VPC: an address of their subnet, in a network namespace of their own."""

from __future__ import annotations

import ipaddress
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moto.backends import get_backend

from lab.cuts import FUNCTION
from lab.functions.spec import FunctionSpec
from lab.world import ACCOUNT, REGION, World

# From the top of the subnet, where the emulator's instances, counted from the bottom, do not come;
# the broadcast address is reserved (https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html).
_FROM_TOP = 2
_PER_SUBNET = 64
# The file that comes next takes the place of resolv.conf, for the command that comes after it.
_RESOLVING = ("unshare", "--mount", "--", "sh", "-c", 'mount --bind "$0" /etc/resolv.conf && exec "$@"')


@dataclass(frozen=True, slots=True)
class Attachment:
    """prefix: argv that enters the namespace, where names are asked of the VPC's own resolver."""

    name: str
    address: str
    prefix: list[str]


class Attachments:
    """Gives each environment a free address in one of its function's subnets."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._lock = threading.Lock()
        self._used: set[str] = set()
        self._count = 0

    def attach(self, spec: FunctionSpec) -> Attachment | None:
        """None where there is no network to attach to (tests on loopback). Raises ValueError: subnets are full or unknown."""
        network = self._world.network
        if network is None:
            return None
        with self._lock:
            address = self._free_address(spec)
            self._used.add(address)
            self._count += 1
            name = f"{FUNCTION}{self._count}"
        prefix = network.attach(name, address)
        return Attachment(name, address, [*prefix, *_RESOLVING, str(self._resolver_of(spec))])

    def _resolver_of(self, spec: FunctionSpec) -> Path:
        """A resolv.conf that names the VPC's: https://docs.aws.amazon.com/vpc/latest/userguide/AmazonDNS-concepts.html"""
        ec2: Any = get_backend("ec2")[ACCOUNT][REGION]
        vpc = ec2.vpcs[ec2.get_subnet(spec.subnets[0]).vpc_id]
        path = self._world.lab_dir / f"resolv-{vpc.id}.conf"
        path.write_text(f"nameserver {ipaddress.ip_network(vpc.cidr_block)[2]}\n")
        return path

    def detach(self, attachment: Attachment) -> None:
        network = self._world.network
        if network is not None:
            network.detach(attachment.name)
        with self._lock:
            self._used.discard(attachment.address)

    def _free_address(self, spec: FunctionSpec) -> str:
        ec2: Any = get_backend("ec2")[ACCOUNT][REGION]
        instances = {instance.private_ip for reservation in ec2.reservations.values() for instance in reservation.instances}
        subnets = spec.subnets[self._count % len(spec.subnets) :] + spec.subnets[: self._count % len(spec.subnets)]
        for subnet_id in subnets:
            block = ipaddress.ip_network(ec2.get_subnet(subnet_id).cidr_block)
            for offset in range(_FROM_TOP, min(_PER_SUBNET, block.num_addresses - 4)):
                address = str(block[-offset])
                if address not in self._used and address not in instances:
                    return address
        raise ValueError(f"no free address for {spec.name} in {', '.join(spec.subnets)}")

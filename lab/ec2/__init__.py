"""EC2 with physics: instances that take their time, addresses that move packets, status that means something."""

from __future__ import annotations

import threading

from moto.backends import get_backend

from lab.ec2 import cloudformation, interfaces, patches, volumes
from lab.ec2.addresses import Addresses
from lab.ec2.launch import machine_spec
from lab.ec2.lifecycle import Instances
from lab.world import ACCOUNT, REGION, World

_installed: dict[int, Instances] = {}  # by id of the world: one in the lab, several in tests


def install(world: World) -> None:
    """Take moto's place for everything about instances' states and elastic addresses."""
    instances = Instances(world, machine_spec, patches.bury, patches.forgetter(lambda: get_backend("ec2")[ACCOUNT][REGION]))
    addresses = Addresses(world, instances)
    patches.patch_launches(world, instances, addresses)
    patches.patch_power(world, instances)
    patches.patch_status(world, instances)
    patches.patch_addresses(addresses)
    interfaces.patch(interfaces.Interfaces(world, instances))
    volumes.patch(volumes.Volumes(world, instances))
    cloudformation.patch()
    _installed[id(world)] = instances


def start(world: World) -> None:
    """Begin to notice silent instances and to forget long terminated ones."""
    threading.Thread(target=instances_of(world).run, args=(threading.Event(),), name="ec2-sweep", daemon=True).start()


def instances_of(world: World) -> Instances:
    """The lifecycle engine of a world. Raises KeyError when install() did not come first."""
    return _installed[id(world)]

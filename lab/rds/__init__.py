"""RDS: database instances that are real servers, with an address in the VPC, a name, a certificate and a managed secret."""

from __future__ import annotations

from lab.rds.instances import Instances
from lab.rds.patches import patch
from lab.world import World

_instances: dict[int, Instances] = {}


def install(world: World) -> None:
    _instances[id(world)] = Instances(world)
    patch(_instances[id(world)])


def start(world: World) -> None:
    """Nothing runs before there is an instance."""


def stop(world: World) -> None:
    _instances[id(world)].close()

"""EFS: file systems with an address in each zone, that let in who is allowed, through access points that are folders here."""

from __future__ import annotations

from lab.efs.patches import patch
from lab.efs.targets import Targets
from lab.world import World

_targets: dict[int, Targets] = {}


def install(world: World) -> None:
    _targets[id(world)] = Targets(world)
    patch(_targets[id(world)])


def start(world: World) -> None:
    """Nothing runs before there is a mount target."""


def stop(world: World) -> None:
    _targets[id(world)].close()

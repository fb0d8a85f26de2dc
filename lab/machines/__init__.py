"""Instances as containers of Linux: their own root, network, processes, init and metadata service.

A machine's own init imports from this package with nothing but the standard library, so what needs
the rest of the lab is imported when it is installed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lab.world import World


def install(world: World) -> None:
    from lab.machines.containers import Containers

    world.machines = Containers(world)


def start(world: World) -> None:
    """Machines start when EC2 boots them."""

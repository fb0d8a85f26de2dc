"""What moto's own API drops or does too much of, mended one service a module."""

from __future__ import annotations

from lab.emulator.fixups import buckets, functions, images, lifecycles, network, roles
from lab.world import World


def install(world: World) -> None:
    buckets.install()
    functions.install()
    images.install()
    lifecycles.install()
    network.install()
    roles.install(world)

"""What moto's own API drops or does too much of, mended one service a module."""

from __future__ import annotations

from lab.emulator.fixups import alarms, buckets, functions, images, lifecycles, network, roles
from lab.world import World


def install(world: World) -> None:
    alarms.install()
    buckets.install()
    functions.install()
    images.install()
    lifecycles.install()
    network.install()
    roles.install(world)

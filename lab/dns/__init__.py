"""Route 53's zones: changes that take their time to arrive, and the resolver that every VPC has."""

from __future__ import annotations

import os

from lab.dns.existing import VARIABLE, make_existing
from lab.dns.patches import patch
from lab.dns.resolver import Resolvers
from lab.dns.zones import Zones
from lab.world import World

_resolvers: dict[int, Resolvers] = {}


def install(world: World) -> None:
    zones = Zones(world)
    patch(zones)
    _resolvers[id(world)] = Resolvers(world, zones)


def start(world: World) -> None:
    make_existing(os.environ.get(VARIABLE, ""))
    _resolvers[id(world)].start()

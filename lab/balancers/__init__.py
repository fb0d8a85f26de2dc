"""Load balancers with physics: they ask their targets over the network, forward what clients send, and take AWS's time.

moto keeps the stores. The proxies are programs of their own (lab.balancers.proxy), so that nothing of moto is imported here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab.world import World

if TYPE_CHECKING:
    from lab.balancers.engine import Balancers

_installed: dict[int, Balancers] = {}


def install(world: World) -> None:
    from lab.balancers.engine import Balancers
    from lab.balancers.patches import patch

    found = Balancers(world)
    patch(found)
    _installed[id(world)] = found


def start(world: World) -> None:
    _installed[id(world)].start()


def stop(world: World) -> None:
    _installed[id(world)].stop()

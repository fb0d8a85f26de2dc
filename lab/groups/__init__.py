"""Auto Scaling groups that act: launches, hooks, health, replacement, and the events AWS sends for each."""

from __future__ import annotations

import threading

from lab.ec2 import instances_of
from lab.emulator.cloudformation.provider import publish
from lab.groups import cloudformation, responses, rolling
from lab.groups.ec2 import MotoEc2
from lab.groups.engine import Groups
from lab.world import World

__all__ = ["cloudformation", "groups_of", "install", "rolling", "start"]
_installed: dict[int, Groups] = {}  # by id of the world: one in the lab, several in tests


def install(world: World) -> None:
    """Answer Auto Scaling's API in place of moto, and make its CloudFormation types known."""
    engine = Groups(world, MotoEc2(world))
    instances_of(world).on_boot.append(engine.booted)
    responses.take_over(engine)
    publish(world)
    _installed[id(world)] = engine


def start(world: World) -> None:
    """Begin to tick."""
    threading.Thread(target=groups_of(world).run, args=(threading.Event(),), name="groups", daemon=True).start()


def groups_of(world: World) -> Groups:
    """The controller of a world. Raises KeyError when install() did not come first."""
    return _installed[id(world)]

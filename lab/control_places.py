"""What drills do to where machines are to be had: capacity of sizes and zones, and whole zones. Verbs of lab/control.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lab.control_machines import Verb
from lab.ec2 import instances_of
from lab.ec2.zones import lose, regain
from lab.world import World


def _short(world: World, a: Mapping[str, Any]) -> dict[str, Any]:
    """EC2 has no capacity in these places (types, zones, "type/zone"), or anywhere (true); an empty list: it has again."""
    places = a["places"]
    world.faults["insufficient_capacity"] = places
    if isinstance(places, list):
        told = f"EC2 has no capacity for {', '.join(places)}" if places else "EC2 has capacity again"
    else:
        told = "EC2 has no capacity at all"
    world.journal.say("drill", told)
    return {"at": world.clock.now()}


def _zone(world: World, a: Mapping[str, Any]) -> dict[str, Any]:
    """A zone is lost with all its machines, or launches again."""
    zone = str(a["zone"])
    if a["lost"]:
        return {"at": world.clock.now(), "instances": lose(world, instances_of(world), zone)}
    regain(world, zone)
    return {"at": world.clock.now()}


VERBS: dict[str, Verb] = {"short": _short, "zone": _zone}

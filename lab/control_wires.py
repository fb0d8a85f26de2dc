"""What drills do to a machine from beside it: single wires cut, one thread of a program stopped. Verbs of lab/control.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lab.control_machines import Verb, machines, pid_on
from lab.machines.wedge import Wedge
from lab.world import World

_CUT = {
    "functions": "functions in the VPC do not reach {} any more",
    "services": "{} does not reach the services of AWS any more",
    "callers": "whoever calls {} hears no answer any more",
}
_MENDED = {"functions": "functions reach {} again", "services": "{} reaches AWS again", "callers": "{} answers its callers again"}


def _cut(world: World, a: Mapping[str, Any]) -> dict[str, Any]:
    """wire: functions, services or callers (of `ports`); on: false mends it."""
    instance, wire, on = str(a["instance"]), str(a["wire"]), bool(a["on"])
    machines(world).cut(instance, wire, on=on, ports=[int(port) for port in a.get("ports", ())])
    world.journal.say("drill", (_CUT if on else _MENDED)[wire].format(instance), instance=instance)
    return {"at": world.clock.now()}


def _wedge(world: World, a: Mapping[str, Any]) -> dict[str, Any]:
    """The first thread of one process of a machine stands still from now on."""
    pid = pid_on(world, a)
    _wedges(world)[pid] = Wedge(pid)
    world.journal.say("drill", f"the main thread of process {pid} on {a['instance']} hangs", instance=a["instance"])
    return {"at": world.clock.now()}


def _unwedge(world: World, a: Mapping[str, Any]) -> dict[str, Any]:
    wedge = _wedges(world).pop(int(a["pid"]), None)
    if wedge is not None:
        wedge.release()
    return {"at": world.clock.now()}


def _wedges(world: World) -> dict[int, Wedge]:
    held: dict[int, Wedge] = world.faults.setdefault("wedges", {})
    return held


VERBS: dict[str, Verb] = {"cut": _cut, "wedge": _wedge, "unwedge": _unwedge}

"""What drills do to the cloud itself: its events, its functions, its alarms, its own word. Verbs of lab/control.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lab.control_machines import Verb
from lab.functions.crash import Crashes
from lab.world import World


def _drop_events(world: World, a: Mapping[str, Any]) -> dict[str, Any]:
    world.drop_events = bool(a["on"])
    world.journal.say("drill", "every event is dropped from now on" if world.drop_events else "events are delivered again")
    return {}


def _repeat_events(world: World, a: Mapping[str, Any]) -> dict[str, Any]:
    """after_s: each event is delivered so long after its time, once for each number; empty: once and in time, as usual."""
    world.deliver_after_s = tuple(float(seconds) for seconds in a["after_s"])
    late = " s and ".join(f"{seconds:g}" for seconds in world.deliver_after_s)
    world.journal.say("drill", f"every event is delivered {late} s late" if late else "events are delivered once and in time again")
    return {}


def _outage(world: World, a: Mapping[str, Any]) -> dict[str, Any]:
    """of: `functions` (none runs) and `alarms` (none is evaluated); empty: nothing is out of order."""
    out = frozenset(str(name) for name in a["of"])
    unknown = out - {"functions", "alarms"}
    if unknown:
        raise ValueError(f"no outage of {', '.join(sorted(unknown))}; there are functions and alarms")
    world.out_of_order = out
    world.journal.say("drill", f"out of order: {' and '.join(sorted(out))}" if out else "functions and alarms work again")
    return {"at": world.clock.now()}


def _crash(world: World, a: Mapping[str, Any]) -> dict[str, Any]:
    """points: [function, "service:Operation"] each; the function dies once right after such a call took effect. Empty: none does."""
    points = [(str(title), str(call)) for title, call in a["points"]]
    world.faults["crashes"] = Crashes(world, points)
    if points:
        world.journal.say("drill", "dies once after each of: " + ", ".join(f"{call} by {title}" for title, call in points))
    return {}


def _crashed(world: World, _: Mapping[str, Any]) -> dict[str, Any]:
    """Which of the points of `crash` were reached, and when."""
    crashes = world.faults.get("crashes")
    return {"points": crashes.reached if isinstance(crashes, Crashes) else []}


def _hold_terminations(world: World, a: Mapping[str, Any]) -> dict[str, Any]:
    """EC2 stays at `shutting-down` and leaves the power on, whatever it is asked, until this is taken back."""
    world.hold_terminations = bool(a["on"])
    world.journal.say("drill", "EC2 ends no instance from now on" if world.hold_terminations else "EC2 ends what it was asked to end")
    return {}


VERBS: dict[str, Verb] = {
    "drop-events": _drop_events,
    "repeat-events": _repeat_events,
    "outage": _outage,
    "crash": _crash,
    "crashed": _crashed,
    "hold-terminations": _hold_terminations,
}

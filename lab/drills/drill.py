"""What a drill is: a fault, what it promises within which limit, and how it is played."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lab.drills.model import Outcome
from lab.drills.stage import Situation, Stage


@dataclass(frozen=True, slots=True)
class Drill:
    """fault and promise: a sentence each, for --list and the table in the docs. limit is in `unit`.

    penalty_max: how much of earlier failures' penalty may be left when it begins, because the agent makes the restarts of
    what fails often wait on purpose; None: it does not matter. needs: what a deployable must have, beside an address; most need
    nothing, and are played on the demo. broken_by: sabotages that it finds out. await_turn: waits for the moment at
    which its fault shows what it is to show. alone: no other lab is to run beside it: it allows a fraction of a second, or starts so
    many processes that every other lab would be slow. replaces: how many times recovery enters its node as replaced.
    """

    name: str
    fault: str
    promise: str
    limit: float
    play: Callable[[Stage, Situation, float], Outcome]
    penalty_max: float | None = None
    unit: str = "s"
    needs: str = ""
    broken_by: tuple[str, ...] = ()
    await_turn: Callable[[Stage], None] | None = None
    alone: bool = False
    replaces: int = 0

"""The drills of what a file may choose: to go on by itself, where it would else wait for people."""

from __future__ import annotations

from lab.drills.chosen_scenes import disagreement_replace, fence_proceed
from lab.drills.drill import Drill

HASTY = "a fence timeout, and `on_disagreement: replace`"

DRILLS: tuple[Drill, ...] = (
    Drill(
        "fence-unconfirmed-proceed",
        "the machine is frozen, EC2 never says that it is terminated, and the file has a `fence_timeout`",
        "people are paged; after the chosen time another machine is let in",
        150.0,
        fence_proceed,
        needs=HASTY,
        broken_by=("recover-role",),
        replaces=1,
    ),
    Drill(
        "disagreement-replace",
        "as disagreement, and the file says `on_disagreement: replace`",
        "people are told first; after the chosen time the machine is replaced",
        90.0,
        disagreement_replace,
        needs=HASTY,
        broken_by=("recover-role",),
        replaces=1,
    ),
)

"""The outermost call of the engines' threads: what nobody foresaw is said in the journal, not lost."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any

from lab.world import World


def guarded(world: World, who: str, act: Callable[..., object], *arguments: Any) -> None:
    """Run `act`; an exception becomes an `error of the lab` in the journal."""
    try:
        act(*arguments)
    except Exception as error:  # the outermost of a thread's work: the lab goes on, and says so
        world.journal.say(who, f"error of the lab: {type(error).__name__}: {error}", traceback=traceback.format_exc()[-4000:])

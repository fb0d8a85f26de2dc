"""How often in a row the world may fail a loop of ours before the call is given up."""

from __future__ import annotations

from typing import Any

from lambdas.adapters import clock, log
from lambdas.adapters.clients import WorldFailed

TROUBLES_MAX = 4  # in a row: more is no hiccup, and a call that fails is seen, tried again and counted
PAUSE_S = 1.0


class Patience:
    """A throttled read must not cost a recovery the minute until the next call; a world that stays broken must be seen."""

    def __init__(self, who: str, context: Any) -> None:
        self._who, self._context, self._troubles = who, context, 0

    def well(self) -> None:
        self._troubles = 0

    def trouble(self, error: WorldFailed) -> None:
        """Pause, for the caller to read the world again. Raises the error when it was the last straw, or no time is left."""
        self._troubles += 1
        if self._troubles > TROUBLES_MAX or clock.left_s(self._context) <= PAUSE_S:
            raise error
        log.say(self._who, f"trying again: {error}")
        clock.sleep(PAUSE_S)

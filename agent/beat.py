"""The moments at which all is done that comes again and again and can wait a little.

What an idle agent uses of a processor goes into waking up: caches and sockets have gone cold by then, and the second call
of a moment takes a third of the first's time. So the watchers keep to the multiples of their periods on the loop's clock,
and those whose periods divide one another wake together.
"""

from __future__ import annotations

import asyncio

# What threads do begins so long after a beat: the loop has done its own by then, and they do not fight for the interpreter.
AFTER_LOOP_S = 0.03
SOON = 0.1  # of a period: a beat that is so near is let pass, for what would be done then was just done


def until_beat_s(every_s: float, now_s: float, *, after_s: float = 0.0) -> float:
    """Seconds until the next multiple of that period, or until so long after it, that is not too soon."""
    left_s = every_s - (now_s - after_s) % every_s
    return left_s if left_s > SOON * every_s else left_s + every_s


async def set_within(event: asyncio.Event, within_s: float) -> None:
    """Wait for the event, which is set after so many seconds at the latest; no exception, as a timeout has it, for what is the rule."""
    timer = asyncio.get_running_loop().call_later(max(0.0, within_s), event.set)
    try:
        await event.wait()
    finally:
        timer.cancel()

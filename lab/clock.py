"""The lab's time: real by default; a scale factor may shorten AWS's long windows in tests."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Clock:
    """Wall time for stamps, and waits divided by the scale.

    scale: lab seconds that pass in one real second, for AWS's own windows only (delays, alarm
    periods, queue delays, hook deadlines). Our own code always runs in real time.
    """

    def __init__(self, scale: float = 1.0) -> None:
        if scale <= 0:
            raise ValueError(f"the lab's time scale is {scale}: use a positive number")
        self.scale = scale

    def now(self) -> float:
        """Seconds since the Unix epoch, real."""
        return time.time()

    def real(self, seconds: float) -> float:
        """How long a window of AWS lasts here, in real seconds."""
        return seconds / self.scale

    def wait(self, seconds: float, stop: threading.Event | None = None) -> bool:
        """Wait for a window of AWS; True if `stop` was set meanwhile."""
        if stop is not None:
            return stop.wait(self.real(seconds))
        time.sleep(self.real(seconds))
        return False

    def later(self, seconds: float, act: Callable[[], None]) -> threading.Timer:
        """Run `act` in a daemon thread after a window of AWS; cancel() on the result forgets it."""
        timer = threading.Timer(self.real(seconds), act)
        timer.daemon = True
        timer.start()
        return timer

"""What SQS says of its queues each minute: how many messages wait, are in flight, and are delayed.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any

from moto.backends import get_backend

from lab.clock import Clock
from lab.metrics.emf import Point
from lab.world import ACCOUNT, REGION

PERIOD_S = 60.0
_NUMBERS = {  # AWS's name: moto's property
    "ApproximateNumberOfMessagesVisible": "approximate_number_of_messages",
    "ApproximateNumberOfMessagesNotVisible": "approximate_number_of_messages_not_visible",
    "ApproximateNumberOfMessagesDelayed": "approximate_number_of_messages_delayed",
}


def points(now: float) -> list[Point]:
    """The numbers of every queue now. Patch point with a contract test: the three properties of moto's Queue."""
    queues: dict[str, Any] = get_backend("sqs")[ACCOUNT][REGION].queues
    return [
        Point("AWS/SQS", name, (("QueueName", queue.name),), float(getattr(queue, number)), "Count", now, False)
        for queue in list(queues.values())
        for name, number in _NUMBERS.items()
    ]


class QueueDepth:
    """Puts the numbers into the metrics once a minute, until it is closed."""

    def __init__(self, put: Callable[[Iterable[Point]], None], clock: Clock) -> None:
        self._put, self._clock = put, clock
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="queue-depth")

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._stop.set()

    def _run(self) -> None:
        while not self._clock.wait(PERIOD_S, self._stop):
            self._put(points(self._clock.now()))

"""What SQS says of its queues each minute: how many messages wait, are in flight, and are delayed, and the age of the oldest.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any

from moto.backends import get_backend

from lab.clock import Clock
from lab.messaging.queues import entered_at
from lab.metrics.emf import Point
from lab.world import ACCOUNT, REGION

PERIOD_S = 60.0
_PILL = 3  # receptions after which a message moves to the back of a queue that has no redrive policy
_NUMBERS = {  # AWS's name: moto's property
    "ApproximateNumberOfMessagesVisible": "approximate_number_of_messages",
    "ApproximateNumberOfMessagesNotVisible": "approximate_number_of_messages_not_visible",
    "ApproximateNumberOfMessagesDelayed": "approximate_number_of_messages_delayed",
}


def points(now: float, *, second_s: float = 1.0) -> list[Point]:
    """The numbers of every queue now. second_s: one of AWS's seconds in real ones.

    A queue of the lab counts as active always, as on AWS one does that somebody polls.
    Patch points with a contract test: the three properties of moto's Queue, and its messages.
    """
    queues: dict[str, Any] = get_backend("sqs")[ACCOUNT][REGION].queues
    return [point for queue in list(queues.values()) for point in _of(queue, now, second_s)]


def _of(queue: Any, now: float, second_s: float) -> list[Point]:
    dimensions = (("QueueName", queue.name),)
    counts = [Point("AWS/SQS", name, dimensions, float(getattr(queue, n)), "Count", now, False) for name, n in _NUMBERS.items()]
    return [*counts, Point("AWS/SQS", "ApproximateAgeOfOldestMessage", dimensions, _age_s(queue, now, second_s), "Seconds", now, False)]


def _age_s(queue: Any, now: float, second_s: float) -> float:
    """How long the oldest message that is not deleted has been in this queue: in a dead-letter queue, since it was moved there.

    Without a redrive policy a message that was received three times is passed over, as a poison pill; 0 for an empty queue.
    """
    redriven = bool(queue.redrive_policy)
    entered = [entered_at(message) for message in list(queue._messages) if redriven or message.approximate_receive_count < _PILL]
    return max((now - at for at in entered), default=0.0) / second_s


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
            self._put(points(self._clock.now(), second_s=self._clock.real(1.0)))

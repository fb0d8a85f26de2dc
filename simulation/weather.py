"""What may go wrong with a call that a function makes of AWS."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from random import Random

# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html, and the other services' common errors
THROTTLED = {
    "dynamodb": "ThrottlingException", "ec2": "RequestLimitExceeded", "autoscaling": "Throttling", "s3": "SlowDown",
    "sqs": "RequestThrottled", "sns": "Throttling", "lambda": "TooManyRequestsException", "cloudwatch": "Throttling",
    "cloudformation": "Throttling", "ssm": "ThrottlingException", "events": "ThrottlingException",
    "elbv2": "Throttling", "rds": "Throttling",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Trouble:
    """What befalls one call. slow_s: before it is done. code: refused with it. lost: no answer comes; lands: but it was done.

    dies: the function's process ends there and then, before the call is done, or, with lands, after.
    """

    slow_s: float = 0.0
    code: str = ""
    lost: bool = False
    lands: bool = False
    dies: bool = False


@dataclass
class Weather:
    """At present, each a share of the calls, or a set of services; nothing of it in fair weather."""

    chance: Random
    counted: Counter[str]
    latency_s: float = 0.0  # each call takes up to so long, so that functions get between each other's calls
    slow: float = 0.0
    throttled: float = 0.0
    lost: float = 0.0
    dies: float = 0.0
    out: set[str] = field(default_factory=set)  # services that answer nobody
    die_at: set[int] = field(default_factory=set)  # numbers of calls
    die_in: dict[str, int] = field(default_factory=dict)  # a function, and after how many more calls of its own
    calls: int = 0

    def of(self, service: str, function: str) -> Trouble | None:
        """What befalls the next call of that function."""
        self.calls += 1
        if self.calls in self.die_at or (self.die_in and self._turn_of(function)):
            return self._dies(service)
        if service in self.out:
            self.counted["service does not answer"] += 1
            return Trouble(lost=True)
        if not (self.slow or self.throttled or self.lost or self.dies):
            return None
        drawn = self.chance.random()
        for share, make in ((self.slow, self._slow), (self.throttled, self._throttled), (self.lost, self._lost), (self.dies, self._dies)):
            if drawn < share:
                return make(service)
            drawn -= share
        return None

    def _turn_of(self, function: str) -> bool:
        left = self.die_in.get(function)
        if left is None:
            return False
        if left > 0:
            self.die_in[function] = left - 1
            return False
        del self.die_in[function]
        return True

    def _slow(self, service: str) -> Trouble:
        self.counted["slow call"] += 1
        return Trouble(slow_s=self.chance.uniform(0.5, 4.5))

    def _throttled(self, service: str) -> Trouble:
        self.counted["throttled call"] += 1
        return Trouble(code=THROTTLED[service])

    def _lost(self, service: str) -> Trouble:
        lands = self.chance.random() < 0.6
        self.counted["timeout, and it landed" if lands else "timeout"] += 1
        return Trouble(lost=True, lands=lands)

    def _dies(self, service: str) -> Trouble:
        self.counted["function dies at a call"] += 1
        return Trouble(dies=True, lands=self.chance.random() < 0.5)

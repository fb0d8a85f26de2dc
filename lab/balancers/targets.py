"""Which of a target group's members a balancer sends to: their health by its own checks, and failing open; pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

INITIAL, HEALTHY, UNHEALTHY = "initial", "healthy", "unhealthy"
CHECKING = "Elb.InitialHealthChecking"


@dataclass(frozen=True, slots=True)
class Check:
    """How a group asks its targets. port: 0 stands for the target's own. codes: "200", "200-299" or "200,302". Times in real seconds."""

    protocol: str
    port: int
    path: str
    every_s: float
    timeout_s: float
    healthy: int
    unhealthy: int
    codes: str = "200"

    def accepts(self, status: int) -> bool:
        spans = (part.partition("-") for part in self.codes.split(","))
        return any(int(low) <= status <= int(high or low) for low, _, high in spans)


@dataclass(slots=True)
class Target:
    """One that the balancer has come to know. reason: AWS's code for why it is not healthy."""

    id: str
    address: str
    port: int
    state: str = INITIAL
    reason: str = CHECKING
    good: int = 0
    bad: int = 0

    def checked(self, check: Check, trouble: str) -> bool:
        """One answer to a check, "" for a good one; gives whether the state changed.

        A new target needs one good answer
        (https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html).
        """
        self.good, self.bad = (0, self.bad + 1) if trouble else (self.good + 1, 0)
        before = (self.state, self.reason)
        if not trouble and (self.state == INITIAL or self.good >= check.healthy):
            self.state, self.reason = HEALTHY, ""
        elif trouble and self.bad >= check.unhealthy:
            self.state, self.reason = UNHEALTHY, trouble
        return before != (self.state, self.reason)


@dataclass(slots=True)
class Pool:
    """A target group's known targets, by id."""

    check: Check
    targets: dict[str, Target] = field(default_factory=dict)
    _turn: int = 0

    def choose(self) -> Target | None:
        """The healthy ones in turn; all of them when none is: it fails open. None when there are no targets.

        https://docs.aws.amazon.com/elasticloadbalancing/latest/network/target-group-health-checks.html
        """
        healthy = [target for target in self.targets.values() if target.state == HEALTHY]
        among = healthy or list(self.targets.values())
        if not among:
            return None
        self._turn += 1
        return among[self._turn % len(among)]

    def update(self, wanted: Iterable[Mapping[str, Any]]) -> Iterator[Target]:
        """Take the wanted targets over, those that are known with what is known of them; gives those that are gone."""
        found = {str(entry["id"]): entry for entry in wanted}
        for gone in set(self.targets) - set(found):
            yield self.targets.pop(gone)
        for name, entry in found.items():
            self.targets.setdefault(name, Target(name, str(entry["address"]), int(entry["port"])))

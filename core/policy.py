"""The numbers by which an incident is decided; all of them are settings, and the defaults are the design's (docs/recovery.md)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from core.application import check_bounds

_COUNTS = frozenset({"budget_replacements", "meltdown_nodes", "boot_loop"})
_FROM_LESS = frozenset({"meltdown_share", "limping_s"})  # than 1, which is the least of the others


class InMs:
    """The same times in milliseconds, worked out once: every decision compares some, and whole numbers take half as long."""

    __slots__ = (
        "budget_window_ms",
        "busy_ms",
        "call_again_ms",
        "database_ms",
        "disagreement_ms",
        "doubt_ms",
        "fence_page_ms",
        "force_after_ms",
        "incident_ms",
        "limping_ms",
        "look_fresh_ms",
        "looks_failing_ms",
        "new_target_ms",
        "quiet_ms",
        "report_silent_ms",
        "retire_ms",
        "rung_again_ms",
        "rung_stop_ms",
        "verify_ms",
    )
    report_silent_ms: float
    looks_failing_ms: float
    look_fresh_ms: float
    doubt_ms: float
    busy_ms: float
    disagreement_ms: float
    quiet_ms: float
    budget_window_ms: float
    force_after_ms: float
    fence_page_ms: float
    limping_ms: float
    verify_ms: float
    new_target_ms: float
    incident_ms: float
    retire_ms: float
    rung_stop_ms: float
    rung_again_ms: float
    call_again_ms: float
    database_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy(InMs):
    """Seconds unless named otherwise. Raises ValueError for numbers that cannot be used together."""

    report_silent_s: float = 15.0  # three reports of 5 s missed
    looks_failing_s: float = 10.0  # failing looks must span this: a sweep's length, so that one hiccup is not two signals
    look_fresh_s: float = 5.0  # how old the third look may be when acting on it
    doubt_s: float = 60.0  # with one signal only, look again for so long, then tell people
    busy_s: float = 600.0  # a node that says it is busy is given so much longer than that
    disagreement_s: float = 600.0  # where the file says `on_disagreement: replace`: after so long
    quiet_s: float = 3600.0  # how long the same unsolved trouble is not reported again
    budget_replacements: int = 10
    budget_window_s: float = 600.0
    meltdown_nodes: int = 5
    meltdown_share: float = 0.2
    boot_loop: int = 3  # replacements in a row that did not live
    force_after_s: float = 20.0  # from the terminate call to Force
    fence_page_s: float = 300.0  # EC2 has not confirmed: people are told
    fence_timeout_s: float | None = None  # EC2 has still not confirmed: go on all the same; None: wait for ever
    limping_s: float = 1800.0  # a node that serves is left so until another one is ready, so long; then a person; 0: it is ended at once
    verify_s: float = 300.0  # a node that runs but does not serve: up a rung
    new_target_s: float = 300.0  # besides, where an NLB must come to know the node: it takes minutes, and nobody can help it
    incident_s: float = 3600.0  # every incident ends
    retire_s: float = 150.0  # what a healthy node may take to go offline: its stops, its last save, EC2's own time; then it is fenced
    rung_stop_s: float = 300.0  # the deployable's rung: until all have stopped; who is stuck then is left behind, and people know by now
    rung_again_s: float = 3600.0  # one rung of a deployable in this time; what fails past its tolerance again is a person's
    call_again_s: float = 15.0  # an assembly that has not taken note of the rung is called again
    database_s: float = 300.0  # RDS calls 60 to 120 s typical; then nodes are let in all the same, and are busy for it

    def __post_init__(self) -> None:
        check_bounds(1, math.inf, **{name: value for name, value in self._numbers().items() if name not in _FROM_LESS})
        check_bounds(0.01, 1, meltdown_share=self.meltdown_share)
        check_bounds(0, math.inf, limping_s=self.limping_s)
        if self.fence_timeout_s is not None and not self.force_after_s < self.fence_timeout_s < self.incident_s:
            raise ValueError(
                f"fence_timeout_s is {self.fence_timeout_s:g}: use more than force_after_s ({self.force_after_s:g}) "
                f"and less than incident_s ({self.incident_s:g})"
            )
        for name in InMs.__slots__:
            ms = getattr(self, name.removesuffix("ms") + "s") * 1000
            object.__setattr__(self, name, int(ms) if float(ms).is_integer() else ms)
        for name in ("doubt_s", "fence_page_s", "verify_s"):
            if getattr(self, name) >= self.incident_s:
                raise ValueError(f"{name} is {getattr(self, name):g}: use less than incident_s ({self.incident_s:g})")

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy is made anew: dataclasses would copy the fields alone."""
        return policy_of, (self.changed(),)

    def _numbers(self) -> dict[str, float | None]:
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def changed(self) -> dict[str, Any]:
        """The fields that differ from their defaults: all that has to be told."""
        return {field.name: getattr(self, field.name) for field in fields(self) if getattr(self, field.name) != field.default}


def policy_of(changed: Mapping[str, Any]) -> Policy:
    """What `changed` told. Raises ValueError naming the field and the value; what a newer writer knows besides is left out."""
    given: dict[str, Any] = {field.name: _checked(field.name, changed[field.name]) for field in fields(Policy) if field.name in changed}
    return Policy(**given)


def _checked(name: str, value: object) -> int | float:
    if isinstance(value, int if name in _COUNTS else (int, float)) and not isinstance(value, bool):
        return value
    raise ValueError(f"{name} is {value!r}: expected a {'whole number' if name in _COUNTS else 'number'}")


DEFAULT = Policy()

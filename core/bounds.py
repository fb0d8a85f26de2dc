"""What an application may use and what it must count, as its settings say: thresholds and counters' rules, checked when built."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

OFF = -1  # a counter's bound that is not set, as the seed's properties have it
COUNTER_INTERVAL_S_MIN = 40.0  # mz.ha.interval: lower values are raised to it


class ThresholdKind(StrEnum):
    """What is measured, and of what a percentage is taken."""

    MEMORY = "memory"  # of the application's processes; per cent: of its limit, else of the machine
    MEMORY_PRESSURE = "memory_pressure"  # PSI "full": per cent of the time in which all its tasks waited for memory
    CPU = "cpu"  # per cent of one core, as top(1) counts
    OPEN_FILES = "open_files"  # of the fullest process; per cent: of its limit
    THREADS = "threads"  # of all its processes; a number
    DISK = "disk"  # of the file system of `path`; per cent used
    INODES = "inodes"


_SHARES = (ThresholdKind.MEMORY_PRESSURE, ThresholdKind.DISK, ThresholdKind.INODES)


class Crossed(StrEnum):
    """What follows when a threshold stays crossed."""

    RESTART = "restart"  # the application is failing
    REPORT = "report"  # it is said, in the verdict's reason and the metrics; nothing is done


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """A limit on what an application uses. Exactly one of percent and amount (bytes, or a number) is set; for_s: it must last so long."""

    kind: ThresholdKind
    percent: float | None = None
    amount: int | None = None
    path: str | None = None
    for_s: float = 30.0
    then: Crossed = Crossed.RESTART

    def __post_init__(self) -> None:
        if (self.percent is None) == (self.amount is None):
            raise ValueError(f"threshold {self.kind.value}: give a percentage or an amount")
        if (self.path is not None) != (self.kind in (ThresholdKind.DISK, ThresholdKind.INODES)):
            raise ValueError(f"threshold {self.kind.value}: disk and inodes name a path, the others do not")
        if self.amount is not None and self.kind in _SHARES:
            raise ValueError(f"threshold {self.kind.value} is {self.amount}: use a percentage, only shares of it are measured")
        if self.percent is not None and self.kind is ThresholdKind.THREADS:
            raise ValueError(f"threshold {self.kind.value} is {self.percent:g} %: use a number, there is nothing to take a percentage of")
        if self.for_s < 0 or (self.percent or 0.0) < 0 or (self.amount or 0) < 0:
            raise ValueError(f"threshold {self.kind.value}: use limits and durations of 0 or more")


@dataclass(frozen=True, slots=True, kw_only=True)
class CounterRule:
    """Bounds on what one counter may grow by in the interval; OFF (-1): no such bound.

    needs: the rule counts only in an interval in which another counter (its name, at least so many) has moved so far.
    """

    name: str
    at_least: int = OFF
    at_most: int = OFF
    needs: tuple[str, int] | None = None

    def __post_init__(self) -> None:
        if self.at_least < OFF or self.at_most < OFF:
            raise ValueError(
                f"counter {self.name}: at_least is {self.at_least} and at_most is {self.at_most}: use 0 or more, or -1 for off"
            )
        if self.at_most != OFF and self.at_least > self.at_most:
            raise ValueError(f"counter {self.name}: at_least {self.at_least} is more than at_most {self.at_most}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    """What the application counts for itself, over a window. file: where it writes totals (JSON), None: to the agent's socket only."""

    rules: tuple[CounterRule, ...] = ()
    interval_s: float = COUNTER_INTERVAL_S_MIN
    file: str | None = None

    def __post_init__(self) -> None:
        if self.interval_s < COUNTER_INTERVAL_S_MIN:
            raise ValueError(f"counters.interval is {self.interval_s:g} s: use {COUNTER_INTERVAL_S_MIN:g} s or more")

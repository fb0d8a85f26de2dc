"""Limits on what an application uses: crossed once they were reached for as long as the settings say.

What cannot be measured here never crosses anything: it is said once, as a warning.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from core.bounds import Crossed, Threshold, ThresholdKind
from core.model import Verdict

# Measures come every 1 to 5 s. Three of them missed, or an agent that was frozen, and nobody can say that the value stayed
# where it was: the time begins again. A shorter gap (a process that ended while it was read) does not interrupt it.
GAP_S = 15.0
# Once crossed it stays so until the value is this share of the limit, so that a report does not come and go at the limit.
RELEASE = 0.95


@dataclass(frozen=True, slots=True)
class DiskUse:
    """Shares of the file system in use, 0 to 1, of what an unprivileged program could use (df(1) counts so)."""

    used: float
    inodes: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Measures:
    """What an application uses at one moment; None: it could not be measured here.

    memory_bytes: of the group (its cgroup, else the sum of PSS); memory_limit_bytes: what it is limited to, else the machine's.
    memory_pressure, io_pressure: PSI "full" avg10; cpu_pressure: PSI "some" avg10; of its own cgroup, else of the
    machine; 0 to 1 (https://docs.kernel.org/accounting/psi.html).
    cpu_cores: cores used since the last measure. cores: how many it may use.
    cpu_waiting: how much of that time its tasks were runnable but waited for a core, summed over tasks, 0 to many
    (run_delay, the second value in /proc/PID/schedstat: https://docs.kernel.org/scheduler/sched-stats.html).
    open_files: of the process nearest to its limit. threads, processes: of the group.
    disks: by path. stopped: every process is stopped (state T or t of proc(5)): it hangs, it is not starved.
    """

    memory_bytes: int | None = None
    memory_limit_bytes: int | None = None
    memory_pressure: float | None = None
    cpu_pressure: float | None = None
    io_pressure: float | None = None
    cpu_cores: float | None = None
    cpu_waiting: float | None = None
    cores: int = 1
    open_files: int | None = None
    open_files_limit: int | None = None
    threads: int | None = None
    processes: int | None = None
    disks: Mapping[str, DiskUse] = field(default_factory=dict)
    stopped: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ThresholdState:
    """One threshold's. value: as last measured, in the threshold's unit; None: the last measure did not have it.

    measured_at_s: when there last was one. since_s: since when the limit is reached. over: it lasted; RELEASE ends it.
    unmeasured_since_s: since when there is none; None while there is.
    """

    value: float | None = None
    measured_at_s: float | None = None
    since_s: float | None = None
    over: bool = False
    unmeasured_since_s: float | None = None


@dataclass(frozen=True, slots=True)
class ThresholdStates:
    """In the order of the thresholds; a new run of the application begins with an empty one."""

    states: tuple[ThresholdState, ...] = ()


def after_measures(states: ThresholdStates, measures: Measures, thresholds: Sequence[Threshold], *, now_s: float) -> ThresholdStates:
    """Heed one more measure, taken now. Measures come in the order of their times."""
    before = states.states if len(states.states) == len(thresholds) else (ThresholdState(),) * len(thresholds)
    pairs = zip(before, thresholds, strict=True)
    return ThresholdStates(tuple(_after(state, measured(measures, threshold), threshold, now_s) for state, threshold in pairs))


def _after(state: ThresholdState, value: float | None, threshold: Threshold, now_s: float) -> ThresholdState:
    if value is None:
        since_s = now_s if state.unmeasured_since_s is None else state.unmeasured_since_s
        return replace(state, value=None, unmeasured_since_s=since_s)
    if state.measured_at_s is None or now_s - state.measured_at_s > GAP_S:
        state = ThresholdState()
    limit = _limit(threshold)
    reached = value >= (limit * RELEASE if state.over else limit)
    if not reached:
        return ThresholdState(value=value, measured_at_s=now_s)
    since_s = now_s if state.since_s is None else state.since_s
    return ThresholdState(value=value, measured_at_s=now_s, since_s=since_s, over=state.over or now_s - since_s >= threshold.for_s)


def crossed(states: ThresholdStates, thresholds: Sequence[Threshold], *, now_s: float) -> tuple[tuple[Threshold, str], ...]:
    """Those that were reached for their `for_s`, by the last measure, each with its reason in numbers."""
    return tuple(
        (threshold, f"{_told(threshold, state.value)} for {now_s - state.since_s:.0f} s")
        for threshold, state in zip(thresholds, states.states, strict=False)
        if state.over and state.value is not None and state.since_s is not None
    )


def verdicts(states: ThresholdStates, thresholds: Sequence[Threshold], *, now_s: float) -> tuple[tuple[Verdict, str], ...]:
    """A failing one for each that is crossed and says `then: restart`; for core.node.health.judge."""
    found = crossed(states, thresholds, now_s=now_s)
    return tuple((Verdict.FAILING, reason) for threshold, reason in found if threshold.then is Crossed.RESTART)


def warnings(states: ThresholdStates, thresholds: Sequence[Threshold], *, now_s: float) -> dict[str, str]:
    """What is to be said without doing anything, by threshold: crossed ones that only report, and what is not measured.

    A measure that is missing is told of after GAP_S: some need two readings, and one may fail. The names stay the same
    while a warning lasts, the numbers in the texts do not: who logs each name once says it once.
    """
    said = {name(threshold): reason for threshold, reason in crossed(states, thresholds, now_s=now_s) if threshold.then is Crossed.REPORT}
    for threshold, state in zip(thresholds, states.states, strict=False):
        if state.unmeasured_since_s is not None and now_s - state.unmeasured_since_s > GAP_S:
            said[name(threshold)] = f"{name(threshold)} cannot be measured here"
    return said


def name(threshold: Threshold) -> str:
    return f"{threshold.kind.value} of {threshold.path}" if threshold.path is not None else threshold.kind.value


# --- one threshold in numbers ------------------------------------------------------------------------------------


def measured(measures: Measures, threshold: Threshold) -> float | None:
    """What the threshold is compared with: per cent, or bytes, or a number. None: not measured."""
    amount, whole = _amount_and_whole(measures, threshold)
    if amount is None or threshold.percent is None:
        return amount
    return 100.0 * amount / whole if whole else None


def _amount_and_whole(measures: Measures, threshold: Threshold) -> tuple[float | None, float | None]:
    disk = measures.disks.get(threshold.path or "")
    match threshold.kind:
        case ThresholdKind.MEMORY:
            return measures.memory_bytes, measures.memory_limit_bytes
        case ThresholdKind.MEMORY_PRESSURE:
            return measures.memory_pressure, 1.0
        case ThresholdKind.CPU:
            return measures.cpu_cores, 1.0
        case ThresholdKind.OPEN_FILES:
            return measures.open_files, measures.open_files_limit
        case ThresholdKind.THREADS:
            return measures.threads, None
        case ThresholdKind.DISK:
            return disk.used if disk is not None else None, 1.0
        case ThresholdKind.INODES:
            return disk.inodes if disk is not None else None, 1.0


def _limit(threshold: Threshold) -> float:
    limit = threshold.percent if threshold.percent is not None else threshold.amount
    assert limit is not None, "a threshold has one of them"
    return limit


def _told(threshold: Threshold, value: float) -> str:
    if threshold.percent is not None:
        return f"{name(threshold)} is at {value:.1f} %, the limit is {threshold.percent:g} %,"
    unit = " bytes" if threshold.kind is ThresholdKind.MEMORY else ""
    return f"{name(threshold)} is at {value:.0f}{unit}, the limit is {threshold.amount}{unit},"

"""A threshold is crossed once its limit was reached for as long as it says; what is not measured crosses nothing."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.bounds import Crossed, Threshold, ThresholdKind
from core.model import Verdict
from core.node.thresholds import GAP_S, DiskUse, Measures, ThresholdStates, after_measures, crossed, verdicts, warnings

GIB = 1 << 30
MEMORY = Threshold(kind=ThresholdKind.MEMORY, percent=90, for_s=30)


def memory(percent: float | None) -> Measures:
    return Measures(memory_bytes=None if percent is None else int(GIB * percent / 100), memory_limit_bytes=GIB)


def states_after(moments: Iterable[tuple[float, Measures]], *thresholds: Threshold) -> tuple[ThresholdStates, float]:
    states, now_s = ThresholdStates(), 0.0
    for now_s, measures in moments:
        states = after_measures(states, measures, thresholds, now_s=now_s)
    return states, now_s


def reasons(moments: Iterable[tuple[float, Measures]], *thresholds: Threshold) -> list[str]:
    states, now_s = states_after(moments, *thresholds)
    return [reason for _, reason in crossed(states, thresholds, now_s=now_s)]


def every_5_s(*percents: float | None) -> list[tuple[float, Measures]]:
    return [(5.0 * step, memory(percent)) for step, percent in enumerate(percents)]


def test_it_is_crossed_once_it_lasted() -> None:
    assert reasons(every_5_s(*[95] * 6), MEMORY) == []
    assert reasons(every_5_s(*[95] * 7), MEMORY) == ["memory is at 95.0 %, the limit is 90 %, for 30 s"]


def test_the_time_that_is_told_is_since_it_was_reached_and_not_since_anything_else() -> None:
    moments = [(1000.0 + at_s, measures) for at_s, measures in every_5_s(10, 10, *[95] * 9)]

    assert reasons(moments, MEMORY) == ["memory is at 95.0 %, the limit is 90 %, for 40 s"]


def test_reaching_the_limit_is_enough_so_that_100_per_cent_can_be_reached() -> None:
    disk = Threshold(kind=ThresholdKind.DISK, percent=100, path="/var", for_s=0)
    full = Measures(disks={"/var": DiskUse(used=1.0, inodes=0.1)})

    assert reasons([(0, full)], disk) == ["disk of /var is at 100.0 %, the limit is 100 %, for 0 s"]


def test_a_moment_below_it_begins_the_time_again() -> None:
    assert reasons(every_5_s(95, 95, 95, 95, 95, 89, 95, 95, 95), MEMORY) == []


def test_without_a_duration_the_first_measure_crosses_it() -> None:
    assert len(reasons([(0, memory(95))], Threshold(kind=ThresholdKind.MEMORY, percent=90, for_s=0))) == 1


def test_once_crossed_it_stays_so_until_the_value_is_clearly_below_the_limit() -> None:
    over = [95] * 7

    assert len(reasons(every_5_s(*over, 87, 86), MEMORY)) == 1
    assert reasons(every_5_s(*over, 87, 85), MEMORY) == []
    assert reasons(every_5_s(*over, 85, 87), MEMORY) == []


@pytest.mark.parametrize(
    ("threshold", "measures", "reason"),
    [
        pytest.param(
            Threshold(kind=ThresholdKind.MEMORY, amount=1000, for_s=0),
            Measures(memory_bytes=1001),
            "memory is at 1001 bytes, the limit is 1000 bytes, for 0 s",
            id="memory in bytes, its limit unknown",
        ),
        pytest.param(
            Threshold(kind=ThresholdKind.MEMORY_PRESSURE, percent=20, for_s=0),
            Measures(memory_pressure=0.31),
            "memory_pressure is at 31.0 %, the limit is 20 %, for 0 s",
            id="memory pressure",
        ),
        pytest.param(
            Threshold(kind=ThresholdKind.CPU, percent=150, for_s=0),
            Measures(cpu_cores=1.8, cores=2),
            "cpu is at 180.0 %, the limit is 150 %, for 0 s",
            id="cpu, per cent of one core",
        ),
        pytest.param(
            Threshold(kind=ThresholdKind.OPEN_FILES, percent=80, for_s=0),
            Measures(open_files=900, open_files_limit=1024),
            "open_files is at 87.9 %, the limit is 80 %, for 0 s",
            id="open files, per cent",
        ),
        pytest.param(
            Threshold(kind=ThresholdKind.OPEN_FILES, amount=800, for_s=0),
            Measures(open_files=900),
            "open_files is at 900, the limit is 800, for 0 s",
            id="open files, a number",
        ),
        pytest.param(
            Threshold(kind=ThresholdKind.THREADS, amount=100, for_s=0),
            Measures(threads=100),
            "threads is at 100, the limit is 100, for 0 s",
            id="threads",
        ),
        pytest.param(
            Threshold(kind=ThresholdKind.DISK, percent=95, path="/var", for_s=0),
            Measures(disks={"/var": DiskUse(used=0.97, inodes=0.1), "/": DiskUse(used=1.0, inodes=1.0)}),
            "disk of /var is at 97.0 %, the limit is 95 %, for 0 s",
            id="space of the path that is named",
        ),
        pytest.param(
            Threshold(kind=ThresholdKind.INODES, percent=90, path="/var", for_s=0),
            Measures(disks={"/var": DiskUse(used=0.1, inodes=0.93), "/": DiskUse(used=1.0, inodes=1.0)}),
            "inodes of /var is at 93.0 %, the limit is 90 %, for 0 s",
            id="inodes of the path that is named",
        ),
    ],
)
def test_every_kind_is_crossed_by_its_own_measure(threshold: Threshold, measures: Measures, reason: str) -> None:
    assert reasons([(0, measures)], threshold) == [reason]
    assert reasons([(0, Measures())], threshold) == []


def test_a_crossed_threshold_is_failing_unless_it_only_reports() -> None:
    report = Threshold(kind=ThresholdKind.MEMORY, percent=80, for_s=0, then=Crossed.REPORT)
    restart = Threshold(kind=ThresholdKind.OPEN_FILES, amount=10, for_s=0)
    both = Measures(memory_bytes=GIB, memory_limit_bytes=GIB, open_files=11)
    states, now_s = states_after([(0, both)], report, restart)

    assert verdicts(states, (report, restart), now_s=now_s) == ((Verdict.FAILING, "open_files is at 11, the limit is 10, for 0 s"),)
    assert warnings(states, (report, restart), now_s=now_s) == {"memory": "memory is at 100.0 %, the limit is 80 %, for 0 s"}


def test_what_is_not_measured_is_told_once_and_crosses_nothing() -> None:
    moments = every_5_s(*[None] * 5)
    states, now_s = states_after(moments, MEMORY)

    assert crossed(states, [MEMORY], now_s=now_s) == ()
    assert warnings(states, [MEMORY], now_s=now_s) == {"memory": "memory cannot be measured here"}
    assert warnings(*states_after(moments[:2], MEMORY)[:1], [MEMORY], now_s=5) == {}, "the first reading of some needs a second one"


def test_what_is_missing_is_told_once_it_was_missing_for_longer_than_a_gap_whenever_that_began() -> None:
    states, _ = states_after([(1000.0, memory(50)), (1005.0, memory(None))], MEMORY)

    assert warnings(states, [MEMORY], now_s=1005 + GAP_S) == {}
    assert warnings(states, [MEMORY], now_s=1006 + GAP_S) == {"memory": "memory cannot be measured here"}


def test_a_percentage_of_an_unknown_limit_is_not_measured() -> None:
    assert reasons([(0, Measures(memory_bytes=GIB))], Threshold(kind=ThresholdKind.MEMORY, percent=0, for_s=0)) == []
    assert reasons([(0, Measures(open_files=5, open_files_limit=0))], Threshold(kind=ThresholdKind.OPEN_FILES, percent=1, for_s=0)) == []


def test_one_reading_that_failed_does_not_begin_the_time_again_and_crosses_nothing_itself() -> None:
    assert reasons(every_5_s(95, 95, 95, None, 95, 95, 95), MEMORY) != []
    assert reasons(every_5_s(95, 95, 95, 95, 95, 95, None), MEMORY) == []


def test_nobody_knows_what_was_while_nobody_looked() -> None:
    assert reasons([(0, memory(95)), (GAP_S + 100, memory(95))], MEMORY) == [], "a frozen agent wakes up"
    assert reasons([(0, memory(95)), (5, memory(None)), (GAP_S, memory(95)), (30, memory(95))], MEMORY) != []


def test_the_states_of_other_thresholds_are_not_taken_for_these() -> None:
    states, now_s = states_after(every_5_s(*[95] * 7), MEMORY)
    threads = Threshold(kind=ThresholdKind.THREADS, amount=1)
    states = after_measures(states, memory(95), [MEMORY, threads], now_s=now_s + 1)

    assert crossed(states, [MEMORY, threads], now_s=now_s + 1) == ()


def test_before_the_first_measure_nothing_is_crossed() -> None:
    assert crossed(ThresholdStates(), [MEMORY], now_s=1000) == ()
    assert warnings(ThresholdStates(), [MEMORY], now_s=1000) == {}


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"kind": ThresholdKind.THREADS, "percent": 10.0}, "use a number"),
        ({"kind": ThresholdKind.MEMORY_PRESSURE, "amount": 10}, "use a percentage"),
        ({"kind": ThresholdKind.DISK, "amount": 10, "path": "/"}, "use a percentage"),
        ({"kind": ThresholdKind.CPU, "percent": 10.0, "for_s": -1.0}, "0 or more"),
        ({"kind": ThresholdKind.MEMORY, "percent": -1.0}, "0 or more"),
    ],
)
def test_a_limit_in_a_unit_that_nobody_measures_is_refused(wrong: dict, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Threshold(**wrong)


@given(st.lists(st.tuples(st.floats(0.5, GAP_S), st.one_of(st.none(), st.floats(0, 120))), min_size=1, max_size=40), st.floats(0, 60))
def test_it_is_never_crossed_before_its_duration_nor_with_a_value_that_is_well(
    steps: list[tuple[float, float | None]], for_s: float
) -> None:
    threshold = Threshold(kind=ThresholdKind.CPU, percent=90, for_s=for_s)
    states, now_s, reached_at_s = ThresholdStates(), 0.0, None
    for step_s, percent in steps:
        now_s += step_s
        states = after_measures(states, Measures(cpu_cores=None if percent is None else percent / 100), [threshold], now_s=now_s)
        found = crossed(states, [threshold], now_s=now_s)
        if percent is not None and percent >= 90 and reached_at_s is None:
            reached_at_s = now_s
        if found:
            assert percent is not None
            assert percent >= 85
            assert reached_at_s is not None
            assert now_s - reached_at_s >= for_s

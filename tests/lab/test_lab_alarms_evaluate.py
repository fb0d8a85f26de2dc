"""The alarm evaluator against the examples of AWS's own pages."""

from __future__ import annotations

import pytest

from lab.alarms.evaluate import Definition, Missing, State, evaluate, windows

_ORDER = (Missing.MISSING, Missing.IGNORE, Missing.BREACHING, Missing.NOT_BREACHING)
_KEEP = None  # "retain current state"
_OK, _ALARM, _NONE = State.OK, State.ALARM, State.INSUFFICIENT_DATA


def definition(m: int = 3, n: int = 3, missing: Missing = Missing.MISSING, period_s: int = 60) -> Definition:
    return Definition(
        threshold=1.0, comparison="LessThanThreshold", period_s=period_s, evaluation_periods=n, datapoints_to_alarm=m, missing=missing
    )


def points(text: str) -> list[float | None]:
    """As in AWS's tables: 0 is within the threshold, X breaches it, - is missing; the newest last."""
    return [{"0": 1.0, "X": 0.0, "-": None}[sign] for sign in text.split()]


@pytest.mark.parametrize("before", list(State))
@pytest.mark.parametrize(
    ("m", "text", "states"),
    [
        (3, "0 - X - X", (_OK, _OK, _OK, _OK)),
        (3, "0 - - - -", (_OK, _OK, _OK, _OK)),
        (3, "- - - - -", (_NONE, _KEEP, _ALARM, _OK)),
        (3, "0 X X - X", (_ALARM, _ALARM, _ALARM, _ALARM)),
        (3, "- - X - -", (_ALARM, _KEEP, _ALARM, _OK)),
        (3, "X - - - -", (_ALARM, _KEEP, _ALARM, _OK)),
        (3, "- - - - X", (_NONE, _KEEP, _ALARM, _OK)),
        (2, "0 - X - X", (_ALARM, _ALARM, _ALARM, _ALARM)),
        (2, "0 0 X 0 X", (_ALARM, _ALARM, _ALARM, _ALARM)),
        (2, "0 - X - -", (_OK, _OK, _ALARM, _OK)),
        (2, "- - - - 0", (_OK, _OK, _ALARM, _OK)),
        (2, "- - - X -", (_ALARM, _KEEP, _ALARM, _OK)),
        (2, "- - - - X", (_NONE, _KEEP, _ALARM, _OK)),
    ],
)
def test_missing_data_is_treated_as_in_the_tables_of_aws(m: int, text: str, states: tuple[State | None, ...], before: State) -> None:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html (M of 3, 5 points retrieved)."""
    found = [evaluate(definition(m, missing=missing), points(text), before).state for missing in _ORDER]

    assert found == [before if state is _KEEP else state for state in states]


def test_with_all_data_the_most_recent_points_decide() -> None:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html: only the last N count."""
    assert evaluate(definition(), points("X X X 0 X"), State.OK).state is State.OK
    assert evaluate(definition(), points("0 0 X X X"), State.OK).state is State.ALARM
    assert evaluate(definition(), points("X X X X 0"), State.ALARM).state is State.OK


@pytest.mark.parametrize(
    ("comparison", "breaching"),
    [
        ("LessThanThreshold", (True, False, False)),
        ("LessThanOrEqualToThreshold", (True, True, False)),
        ("GreaterThanThreshold", (False, False, True)),
        ("GreaterThanOrEqualToThreshold", (False, True, True)),
    ],
)
def test_the_statistic_is_the_first_operand(comparison: str, breaching: tuple[bool, ...]) -> None:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html, ComparisonOperator."""
    one = Definition(threshold=5, comparison=comparison, period_s=60, evaluation_periods=1, datapoints_to_alarm=1)

    assert tuple(evaluate(one, [value], State.OK).state is State.ALARM for value in (4.0, 5.0, 6.0)) == breaching


def test_periods_below_a_minute_are_evaluated_every_10_seconds_and_others_each_minute() -> None:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html"""
    assert [definition(period_s=period).step_s for period in (10, 30, 60, 300)] == [10, 10, 60, 60]


def test_a_long_period_slides_minute_by_minute() -> None:
    """Same page: with 5 minutes, at the end of minute 5 it looks at minutes 1 to 5, a minute later at 2 to 6."""
    five = definition(1, 1, period_s=300)

    assert (windows(five, 301.0)[-1].start, windows(five, 301.0)[-1].end) == (0.0, 300.0)
    assert (windows(five, 360.0)[-1].start, windows(five, 360.0)[-1].end) == (60.0, 360.0)


def test_windows_are_aligned_whole_and_as_many_as_are_retrieved() -> None:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html: 5 points for N = 3."""
    spans = windows(definition(period_s=10), 1003.2)

    assert [span.start for span in spans] == [950.0, 960.0, 970.0, 980.0, 990.0]
    assert all(span.end - span.start == 10 for span in spans)


def test_windows_shrink_with_the_labs_clock() -> None:
    spans = windows(definition(period_s=10), 100.05, second_s=0.1)

    assert [round(span.start, 6) for span in spans] == [95.0, 96.0, 97.0, 98.0, 99.0]


def test_the_reason_names_numbers_as_cloudwatch_does() -> None:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-actions-Lambda.html shows such reasons."""
    reason = evaluate(definition(), points("0 0 X X X"), State.OK).reason

    assert reason.startswith("Threshold Crossed: 3 out of the last 3 datapoints [0.0, 0.0, 0.0] were less than the threshold (1.0)")
    assert evaluate(definition(), points("- - - - -"), State.OK).reason == "Insufficient Data: 3 datapoints were unknown."


def test_what_aws_refuses_is_refused() -> None:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html, Period."""
    with pytest.raises(ValueError, match="Period is 45"):
        definition(period_s=45)
    with pytest.raises(ValueError, match="DatapointsToAlarm is 4"):
        definition(4, 3)

"""Metric math as AWS's page has it: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html"""

from __future__ import annotations

import pytest

from lab.alarms.expression import Points, Unsupported, work_out

METRICS: dict[str, Points] = {"m1": (30.0, 20.0, 0.0, None), "m2": (20.0, None, 20.0, None), "zero": (0.0, 0.0, 1.0, 1.0)}


def out(text: str, **expressions: str) -> Points:
    return work_out(text, METRICS, expressions)


@pytest.mark.parametrize(
    ("text", "points"),
    [
        ("m1 + m2", (50.0, 20.0, 20.0, None)),
        ("m1 - m2", (10.0, 20.0, -20.0, None)),
        ("5 * m2", (100.0, None, 100.0, None)),
        ("-m1", (-30.0, -20.0, 0.0, None)),
        ("m1 + m2 * 2", (70.0, 20.0, 40.0, None)),
        ("(m1 + m2) / 2", (25.0, 10.0, 10.0, None)),
    ],
)
def test_in_arithmetic_a_missing_value_counts_as_zero_where_another_is_there(text: str, points: Points) -> None:
    """Basic arithmetic functions: "Missing values in a time series are treated as 0"."""
    assert out(text) == points


def test_what_would_be_divided_by_zero_is_dropped() -> None:
    """Basic arithmetic functions: the data point is dropped."""
    assert out("m1 / zero") == (None, None, 0.0, 0.0)


@pytest.mark.parametrize(
    ("text", "points"),
    [
        ("SUM([m1, m2])", (50.0, 20.0, 20.0, None)),
        ("SUM(METRICS())", (50.0, 20.0, 21.0, 1.0)),
        ('SUM(METRICS("m"))', (50.0, 20.0, 20.0, None)),
        ('SUM([METRICS("1"), METRICS("2")])', (50.0, 20.0, 20.0, None)),
        ("MAX([m1, m2])", (30.0, 20.0, 20.0, None)),
        ("MIN([m1, m2])", (20.0, 20.0, 0.0, None)),
        ("AVG([m1, m2])", (25.0, 10.0, 10.0, None)),  # "missing values are treated as 0"
    ],
)
def test_functions_of_several_series_give_one(text: str, points: Points) -> None:
    """Functions supported for metric math."""
    assert out(text) == points


@pytest.mark.parametrize(
    ("text", "points"),
    [
        ("FILL(m2, 0)", (20.0, 0.0, 20.0, 0.0)),
        ("FILL(m2, REPEAT)", (20.0, 20.0, 20.0, 20.0)),
        ("SUM(FILL([m1, m2], 0))", (50.0, 20.0, 20.0, 0.0)),
        ("FILL(m2, -1) + zero", (20.0, -1.0, 21.0, 0.0)),
    ],
)
def test_fill_puts_values_where_none_are(text: str, points: Points) -> None:
    """Functions supported for metric math: FILL."""
    assert out(text) == points


def test_an_expression_may_name_another() -> None:
    assert out("e2 * 2", e2="m1 + m2") == (100.0, 40.0, 40.0, None)


@pytest.mark.parametrize(
    "text",
    ["SUM(m1)", "m1 + ", "m9", "RATE(m1)", "m1 > 1", "[m1, m2]", "3", "FILL(m1, LINEAR)", "SEARCH('x')", "m1 ^ 2", "SUM([])", "[m1] + m2"],
)
def test_what_is_not_evaluated_is_refused_by_name(text: str) -> None:
    """SUM of one series is a number over all points retrieved: "we recommend that you do not use this function in alarms"."""
    with pytest.raises(Unsupported, match=r"metric math|no single series"):
        out(text)


def test_expressions_that_lead_back_to_themselves_are_refused() -> None:
    with pytest.raises(Unsupported, match="not among"):
        out("a", a="b + 1", b="a + 1")

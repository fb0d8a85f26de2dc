"""The monitor script's exit codes: 110 healthy, 105 busy, 100 failed, 99 unknown, the rest for what is on its way."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.model import Verdict
from core.node.confidence import monitor_code


@pytest.mark.parametrize(
    ("verdict", "in_a_row", "fall", "code"),
    [
        pytest.param(Verdict.HEALTHY, 0, 2, 110, id="healthy for sure"),
        pytest.param(Verdict.BUSY, 0, 2, 105, id="busy"),
        pytest.param(Verdict.FAILING, 0, 2, 100, id="failed"),
        pytest.param(Verdict.UNKNOWN, 0, 2, 99, id="unknown"),
        pytest.param(Verdict.HEALTHY, 1, 2, 108, id="healthy, one of two results is against it"),
        pytest.param(Verdict.HEALTHY, 1, 4, 109, id="one of four"),
        pytest.param(Verdict.HEALTHY, 3, 4, 107, id="three of four"),
        pytest.param(Verdict.HEALTHY, 99, 100, 106, id="as good as fallen"),
        pytest.param(Verdict.BUSY, 1, 2, 103, id="busy, one of two results is bad"),
        pytest.param(Verdict.BUSY, 99, 100, 101, id="busy and as good as failing"),
        pytest.param(Verdict.HEALTHY, 1, 1, 106, id="more cannot speak against it before it falls"),
        pytest.param(Verdict.HEALTHY, 9, 2, 106, id="bad ones that do not add up to failing, for busy ones are among them"),
        pytest.param(Verdict.FAILING, 1, 2, 100, id="failed, one good result: not there yet"),
        pytest.param(Verdict.UNKNOWN, 5, 2, 99, id="starting, some good results: not known yet"),
    ],
)
def test_a_verdict_has_its_code(verdict: Verdict, in_a_row: int, fall: int, code: int) -> None:
    assert monitor_code(verdict, in_a_row, fall) == code


@given(st.sampled_from([Verdict.HEALTHY, Verdict.BUSY]), st.integers(0, 50), st.integers(0, 20))
def test_more_doubt_never_raises_the_code_and_no_verdict_takes_anothers(verdict: Verdict, in_a_row: int, fall: int) -> None:
    code = monitor_code(verdict, in_a_row, fall)

    assert monitor_code(verdict, in_a_row + 1, fall) <= code
    assert code in (range(106, 111) if verdict is Verdict.HEALTHY else range(101, 106))
    assert (code in (110, 105)) == (in_a_row == 0)

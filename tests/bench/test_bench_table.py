"""The benchmark's own arithmetic: what a row calls its median, its tail, its ratio, and held."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bench.load import whole
from bench.table import Row, number, tail

ROOT = Path(__file__).resolve().parents[2]


def row(ours: list[float], limit: float | None, *, at_least: bool = False) -> Row:
    return Row(what="it", unit="ms", ours=ours, floor=[1.0, 2.0, 3.0], limit=limit, rule="a rule", at_least=at_least)


@pytest.mark.parametrize(
    ("ours", "limit", "at_least", "held"),
    [
        pytest.param([1.0, 3.0, 100.0], 3.0, False, True, id="the median is held, not the worst"),
        pytest.param([1.0, 3.1, 3.1], 3.0, False, False, id="above an upper limit"),
        pytest.param([8.0, 8.0, 1.0], 8.0, True, True, id="at a lower limit"),
        pytest.param([7.9, 7.9, 100.0], 8.0, True, False, id="below a lower limit"),
        pytest.param([1000.0], None, False, True, id="without a limit it only informs"),
    ],
)
def test_a_limit_is_held_by_the_median(ours: list[float], limit: float | None, at_least: bool, held: bool) -> None:
    told = row(ours, limit, at_least=at_least)

    assert told.held is held
    assert ("BROKEN" in told.lines()[0]) is not held
    assert told.as_json()["held"] is held


def test_the_ratio_is_that_of_the_medians() -> None:
    assert row([5.0, 3.0, 400.0], None).ratio == 2.5
    assert Row(what="it", unit="s", ours=[1.0], limit=None, rule="").ratio is None


def test_the_tail_is_what_one_in_twenty_exceeds_and_of_few_the_worst() -> None:
    assert tail([float(n) for n in range(100)]) == 95.0
    assert tail([3.0, 9.0, 1.0]) == 9.0
    assert tail([float(n) for n in range(100)], 0.99) == 99.0


def test_the_tail_of_what_should_be_much_is_its_least() -> None:
    assert " 2 " in row([9.0, 8.0, 2.0], 1.0, at_least=True).lines()[0]


def test_a_peer_has_a_ratio_of_its_own_or_says_why_it_took_no_part() -> None:
    told = Row(what="it", unit="ms", ours=[1.0], floor=[2.0], limit=None, rule="", peers={"one": [5.0], "other": "not installed"})

    _, one, other = told.lines()

    assert one.split()[-1] == "2.50"
    assert other.strip() == "other: not installed"


def test_numbers_have_four_digits_that_count() -> None:
    assert [number(value) for value in (0.0, 1234567.0, 2.41689, 0.04567)] == ["0", "1,234,567", "2.417", "0.04567"]


@pytest.mark.parametrize(
    ("got", "is_whole"),
    [
        (b"OK\r\n", True),
        (b"OK", False),
        (b"FAILED it hangs\r\n", False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", True),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\no", False),
        (b"HTTP/1.1 503 no\r\nContent-Length: 2\r\n\r\nno", False),
    ],
)
def test_only_a_whole_answer_that_says_yes_is_counted(got: bytes, is_whole: bool) -> None:
    assert whole(got) is is_whole


def test_help_says_what_each_row_holds() -> None:
    done = subprocess.run([sys.executable, "-m", "bench.agent", "--help"], cwd=ROOT, capture_output=True, text=True, check=True)

    for name in ("kill", "hang", "idle", "ping", "http", "--quick", "--json"):
        assert name in done.stdout


def test_a_floor_is_short_enough_to_be_seen_as_one() -> None:
    for floor in (ROOT / "bench/floors").glob("*.py"):
        assert len(floor.read_text().splitlines()) <= 60, floor.name

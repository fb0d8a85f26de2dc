"""What docs/heavy.md shows of the heavy tier: every file of it has its row, and what failed is named."""

from __future__ import annotations

from pathlib import Path

from tools.heavy_page import PAGE, heavy_files, read, rows_of, table

FILES = {"tests/lab/test_a.py": "What a is held to.", "tests/lab/test_b.py": "And b."}
RESULTS = """<?xml version="1.0"?><testsuites><testsuite name="pytest" timestamp="2026-11-22T10:00:00.0+00:00">
<testcase classname="tests.lab.test_a" name="test_one" time="61.5" />
<testcase classname="tests.lab.test_a" name="test_two" time="8.1"><skipped message="needs root" /></testcase>
<testcase classname="tests.lab.test_b" name="test_three[x]" time="1"><failure message="no">no</failure></testcase>
</testsuite></testsuites>"""


def results(tmp_path: Path) -> Path:
    (tmp_path / "results.xml").write_text(RESULTS)
    return tmp_path / "results.xml"


def test_a_row_tells_how_a_files_tests_came_out_how_long_they_took_when_and_of_what(tmp_path: Path) -> None:
    made = table("", read([results(tmp_path)]), FILES, "abc1234")

    assert "| `tests/lab/test_a.py` | What a is held to. | 1 passed, 1 left out | 70 | 2026-11-22 | abc1234 |" in made


def test_a_test_that_failed_is_named(tmp_path: Path) -> None:
    assert "| And b. | **failed**: `test_three[x]` | 1 |" in table("", read([results(tmp_path)]), FILES, "abc1234")


def test_a_file_that_was_not_played_again_keeps_its_row_and_one_that_never_was_says_so(tmp_path: Path) -> None:
    first = table("", read([results(tmp_path)]), FILES, "abc1234")

    second = table(first, {}, {**FILES, "tests/lab/test_c.py": "And c."}, "def5678")

    assert rows_of(second)["tests/lab/test_a.py"] == rows_of(first)["tests/lab/test_a.py"]
    assert rows_of(second)["tests/lab/test_c.py"][2].startswith("not played since")


def test_every_file_that_has_heavy_tests_is_on_the_page() -> None:
    assert rows_of(PAGE.read_text()).keys() == heavy_files().keys(), "run: .venv/bin/python tools/heavy_page.py"

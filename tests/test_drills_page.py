"""What docs/drills.md shows of drills' results: every drill has its row, and none is of a drill that there is not."""

from __future__ import annotations

from lab.drills.model import Result, exactly
from lab.drills.scenes import DRILLS
from tools.drills_page import PAGE, rows_of, table

PLAYED = {"at": "2026-11-21 22:00 UTC", "version": "abc1234", "cores": 2, "load": 1.5}


def result(drill: str, *, held: bool = True) -> dict[str, object]:
    return Result(
        drill=drill,
        deployable="demo",
        promises=(exactly("clients are served again", int(held), 1),),
        client_gap_s=40.04,
        aws_s=30.0,
        ours_s=10.04,
        circumstances=PLAYED,
    ).json()


def test_a_row_tells_what_held_how_long_it_took_when_and_on_what() -> None:
    made = table("", [result("kill-instance")])

    assert "| `kill-instance` | all 1 held | 40.0 s | 30.0 s | 10.0 s | 2026-11-21 22:00 UTC | abc1234 | 2, 1.5 |" in made


def test_a_broken_promise_is_named() -> None:
    assert "| `flap` | **broken**: clients are served again | 40.0 s |" in table("", [result("flap", held=False)])


def test_a_drill_that_was_not_played_again_keeps_its_row_and_one_that_never_was_says_so() -> None:
    first = table("", [result("kill-instance")])

    second = table(first, [result("flap")])

    assert rows_of(second)["kill-instance"] == rows_of(first)["kill-instance"]
    assert rows_of(second)["freeze-instance"][1].startswith("not played since")


def test_the_page_tells_of_no_drill_that_there_is_not() -> None:
    assert rows_of(PAGE.read_text()).keys() <= DRILLS.keys(), "run: .venv/bin/python tools/drills_page.py"

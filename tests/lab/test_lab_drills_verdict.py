"""The last words of an evening of drills: what did not hold, by how much, and where its journal is, for whoever sees only the end."""

from __future__ import annotations

import pytest

from lab.__main__ import main
from lab.delays import Delays
from lab.drills.model import Promise, Result, at_most, exactly
from lab.drills.report import verdict

THERE = {"assembly": "counter", "lab": ".lab/drill-28aa5f5e"}


def result(name: str, *promises: Promise) -> Result:
    return Result(drill=name, deployable="demo", promises=promises, circumstances=THERE)


GOOD = result("kill-instance", exactly("machines launched", 1, 1))


def test_every_broken_promise_is_named_with_what_was_measured_and_allowed() -> None:
    late = at_most("added to the application's own start", 0.123, 0.1, "s")
    bad = result("kill-application", late, exactly("incidents", 2, 0), exactly("machines launched", 0, 0))

    lines = verdict([GOOD, bad], 2).splitlines()

    assert lines[0] == "1 of 2 drills held; broken: kill-application"
    assert [line.split("  ")[0] for line in lines[-2:]] == ["kill-application", "kill-application"]
    assert "added to the application's own start  0.12 s    <= 0.10 s" in lines[-2]
    assert "incidents" in lines[-1]
    assert "= 0" in lines[-1]
    assert not any("machines launched" in line for line in lines)


def test_a_broken_drill_is_told_with_its_assembly_and_the_folder_that_is_kept() -> None:
    last = verdict([result("flap", exactly("incidents", 2, 0))], 1).splitlines()[-1]

    assert "demo/counter" in last
    assert ".lab/drill-28aa5f5e" in last


def test_a_promise_that_just_misses_its_limit_is_not_told_as_if_it_had_held() -> None:
    last = verdict([result("kill-application", at_most("until it starts", 0.101, 0.1, "s"))], 1).splitlines()[-1]

    assert "0.101 s" in last
    assert "<= 0.10 s" in last


def test_what_could_not_be_measured_is_told_as_such() -> None:
    last = verdict([result("flap", at_most("until it starts", None, 0.1, "s"))], 1).splitlines()[-1]

    assert "never" in last


def test_when_all_held_there_is_one_line() -> None:
    assert verdict([GOOD], 1) == "1 of 1 drills held"


def test_drills_that_were_not_played_are_counted() -> None:
    assert verdict([GOOD], 3) == "1 of 1 drills held; 2 were not played"


def test_a_row_of_an_older_file_is_told_too() -> None:
    older = Result(drill="flap", deployable="demo", promises=(exactly("incidents", 2, 0),))

    assert "flap" in verdict([older], 1).splitlines()[-1]


def test_aws_delays_are_listed_with_their_sources_on_request(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["drill", "--delays"]) == 0

    printed = capsys.readouterr().out
    for delay in Delays().all():
        assert delay.name in printed
        assert delay.source in printed

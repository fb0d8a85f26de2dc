"""An operator's word from the command line: written on condition, with who and why, and nothing on a dry run."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from core.items import permit_item
from core.recovery.incident import State, incident_item
from core.recovery.intents import Intent, Kind, parse_intent
from tests.cli.operators_world import NOW, FakeAws, aws, run
from tests.core.recovery_story import healthy_view, incident

__all__ = ["aws"]  # a fixture
WHY = ("--reason", "new switch")


def said(aws: FakeAws) -> dict[str, Intent]:
    return {item["sk"]: parse_intent(item) for item in aws.stored() if item["pk"] == "INTENT#demo"}


def permitted(aws: FakeAws) -> None:
    permit = healthy_view().permit
    assert permit is not None
    aws.put(permit_item(permit))


def test_a_pause_is_written_with_who_why_and_its_end(aws: FakeAws, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("pause", "counter", "--for", "2h", *WHY) == 0

    (one,) = said(aws).values()
    assert (one.kind, one.target, one.reason, one.who) == (Kind.PAUSE, "counter", "new switch", "assumed-role/Operators/ann")
    assert (one.made_ms, one.until_ms, one.revision) == (NOW, NOW + 7_200_000, 1)
    assert "2 h left, by assumed-role/Operators/ann: new switch" in capsys.readouterr().out


def test_without_a_name_every_assembly_is_meant(aws: FakeAws) -> None:
    run("shadow", *WHY)
    run("maintenance", "--from", "2027-01-16T02:00Z", "--for", "3h", *WHY)

    found = said(aws)
    assert set(found) == {"SHADOW#*", "MAINTENANCE#*"}
    assert found["MAINTENANCE#*"].from_ms == 1_800_064_800_000


def test_a_dry_run_writes_nothing_and_says_what_it_would(aws: FakeAws, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("pause", "--dry-run", *WHY) == 0

    assert said(aws) == {}
    assert "would write: pause" in capsys.readouterr().out


def test_a_word_without_a_reason_is_no_word(aws: FakeAws, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        run("pause", "counter")
    assert caught.value.code == 2

    assert run("pause", "--reason", " ") == 2
    assert "a reason is needed" in capsys.readouterr().err
    assert said(aws) == {}


@pytest.mark.parametrize(
    ("arguments", "reply"),
    [
        (("pause", "other", *WHY), "demo has no assembly 'other'; it has counter"),
        (("pause", "--for", "30d", *WHY), "at most 7 days"),
        (("maintenance", "--from", "2020-01-01T00:00Z", *WHY), "between now and 30 days"),
        (("replace", "i-0zzz", *WHY), "'i-0zzz' runs nothing of demo: only who holds a permit can be replaced; these do: i-0aaa (counter)"),
        (("resume", "other", *WHY), "demo has no assembly 'other'"),
    ],
)
def test_what_cannot_be_is_refused_and_not_written(
    aws: FakeAws, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], reply: str
) -> None:
    permitted(aws)

    assert run(*arguments) == 2
    assert reply in capsys.readouterr().err
    assert said(aws) == {}


def test_saying_it_again_writes_over_it_on_condition(aws: FakeAws) -> None:
    run("pause", "counter", *WHY)
    run("pause", "counter", "--reason", "and the router", "--for", "3h")

    (one,) = said(aws).values()
    assert (one.reason, one.revision) == ("and the router", 2)


def test_two_operators_at_the_same_moment_are_told_apart(aws: FakeAws, capsys: pytest.CaptureFixture[str]) -> None:
    def meanwhile() -> None:
        aws.before_write = lambda: None
        run("pause", "counter", "--reason", "mine")

    aws.before_write = meanwhile

    assert run("pause", "counter", *WHY) == 2
    assert "somebody else wrote INTENT#demo/PAUSE#counter at this very moment" in capsys.readouterr().err
    assert said(aws)["PAUSE#counter"].reason == "mine"


@pytest.mark.parametrize("node", ["i-0aaa", "counter"])
def test_replace_names_the_node_that_holds_the_permit(aws: FakeAws, capsys: pytest.CaptureFixture[str], node: str) -> None:
    permitted(aws)

    assert run("replace", node, *WHY) == 0
    assert set(said(aws)) == {"REPLACE#i-0aaa"}
    assert "counter's node i-0aaa is to be replaced, once" in capsys.readouterr().out


def test_replace_says_that_a_pause_will_hold_it_back(aws: FakeAws, capsys: pytest.CaptureFixture[str]) -> None:
    permitted(aws)
    run("pause", *WHY)
    run("replace", "counter", *WHY)

    assert "but nothing is replaced while this holds: pause until" in capsys.readouterr().out


def test_resume_takes_back_what_holds_and_keeps_who_did_it(aws: FakeAws, capsys: pytest.CaptureFixture[str]) -> None:
    run("pause", "counter", *WHY)
    run("shadow", "counter", *WHY)
    assert run("resume", "counter", "--reason", "done") == 0

    found = said(aws)
    assert {one.ended_reason for one in found.values()} == {"done"}
    assert all(not one.holds(NOW + 1) for one in found.values())
    assert found["PAUSE#counter"].reason == "new switch"


def test_resume_of_one_does_not_end_what_holds_for_all(aws: FakeAws, capsys: pytest.CaptureFixture[str]) -> None:
    run("pause", *WHY)

    assert run("resume", "counter", "--reason", "done") == 2
    assert "this holds for every assembly, not for counter alone" in capsys.readouterr().err
    assert said(aws)["PAUSE#*"].holds(NOW + 1)


@pytest.mark.parametrize("state", [State.EXHAUSTED, State.ESCALATED])
def test_resume_lets_go_on_what_an_incident_stopped(aws: FakeAws, state: State) -> None:
    stopped = replace(incident(state), ended_ms=NOW - 5000)
    for sk in ("OPEN", stopped.id):
        aws.put(incident_item(stopped, sk=sk))

    assert run("resume", "counter", "--reason", "image mended") == 0
    assert set(said(aws)) == {f"RESUME#{stopped.id}"}


def test_with_nothing_to_resume_that_is_said(aws: FakeAws, capsys: pytest.CaptureFixture[str]) -> None:
    aws.put(incident_item(replace(incident(State.RECOVERED), ended_ms=NOW)))

    assert run("resume", *WHY) == 0
    assert "there is nothing to resume" in capsys.readouterr().out
    assert said(aws) == {}


def test_who_cannot_be_asked_is_the_user_of_this_machine(aws: FakeAws) -> None:
    aws.fails = {"get_caller_identity": "AccessDenied"}
    run("pause", *WHY)

    assert "@" in said(aws)["PAUSE#*"].who


def test_what_was_written_is_told_as_json(aws: FakeAws, capsys: pytest.CaptureFixture[str]) -> None:
    run("pause", "--json", *WHY)

    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert told["written"] is True
    assert told["intents"][0]["reason"] == "new switch"

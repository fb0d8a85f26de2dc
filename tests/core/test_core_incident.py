"""The incident as a record: what a fresh one holds, who must hear of its end, its phases, and what is no record of one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from core.items import BadRecord
from core.recovery.case import NEVER_FAILED
from core.recovery.changes import apply
from core.recovery.incident import ENDED, Cause, Incident, Note, State, incident_id, incident_item, noted, parse_incident
from core.recovery.steps import Decision, Lose
from tests.core.recovery_story import NOW, RECREATING, healthy_view, incident

BARE = Incident(
    deployable="demo", assembly="counter", id="1-i", revision=1, instance="i", epoch=1, state=State.SUSPECTED, cause=Cause.NONE,
    reason="why", woken_by="alarm", failed_ms=1000, opened_ms=3000, state_ms=3000,
)  # fmt: skip


def test_a_fresh_incident_has_come_to_nothing_yet() -> None:
    later = ("confirmed_ms", "acted_ms", "isolated_ms", "verifying_ms", "ended_ms", "fence", "fenced_ms", "new_epoch", "driven_until_ms")

    of_a_rung = ("called_ms", "retiring_ms", "rebooted_ms", "proceeded_ms")

    assert {name: getattr(BARE, name) for name in (*later, *of_a_rung)} == dict.fromkeys((*later, *of_a_rung), 0)
    assert BARE.evidence_done is False


def test_an_assembly_that_never_failed_is_like_one_whose_last_failure_is_solved_and_told() -> None:
    numbers = (NEVER_FAILED.revision, NEVER_FAILED.epoch, NEVER_FAILED.failed_ms, NEVER_FAILED.opened_ms, NEVER_FAILED.state_ms)

    assert (NEVER_FAILED.state, NEVER_FAILED.cause, numbers) == (State.RECOVERED, Cause.NONE, (0, 0, 0, 0, 0))
    assert not NEVER_FAILED.untold_end


@pytest.mark.parametrize(
    ("changes", "untold"),
    [
        ({"state": State.RECOVERED, "told": ("open",)}, True),
        ({"state": State.RECOVERED, "told": ("open", "end")}, False),
        ({"state": State.RECOVERED}, False),
        ({"state": State.ESCALATED, "escalated_to": "person"}, True),
        ({"state": State.ESCALATED, "escalated_to": "person", "told": ("end",)}, False),
        ({"state": State.ESCALATED, "escalated_to": "deployable"}, False),
        ({"state": State.VERIFYING, "told": ("open",)}, False),
        ({"state": State.VERIFYING, "escalated_to": "person"}, False),
    ],
)
def test_whoever_heard_of_its_beginning_hears_of_its_end_and_a_person_who_must_act_in_any_case(
    changes: dict[str, Any], untold: bool
) -> None:
    assert replace(BARE, **changes).untold_end is untold


def test_a_phase_that_has_no_beginning_or_no_end_has_no_duration() -> None:
    whole = replace(BARE, confirmed_ms=4000, verifying_ms=9000, ended_ms=9500, state=State.RECOVERED)

    assert whole.durations() == {"detect_s": 2.0, "decide_s": 1.0, "act_s": 5.0, "verify_s": 0.5}
    assert replace(whole, verifying_ms=0).durations() == {"detect_s": 2.0, "decide_s": 1.0, "act_s": None, "verify_s": None}
    assert replace(whole, state=State.ESCALATED).durations()["verify_s"] is None
    assert replace(whole, failed_ms=0).durations()["detect_s"] is None
    assert replace(whole, confirmed_ms=3000).durations()["decide_s"] == 0.0
    assert replace(whole, failed_ms=5000).durations()["detect_s"] == 0.0, "a clock behind ours"


def test_ids_sort_by_time() -> None:
    assert incident_id(5, "i-1") == "0000000000005-i-1"
    assert incident_id(5, "i-1") < incident_id(NOW, "i-0")


def test_a_line_said_twice_in_a_row_is_kept_once() -> None:
    once = noted(BARE, 1, "me", "did")

    assert noted(once, 2, "me", "did") is once
    assert noted(once, 2, "you", "did").notes == (Note(1, "me", "did"), Note(2, "you", "did"))
    assert noted(BARE, 1, "me", "x" * 400).notes[0].what == "x" * 300


def test_sixty_lines_are_kept_the_first_twenty_of_them_and_the_last_forty() -> None:
    full = BARE
    for n in range(60):
        full = noted(full, n, "me", f"line {n}")
    more = noted(full, 60, "me", "line 60")

    assert [note.at_ms for note in full.notes] == list(range(60))
    assert [note.at_ms for note in more.notes] == [*range(20), *range(21, 61)]


def test_of_the_replacements_that_died_the_last_ten_are_remembered() -> None:
    many = healthy_view(incident=replace(RECREATING, tried=tuple(f"i-{n}" for n in range(10))))

    assert apply(many, Decision("died", Lose("i-new", "gone"), "alarm")).tried == (*(f"i-{n}" for n in range(1, 10)), "i-new")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"pk": "INCIDENT#demo"}, "pk is not INCIDENT#DEPLOYABLE#ASSEMBLY"),
        ({"pk": "LOOK#demo#counter"}, "pk is not INCIDENT#DEPLOYABLE#ASSEMBLY"),
        ({"version": 2}, "version is 2, this reader knows up to 1"),
        ({"version": "1"}, "version is '1'"),
        ({"epoch": True}, "epoch is True, expected int"),
        ({"epoch": "1"}, "epoch is '1', expected int"),
        ({"reason": 5}, "reason is 5, expected str"),
        ({"told": "open"}, "told is 'open', expected list"),
        ({"state": "odd"}, "odd"),
    ],
)
def test_what_is_no_record_of_an_incident_is_refused_by_name(change: dict[str, Any], says: str) -> None:
    with pytest.raises(BadRecord, match=says):
        parse_incident({**incident_item(incident()), **change})


def test_a_phase_that_was_not_reached_is_0_in_the_table() -> None:
    item = incident_item(replace(BARE, confirmed_ms=4000))

    assert (item["detect_ms"], item["decide_ms"], item["act_ms"], item["verify_ms"]) == (2000, 1000, 0, 0)
    assert parse_incident(item) == replace(BARE, confirmed_ms=4000)


def test_what_has_ended_is_known_by_its_state() -> None:
    assert {state for state in State if replace(BARE, state=state).ended} == ENDED


def test_of_a_rungs_record_that_an_older_writer_left_the_later_numbers_are_not_yet() -> None:
    tied = replace(BARE, ladder="0-leader", leader="web")
    item = {key: value for key, value in incident_item(tied).items() if key not in ("called_ms", "retiring_ms", "rebooted_ms", "database")}

    assert parse_incident(item) == tied

"""What other programs are told of an incident."""

from __future__ import annotations

import json
from dataclasses import replace

from core.recovery.incident import Cause, Incident, State
from core.report import announcements
from core.report.announcements import detail, detail_type, phases

OPENED = Incident(
    deployable="ledger", assembly="scheduler", id="1795255200000-i-1", revision=1, instance="i-1", epoch=3, state=State.SUSPECTED,
    cause=Cause.NONE, reason="its reports are silent", woken_by="alarm", failed_ms=1795255180000, opened_ms=1795255200000,
    state_ms=1795255200000,
)  # fmt: skip
RECOVERED = replace(
    OPENED, state=State.RECOVERED, cause=Cause.SIGNALS, confirmed_ms=1795255201500, acted_ms=1795255203000, verifying_ms=1795255260000,
    ended_ms=1795255262000, new_instance="i-2", new_epoch=4,
)  # fmt: skip


def test_the_detail_of_an_opened_incident_has_a_version_and_no_ends() -> None:
    said = detail(OPENED)

    assert (detail_type(OPENED), announcements.SOURCE) == ("Understudy Incident Opened", "understudy")
    assert said == {
        "version": 1, "deployable": "ledger", "assembly": "scheduler", "incident": "1795255200000-i-1", "state": "suspected",
        "cause": "none", "reason": "its reports are silent", "woken_by": "alarm", "instance": "i-1", "epoch": 3, "new_instance": None,
        "new_epoch": None, "escalated_to": None, "needs_person": False, "failed_at": "2026-11-21T09:59:40.000Z",
        "opened_at": "2026-11-21T10:00:00.000Z", "ended_at": None,
        "durations_s": {"detect_s": 20.0, "decide_s": None, "act_s": None, "verify_s": None},
    }  # fmt: skip


def test_the_detail_of_a_recovered_one_says_what_took_how_long() -> None:
    said = detail(RECOVERED)

    assert detail_type(RECOVERED) == "Understudy Incident Ended"
    assert (said["new_instance"], said["new_epoch"], said["ended_at"]) == ("i-2", 4, "2026-11-21T10:01:02.000Z")
    assert said["durations_s"] == {"detect_s": 20.0, "decide_s": 1.5, "act_s": 58.5, "verify_s": 2.0}
    assert set(said) == set(detail(OPENED)), "a reader finds every field in every event of a version"


def test_who_needs_a_person_says_so_once_it_has_ended() -> None:
    escalated = replace(OPENED, state=State.ESCALATED, escalated_to="person", ended_ms=1)

    assert detail(escalated)["needs_person"] is True
    assert detail(replace(escalated, state=State.RECOVERED, escalated_to="deployable"))["needs_person"] is False
    assert detail(replace(OPENED, escalated_to="person"))["needs_person"] is False


def test_a_long_reason_is_cut_so_that_the_event_fits() -> None:
    assert len(json.dumps(detail(replace(OPENED, reason="x" * 300_000)))) < 3000


def test_phases_are_measured_of_what_was_replaced_alone() -> None:
    assert phases(RECOVERED) == {"Detect": 20.0, "Decide": 1.5, "Act": 58.5, "Verify": 2.0}
    assert phases(replace(RECOVERED, state=State.VERIFYING, ended_ms=0)) == {}, "it is not over"
    assert phases(replace(OPENED, state=State.SUPPRESSED, ended_ms=1795255262000)) == {}, "nothing was replaced"
    given_up = replace(RECOVERED, state=State.ESCALATED, verifying_ms=0, new_instance="")
    assert phases(given_up) == {"Detect": 20.0, "Decide": 1.5}

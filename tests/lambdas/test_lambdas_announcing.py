"""What recover_assembly tells other programs: one event when an incident opens, one when it ends, and how long each phase took."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from core.recovery.incident import Incident, State
from lambdas import announcing, recover_assembly
from lambdas.adapters import bus, clients
from lambdas.adapters.clients import WorldFailed
from tests.core.test_core_announcements import OPENED, RECOVERED
from tests.lambdas.test_lambdas_recover_assembly import admitted_when_old_is_gone, serving


@pytest.fixture
def entries(cloud: Any) -> Iterator[list[dict[str, Any]]]:
    """What is put on the bus, to the letter."""
    found: list[dict[str, Any]] = []

    def note(params: dict[str, Any], **_: Any) -> None:
        found.extend(params["Entries"])

    events = clients.client("events").meta.events
    events.register("before-parameter-build.events.PutEvents", note)
    yield found
    events.unregister("before-parameter-build.events.PutEvents", note)


def metrics(printed: str) -> list[dict[str, Any]]:
    return [line for line in map(json.loads, printed.splitlines()) if "_aws" in line]


def test_a_recovery_is_two_events_and_one_line_of_its_phases(
    cloud: Any, entries: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    node = serving(cloud)
    cloud.frozen(node)
    admitted_when_old_is_gone(cloud, node)

    recover_assembly.handler(cloud.event("alarm_action"), cloud.context(seconds=900))

    incident = cloud.incident()
    assert incident.state is State.RECOVERED
    assert [(e["Source"], e["DetailType"]) for e in entries] == [
        ("understudy", "Understudy Incident Opened"),
        ("understudy", "Understudy Incident Ended"),
    ]
    opened, ended = (json.loads(e["Detail"]) for e in entries)
    assert (opened["version"], opened["incident"], opened["state"], opened["ended_at"]) == (1, incident.id, "suspected", None)
    assert (ended["incident"], ended["state"], ended["new_instance"]) == (incident.id, "recovered", incident.new_instance)
    (line,) = metrics(capsys.readouterr().out)
    assert (line["Deployable"], line["Assembly"]) == ("demo", "counter")
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert [(m["Name"], m["Unit"]) for m in directive["Metrics"]] == [(n, "Seconds") for n in ("Detect", "Decide", "Act", "Verify")]
    assert line["Act"] == incident.durations()["act_s"]


def test_an_event_that_cannot_be_put_holds_nothing_up(cloud: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Incident) -> None:
        raise WorldFailed("put an event", "ThrottlingException", "slow down")

    monkeypatch.setattr(bus, "announce", refuse)
    node = serving(cloud)
    cloud.frozen(node)
    admitted_when_old_is_gone(cloud, node)

    recover_assembly.handler(cloud.event("alarm_action"), cloud.context(seconds=900))

    assert cloud.incident().state is State.RECOVERED


def test_an_event_that_the_bus_refuses_in_a_good_answer_has_failed(cloud: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html"""

    class Bus:
        @staticmethod
        def put_events(**_: Any) -> dict[str, Any]:
            return {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "InternalFailure", "ErrorMessage": "not now"}]}

    monkeypatch.setattr(bus, "client", lambda _service: Bus)
    with pytest.raises(WorldFailed, match="not now"):
        bus.announce(OPENED)


def test_what_replaced_nothing_has_an_event_and_no_phases(
    cloud: Any, entries: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    announcing.announce(replace(RECOVERED, state=State.SUPPRESSED, acted_ms=0))

    assert [e["DetailType"] for e in entries] == ["Understudy Incident Ended"]
    assert metrics(capsys.readouterr().out) == []

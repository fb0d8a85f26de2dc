"""What AWS mends by itself, through the handlers: one incident, followed until the node is well, told of twice, and kept."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from core import names
from core.items import BadRecord
from core.model import Verdict
from core.recovery.incident import Cause, Incident, State
from core.report.history import database_entry
from core.watching.mending import database_word
from lambdas import mending, record_event, recover_assembly, tick
from lambdas.adapters import environment, table, topic
from lambdas.adapters.clients import Lost, WorldFailed
from tests.lambdas.conftest import A, D

DATABASE = "understudy-demo"
STARTED, COMPLETED, LOST = "RDS-EVENT-0013", "RDS-EVENT-0049", "RDS-EVENT-0031"


@pytest.fixture
def node(cloud: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """It serves, uses the deployable's database, and reports every ten seconds."""
    fleet = json.loads(environment.FLEET_FILE.read_text())
    fleet["d"][D][0]["b"] = True
    environment.FLEET_FILE.write_text(json.dumps(fleet))
    monkeypatch.setenv(names.ENV_DATABASES, json.dumps({DATABASE: D}))
    for cached in (environment.fleet, environment.databases):
        cached.cache_clear()
    (node,) = cloud.members()
    cloud.permit(node)
    cloud.report(node)
    cloud.looks(node, [Verdict.HEALTHY] * 4)
    reports(cloud, node)
    yield node
    for cached in (environment.fleet, environment.databases):
        cached.cache_clear()


def reports(cloud: Any, node: str, *, verdict: Callable[[float], Verdict] = lambda _: Verdict.HEALTHY, then: Any = lambda _: None) -> None:
    """While a handler sleeps. verdict, then: asked with the seconds since now."""
    began_ms = cloud.now_ms

    def goes_on() -> None:
        passed_s = (cloud.now_ms - began_ms) / 1000
        cloud.report(node, seq=2 + int(passed_s // 10), verdict=verdict(passed_s))
        then(passed_s)

    cloud.while_asleep = goes_on


def said(cloud: Any, kind: str, *, message: str = "so it is", before_s: float = 2) -> dict[str, Any]:
    at = datetime.datetime.fromtimestamp(cloud.now_ms / 1000 - before_s, datetime.UTC).isoformat()
    event = cloud.event("database_failover")
    detail = {**event["detail"], "SourceIdentifier": DATABASE, "EventID": kind, "Date": at, "Message": message}
    return {**event, "id": kind, "detail": detail}


def mended(kind: str = "rds") -> Incident:
    found = table.mended(D, A, kind)
    assert found is not None
    return found


def subjects(cloud: Any) -> list[str]:
    return [str(message["Subject"]) for message in cloud.messages("people")]


def test_a_failover_is_an_incident_from_its_first_event_until_the_node_reports_itself_well_again(cloud: Any, node: str) -> None:
    def rds_says_it_is_over(passed_s: float) -> None:
        if passed_s == 42:
            began_ms, wait = cloud.now_ms, cloud.while_asleep
            cloud.while_asleep = lambda: None
            word = database_word(database_entry(said(cloud, COMPLETED), {DATABASE: D}))
            assert word is not None
            mending.hear(environment.fleet().find(D, A), word, cloud.now_ms)
            cloud.now_ms, cloud.while_asleep = began_ms, wait

    reports(cloud, node, verdict=lambda s: Verdict.BUSY if 5 < s < 60 else Verdict.HEALTHY, then=rds_says_it_is_over)
    record_event.handler(said(cloud, STARTED), cloud.context(900))

    (incident,) = cloud.ended()
    assert (incident.state, incident.cause, incident.instance, incident.woken_by) == (State.RECOVERED, Cause.AWS, node, "rds")
    found = incident.durations()
    assert (found["detect_s"], found["decide_s"], found["act_s"]) == (2.0, 0.0, 42.0)
    assert 18 <= (found["verify_s"] or 0) <= 24
    assert cloud.incident() is None, "nobody of ours had anything to do"
    opened, over = subjects(cloud)
    assert "AWS is at it" in opened
    assert "recovered after" in over


def test_the_same_events_in_two_calls_and_told_twice_are_one_incident(cloud: Any, node: str) -> None:
    for event in [said(cloud, kind, before_s=60) for kind in (COMPLETED, COMPLETED, STARTED, "RDS-EVENT-0015")]:
        record_event.handler(event, cloud.context(900))

    assert [one.state for one in cloud.ended()] == [State.RECOVERED]
    assert len(subjects(cloud)) == 2
    assert len(table.query(names.history_pk(D))) == 3, "each event is a line of the history"


def test_what_is_said_of_one_that_another_call_follows_is_written_down_and_left_to_that(cloud: Any, node: str) -> None:
    """A failover has four or five events, and a young account ten calls at once."""
    record_event.handler(said(cloud, STARTED), cloud.context(12))
    before_ms = cloud.now_ms

    record_event.handler(said(cloud, COMPLETED), cloud.context(900))

    assert cloud.now_ms == before_ms, "it waits for nothing"
    assert mended().state is State.VERIFYING
    assert [note.who for note in mended().notes] == ["rds", "mending", "rds"]


def test_who_does_not_use_the_database_has_no_incident_of_it(cloud: Any, node: str) -> None:
    environment.FLEET_FILE.write_text(environment.FLEET_FILE.read_text().replace(', "b": true', ""))
    environment.fleet.cache_clear()

    record_event.handler(said(cloud, STARTED), cloud.context(900))

    assert table.all_mended(D, A) == []
    assert len(table.query(names.history_pk(D))) == 1


def test_what_is_no_outage_is_a_line_of_the_history_alone(cloud: Any, node: str) -> None:
    record_event.handler(said(cloud, "RDS-EVENT-0034"), cloud.context(900))

    assert table.all_mended(D, A) == []
    assert len(table.query(names.history_pk(D))) == 1


def test_a_database_that_rds_gives_up_is_told_to_people_with_what_to_do(cloud: Any, node: str) -> None:
    record_event.handler(said(cloud, LOST, message="put into storage-failure: restore it"), cloud.context(900))

    (message,) = cloud.messages("people")
    assert "a person is needed" in message["Subject"]
    assert "look at the database in RDS" in message["Message"]
    assert "put into storage-failure" in message["Message"]
    assert mended().state is State.ESCALATED


def test_a_database_that_is_not_got_over_in_its_time_is_a_persons(cloud: Any, node: str) -> None:
    """core.policy.Policy.database_s: so long recovery waits for it too."""
    reports(cloud, node, verdict=lambda _: Verdict.BUSY)

    record_event.handler(said(cloud, STARTED), cloud.context(900))

    incident = mended()
    assert (incident.state, incident.escalated_to) == (State.ESCALATED, "person")
    assert 300_000 <= incident.ended_ms - incident.opened_ms <= 310_000


def test_what_every_call_died_over_is_found_by_tick_and_taken_up_to_its_end(cloud: Any, node: str) -> None:
    record_event.handler(said(cloud, STARTED), cloud.context(12))
    assert not mended().ended, "its call had no time for it"

    def a_minute_of_ten() -> None:
        cloud.now_ms += 60_000
        tick.handler({}, cloud.context())

    def taken_up() -> list[dict[str, Any]]:
        return [payload for function, payload in cloud.woken if function == "recover"]

    for _ in range(5):
        a_minute_of_ten()
    assert taken_up() == [], "somebody may look at it still"
    for _ in range(10):
        if not taken_up():
            a_minute_of_ten()
    (payload,) = taken_up()
    assert "nobody looks at it" in payload["wake"]["reason"]
    recover_assembly.handler(payload, cloud.context())

    assert (mended().state, mended().told) == (State.RECOVERED, ("open", "end"))
    assert cloud.incident() is None


def test_a_call_that_died_is_gone_on_with_by_the_one_that_lambda_makes_again(
    cloud: Any, node: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(mending._Followed, "is_over", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            record_event.handler(said(cloud, COMPLETED), cloud.context(900))
    assert not mended().ended

    record_event.handler(said(cloud, COMPLETED), cloud.context(900))

    assert (len(cloud.ended()), mended().state, mended().told) == (1, State.RECOVERED, ("open", "end"))


def test_a_write_that_somebody_else_was_quicker_with_is_read_and_made_again(cloud: Any, node: str, monkeypatch: pytest.MonkeyPatch) -> None:
    put, losses = table.put_incident, [1, 3]

    def sometimes(new: Incident, *, sk: str = names.OPEN) -> None:
        losses[:] = [left - 1 for left in losses]
        if 0 in losses:
            raise Lost("write", "ConditionalCheckFailedException", "somebody else wrote first")
        put(new, sk=sk)

    monkeypatch.setattr(table, "put_incident", sometimes)

    record_event.handler(said(cloud, COMPLETED), cloud.context(900))

    assert (len(cloud.ended()), mended().state) == (1, State.RECOVERED)


def test_who_is_never_first_gives_the_event_back(cloud: Any, node: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(new: Incident, *, sk: str = names.OPEN) -> None:
        raise Lost("write", "ConditionalCheckFailedException", "somebody else wrote first")

    monkeypatch.setattr(table, "put_incident", never)

    with pytest.raises(WorldFailed, match="somebody else wrote first"):
        record_event.handler(said(cloud, COMPLETED), cloud.context(900))


def test_people_who_cannot_be_told_of_its_beginning_hear_of_its_end(cloud: Any, node: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fails = failing(monkeypatch, [True])

    record_event.handler(said(cloud, COMPLETED), cloud.context(900))

    assert (fails, mended().told) == ([], ("open", "end"))
    (over,) = subjects(cloud)
    assert "recovered after" in over


def test_an_end_that_nobody_could_be_told_of_is_told_by_the_call_that_lambda_makes_again(
    cloud: Any, node: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the reason has become another one, as of what only a person can mend."""
    reports(cloud, node, verdict=lambda _: Verdict.BUSY)
    fails = failing(monkeypatch, [False, *[True] * 5])
    with pytest.raises(WorldFailed, match="slow down"):
        record_event.handler(said(cloud, STARTED), cloud.context(900))
    assert (fails, mended().state, mended().told) == ([], State.ESCALATED, ("open",))

    record_event.handler(said(cloud, STARTED, before_s=400), cloud.context(900))

    assert mended().told == ("open", "end")
    assert ["a person is needed" in subject for subject in subjects(cloud)] == [False, True]


def test_an_end_that_nobody_heard_of_is_told_before_the_next_failure_is_written_over_it(
    cloud: Any, node: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing(monkeypatch, [False, *[True] * 5])
    with pytest.raises(WorldFailed):
        record_event.handler(said(cloud, COMPLETED), cloud.context(900))
    cloud.now_ms += 300_000

    record_event.handler(said(cloud, STARTED), cloud.context(12))

    assert ["recovered" in subject for subject in subjects(cloud)] == [False, True, False]
    assert sorted(one.told for one in cloud.ended()) == [("open", "end")]


def failing(monkeypatch: pytest.MonkeyPatch, fails: list[bool]) -> list[bool]:
    """Which of the next messages do not get out; what is left of it."""
    publish = topic.publish

    def sometimes(subject: str, message: str) -> None:
        if fails.pop(0) if fails else False:
            raise WorldFailed("publish", "Throttling", "slow down")
        publish(subject, message)

    monkeypatch.setattr(topic, "publish", sometimes)
    return fails


def test_one_assembly_that_cannot_be_written_down_holds_up_no_other(cloud: Any, node: str) -> None:
    """What is wrong is said when all else is done, and Lambda tries it again."""
    fleet = json.loads(environment.FLEET_FILE.read_text())
    fleet["d"][D] = [{**fleet["d"][D][0], "n": "broken"}, fleet["d"][D][0]]
    environment.FLEET_FILE.write_text(json.dumps(fleet))
    environment.fleet.cache_clear()
    cloud.put({names.PK: names.permit_pk(D, "broken"), names.SK: names.CURRENT, "version": 1})

    with pytest.raises(BadRecord):
        record_event.handler(said(cloud, COMPLETED), cloud.context(900))

    assert (mended().state, mended().told) == (State.RECOVERED, ("open", "end"))


def test_a_database_and_a_machine_that_fail_at_once_are_two_incidents(cloud: Any, node: str) -> None:
    record_event.handler(said(cloud, STARTED), cloud.context(12))
    recover_assembly.handler(cloud.event("machine_recovered", node), cloud.context())

    assert (mended().ended, mended("ec2").state) == (False, State.RECOVERED)


def test_while_a_rung_of_the_assembly_is_under_way_the_event_is_part_of_that(cloud: Any, node: str) -> None:
    cloud.frozen(node)
    cloud.while_asleep = lambda: None
    recover_assembly.handler(cloud.event("alarm_action"), cloud.context(8.5))
    own = cloud.incident()
    assert own is not None

    table.put_incident(replace(own, ladder=own.id, leader=A, revision=own.revision + 1))
    record_event.handler(said(cloud, STARTED), cloud.context(900))

    assert table.all_mended(D, A) == []


def test_a_report_of_minutes_ago_says_nothing_of_now(cloud: Any, node: str) -> None:
    """RDS's word that it is over is lost, and the node fell silent after it had reported once more."""
    silent_ms = cloud.now_ms + 12_000
    report = cloud.while_asleep
    cloud.while_asleep = lambda: report() if cloud.now_ms < silent_ms else None

    record_event.handler(said(cloud, STARTED), cloud.context(900))

    assert (mended().state, mended().escalated_to) == (State.ESCALATED, "person")


def test_what_was_heard_is_written_down_also_where_recoverys_own_turn_failed(
    cloud: Any, node: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any) -> None:
        raise WorldFailed("read", "InternalServerError", "try again")

    monkeypatch.setattr(recover_assembly, "_answer", fails)

    with pytest.raises(WorldFailed, match="try again"):
        recover_assembly.handler(cloud.event("machine_recovered", node), cloud.context())

    assert mended("ec2").state is State.RECOVERED


def test_a_machine_that_ec2_moved_is_an_incident_that_ends_when_it_reports_again(cloud: Any, node: str) -> None:
    for _ in range(2):
        recover_assembly.handler(cloud.event("machine_recovered", node), cloud.context())

    (incident,) = cloud.ended()
    assert (incident.state, incident.cause, incident.woken_by) == (State.RECOVERED, Cause.AWS, "ec2")
    assert "EC2 recovered" in incident.reason
    assert incident.durations()["verify_s"] is not None


def test_one_that_is_not_seen_well_soon_is_left_to_recovery(cloud: Any, node: str) -> None:
    cloud.while_asleep = lambda: None

    recover_assembly.handler(cloud.event("machine_recovered", node), cloud.context())

    assert (mended("ec2").state, mended("ec2").escalated_to) == (State.ESCALATED, "")
    assert "has not reported since" in mended("ec2").reason


def test_a_machine_that_holds_no_permit_was_nobodys_outage(cloud: Any, node: str) -> None:
    cloud.permit("i-0feedfacefeedface", 2)

    recover_assembly.handler(cloud.event("machine_recovered", node), cloud.context(8.5))

    assert table.all_mended(D, A) == []

"""What AWS mends by itself is an incident: it begins and ends by AWS's word and the node's own, and nobody acts in its name."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from core.model import Verdict
from core.policy import Policy
from core.records import ApplicationReport, Permit, Phase, Report
from core.recovery.incident import Cause, Incident, State
from core.report.history import Entry
from core.watching.mending import (
    Seen,
    Stage,
    Word,
    database_word,
    due_ms,
    heard,
    is_asked,
    judged,
    left_alone,
    machine_word,
    opened_by,
    volume_word,
)

NOW = 1_800_000_000_000
PERMIT = Permit(deployable="demo", assembly="ledger", instance="i-1", epoch=3, at_ms=NOW - 900_000)
BEGUN = Word(who="rds", at_ms=NOW - 2000, stage=Stage.BEGUN, said="failover started")
DONE = replace(BEGUN, at_ms=NOW + 40_000, stage=Stage.DONE, said="failover completed")
FAILED = replace(BEGUN, at_ms=NOW + 50_000, stage=Stage.FAILED, said="the database is lost")


def report(**changes: Any) -> Report:
    whole: dict[str, Any] = {
        "deployable": "demo", "assembly": "ledger", "instance": "i-1", "boot": "b", "seq": 7, "epoch": 3, "at_ms": NOW,
        "phase": Phase.RUNNING, "verdict": Verdict.HEALTHY, "applications": (), "address": "10.0.0.1", "ha_port": 7810, "http_port": 7880,
        "agent": "1", "expires_at": 1,
    }  # fmt: skip
    return Report(**(whole | changes))


def said_of_application(verdict: Verdict, reason: str) -> tuple[tuple[str, ApplicationReport], ...]:
    return (("app", ApplicationReport(verdict=verdict, restarts=0, reason=reason)),)


WELL = Seen(permit=PERMIT, report=report(), moved=True)
WAITS = Seen(permit=PERMIT, report=report(applications=said_of_application(Verdict.BUSY, "database: it does not answer")), moved=True)


def opened(word: Word = BEGUN, *, now_ms: int = NOW) -> Incident:
    found = heard(None, word, own=None, permit=PERMIT, now_ms=now_ms)
    assert found is not None
    return found


def after(incident: Incident, word: Word, now_ms: int) -> Incident | None:
    return heard(incident, word, own=None, permit=PERMIT, now_ms=now_ms)


def verifying() -> Incident:
    found = after(opened(), DONE, NOW + 41_000)
    assert found is not None
    return found


def ended(seen: Seen = WELL) -> Incident:
    found = judged(verifying(), seen, now_ms=NOW + 50_000, due_ms=NOW + 300_000)
    assert found is not None
    return found


# --- what is said ---------------------------------------------------------------------------------------------------


def entry(kind: str, *, categories: tuple[str, ...] = ("failover",)) -> Entry:
    return Entry(deployable="demo", at_ms=NOW, id="e", subject="db", kind=kind, categories=categories, message="so it is")


@pytest.mark.parametrize(
    ("kind", "stage"),
    [
        ("RDS-EVENT-0004", Stage.BEGUN),
        ("RDS-EVENT-0006", Stage.DONE),
        ("RDS-EVENT-0013", Stage.BEGUN),
        ("RDS-EVENT-0015", Stage.DONE),
        ("RDS-EVENT-0020", Stage.BEGUN),
        ("RDS-EVENT-0021", Stage.DONE),
        ("RDS-EVENT-0031", Stage.FAILED),
        ("RDS-EVENT-0035", Stage.FAILED),
        ("RDS-EVENT-0036", Stage.FAILED),
        ("RDS-EVENT-0049", Stage.DONE),
        ("RDS-EVENT-0050", Stage.BEGUN),
        ("RDS-EVENT-0051", Stage.DONE),
        ("RDS-EVENT-0065", Stage.DONE),
    ],
)
def test_rds_says_when_an_outage_begins_when_it_is_over_and_when_it_does_no_more(kind: str, stage: Stage) -> None:
    """https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_Events.Messages.html"""
    assert database_word(entry(kind)) == Word(who="rds", at_ms=NOW, stage=stage, said=f"the database db: so it is ({kind})")


def test_what_is_no_outage_of_the_database_is_no_word() -> None:
    assert database_word(entry("RDS-EVENT-0034")) is None


def test_ec2_says_of_a_machine_only_that_it_has_been_moved_and_perhaps_since_when() -> None:
    event = entry("AWS_EC2_SIMPLIFIED_AUTO_RECOVERY_SUCCESS", categories=("recovery",))
    moved = Word(who="ec2", at_ms=NOW, stage=Stage.DONE, said="so it is (AWS_EC2_SIMPLIFIED_AUTO_RECOVERY_SUCCESS)")

    assert machine_word(event, began_ms=None) == moved
    assert machine_word(event, began_ms=NOW - 240_000) == replace(moved, at_ms=NOW - 240_000)
    assert machine_word(event, began_ms=NOW + 1) == moved, "a time to come is not when it began"
    assert machine_word(entry("AWS_EC2_SIMPLIFIED_AUTO_RECOVERY_FAILURE", categories=("failure",)), began_ms=None) is None


def test_a_volume_is_taken_at_one_time_and_put_back_at_another() -> None:
    assert volume_word(Stage.DONE, at_ms=NOW + 5, said="it is back") == Word(who="ebs", at_ms=NOW + 5, stage=Stage.DONE, said="it is back")


# --- how it begins --------------------------------------------------------------------------------------------------


def test_it_is_about_who_holds_the_permit_and_began_when_aws_says() -> None:
    incident = opened()

    assert (incident.deployable, incident.assembly, incident.instance, incident.epoch) == ("demo", "ledger", "i-1", 3)
    assert (incident.state, incident.cause, incident.reason, incident.woken_by) == (State.RECREATING, Cause.AWS, BEGUN.said, "rds")
    assert (incident.failed_ms, incident.opened_ms, incident.state_ms, incident.confirmed_ms) == (NOW - 2000, NOW, NOW, NOW)
    assert (incident.id, incident.revision, incident.verifying_ms) == (f"{NOW:013d}-i-1", 0, 0)
    assert [(note.at_ms, note.who, note.what) for note in incident.notes] == [(NOW, "rds", BEGUN.said)]


def test_a_clock_of_aws_that_is_ahead_begins_nothing_in_the_future() -> None:
    assert opened(replace(BEGUN, at_ms=NOW + 9000)).failed_ms == NOW


def test_where_only_the_end_was_heard_it_is_looked_at_at_once() -> None:
    incident = opened(replace(DONE, at_ms=NOW - 1000))

    assert (incident.state, incident.verifying_ms, incident.state_ms, incident.failed_ms) == (State.VERIFYING, NOW, NOW, NOW - 1000)


def test_who_has_no_node_has_nothing_that_failed() -> None:
    assert heard(None, BEGUN, own=None, permit=None, now_ms=NOW) is None


def own(**changes: Any) -> Incident:
    """One of recovery's own."""
    whole: dict[str, Any] = {"cause": Cause.SIGNALS, "state": State.ISOLATING, "acted_ms": NOW - 9000, "isolated_ms": NOW - 8000}
    return replace(opened(), **(whole | changes))


def belongs(word: Word, **changes: object) -> bool:
    return heard(None, word, own=own(**changes), permit=PERMIT, now_ms=NOW) is None


def test_what_rds_says_while_a_rung_of_the_assembly_is_under_way_belongs_to_that_which_fails_the_database_over_too() -> None:
    over = {"ladder": "1-i", "state": State.RECOVERED, "ended_ms": NOW - 2000}

    assert belongs(BEGUN, ladder="1-i")
    assert belongs(BEGUN, **over), "told late"
    assert not belongs(replace(BEGUN, at_ms=NOW - 1999), **over)
    assert belongs(replace(DONE, at_ms=NOW - 1999), **over), "the end of what it did"
    assert not belongs(BEGUN), "another incident has nothing to do with the database"


@pytest.mark.parametrize("who", ["ec2", "ebs"])
def test_what_is_said_of_the_machine_that_recovery_ends_belongs_to_that(who: str) -> None:
    word = replace(BEGUN, who=who)

    assert belongs(word)
    assert belongs(word, acted_ms=0), "it was gone: there was nothing to act on"
    assert belongs(word, isolated_ms=0)
    assert not belongs(word, acted_ms=0, isolated_ms=0), "one that only suspects takes nothing in"
    assert not belongs(word, acted_ms=0, isolated_ms=0, state=State.SUPPRESSED, ended_ms=NOW)


def test_that_aws_does_no_more_belongs_to_nothing_else() -> None:
    assert not belongs(FAILED, ladder="1-i")


def test_what_is_open_is_gone_on_with_whatever_recovery_does() -> None:
    assert heard(opened(), DONE, own=own(ladder="1-i"), permit=PERMIT, now_ms=NOW + 41_000) is not None


def test_that_a_volume_is_back_is_no_news_without_its_having_been_taken() -> None:
    back = replace(DONE, who="ebs")

    assert heard(None, back, own=None, permit=PERMIT, now_ms=NOW + 41_000) is None
    taken = opened(replace(BEGUN, who="ebs"))
    joined = after(taken, back, NOW + 41_000)
    assert joined is not None
    assert joined.state is State.VERIFYING


# --- how it goes on -------------------------------------------------------------------------------------------------


def test_the_end_is_heard_once_however_often_it_is_told() -> None:
    incident = verifying()

    assert (incident.state, incident.state_ms, incident.verifying_ms) == (State.VERIFYING, NOW + 41_000, NOW + 41_000)
    assert incident.notes[-1].what == DONE.said
    assert after(incident, DONE, NOW + 43_000) is None
    assert after(incident, BEGUN, NOW + 43_000) is None
    again = after(incident, replace(DONE, said="complete - DNS may take a few minutes"), NOW + 44_000)
    assert again is not None
    assert (again.verifying_ms, len(again.notes)) == (NOW + 41_000, 3)


def test_a_beginning_that_comes_late_says_when_it_began() -> None:
    incident = after(opened(replace(DONE, at_ms=NOW - 1000)), replace(BEGUN, at_ms=NOW - 60_000), NOW + 5000)

    assert incident is not None
    assert (incident.failed_ms, incident.state) == (NOW - 60_000, State.VERIFYING)


def test_an_end_before_its_beginning_is_another_ones_told_late() -> None:
    assert after(opened(), replace(DONE, at_ms=NOW - 2001), NOW + 5000) is None
    at_once = after(opened(), replace(DONE, at_ms=NOW - 2000), NOW + 5000)
    assert at_once is not None
    assert at_once.state is State.VERIFYING


def test_where_aws_does_no_more_a_person_is_asked_at_once() -> None:
    incident = after(opened(), FAILED, NOW + 51_000)

    assert incident is not None
    assert (incident.state, incident.escalated_to, incident.reason) == (State.ESCALATED, "person", FAILED.said)
    assert (incident.ended_ms, incident.state_ms) == (NOW + 51_000, NOW + 51_000)
    assert incident.untold_end


# --- how it ends ----------------------------------------------------------------------------------------------------


def test_it_is_over_when_the_node_has_said_since_then_that_it_is_well() -> None:
    incident = ended()

    assert (incident.state, incident.reason, incident.escalated_to) == (State.RECOVERED, BEGUN.said, "")
    assert incident.durations() == {"detect_s": 2.0, "decide_s": 0.0, "act_s": 41.0, "verify_s": 9.0}
    assert (incident.notes[-1].who, incident.notes[-1].what) == ("mending", "i-1 reports itself well")


@pytest.mark.parametrize(
    "seen",
    [
        replace(WELL, moved=False),
        replace(WELL, report=None),
        replace(WELL, report=report(epoch=2)),
        replace(WELL, report=report(phase=Phase.STARTING)),
        replace(WELL, report=report(verdict=Verdict.BUSY)),
        WAITS,
    ],
    ids=["an old report", "no report", "under another permit", "starting", "busy", "waits for the database"],
)
def test_until_then_it_is_waited_for(seen: Seen) -> None:
    assert judged(verifying(), seen, now_ms=NOW + 299_999, due_ms=NOW + 300_000) is None


def test_another_reason_of_an_application_that_is_well_is_no_hindrance() -> None:
    fine = replace(WELL, report=report(applications=said_of_application(Verdict.HEALTHY, "")))

    assert ended(fine).state is State.RECOVERED


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        (WAITS, "i-1 is running, healthy (database: it does not answer)"),
        (replace(WELL, report=report(verdict=Verdict.FAILING)), "i-1 is running, failing"),
        (
            replace(WELL, report=report(phase=Phase.STARTING, applications=said_of_application(Verdict.HEALTHY, "fine"))),
            "i-1 is starting, healthy",
        ),
        (replace(WELL, moved=False), "i-1 has not reported since"),
        (replace(WELL, report=None), "i-1 has not reported since"),
    ],
)
def test_a_database_that_is_not_got_over_in_its_time_is_a_persons(seen: Seen, words: str) -> None:
    incident = judged(verifying(), seen, now_ms=NOW + 300_000, due_ms=NOW + 300_000)

    assert incident is not None
    assert (incident.state, incident.escalated_to, incident.ended_ms) == (State.ESCALATED, "person", NOW + 300_000)
    assert incident.reason == f"after 300 s it is said to be over, and {words}: {BEGUN.said}"


def test_one_that_is_said_to_be_over_at_the_last_moment_has_its_time_to_be_seen() -> None:
    """Thirty seconds to reconnect (core.node.database_outage), and as many for a report."""
    late = after(opened(), DONE, NOW + 295_000)
    assert late is not None

    assert judged(late, WAITS, now_ms=NOW + 354_999, due_ms=NOW + 300_000) is None
    called = judged(late, WAITS, now_ms=NOW + 355_000, due_ms=NOW + 300_000)
    assert called is not None
    assert called.escalated_to == "person"


def test_when_its_time_is_over_a_node_that_is_well_is_enough() -> None:
    incident = judged(opened(), WELL, now_ms=NOW + 60_000, due_ms=NOW + 60_000)

    assert incident is not None
    assert incident.state is State.RECOVERED


def test_what_rds_has_not_said_to_be_over_is_over_when_the_node_is_well_for_longer_than_a_failover_takes() -> None:
    late_ms = NOW + 120_000
    incident = judged(opened(), WELL, now_ms=late_ms, due_ms=NOW + 300_000)

    assert judged(opened(), WELL, now_ms=late_ms - 1, due_ms=NOW + 300_000) is None
    assert incident is not None
    assert (incident.state, incident.verifying_ms, incident.ended_ms) == (State.RECOVERED, late_ms, late_ms)
    assert incident.notes[-1].what == "i-1 reports itself well, and rds has not said that it is over"


def test_what_is_neither_said_nor_seen_to_be_over_is_a_persons_in_the_end() -> None:
    incident = judged(opened(), WAITS, now_ms=NOW + 300_000, due_ms=NOW + 300_000)

    assert incident is not None
    assert (incident.state, incident.reason) == (State.ESCALATED, f"after 300 s it is not over: {BEGUN.said}")
    long = judged(opened(), WAITS, now_ms=NOW + 900_000, due_ms=NOW + 900_000)
    assert long is not None
    assert long.reason.startswith("after 900 s ")


@pytest.mark.parametrize("word", [replace(DONE, who="ec2"), replace(BEGUN, who="ebs")], ids=["machine", "volume"])
def test_a_machine_or_a_volume_is_watched_further_by_recovery_itself(word: Word) -> None:
    incident = judged(opened(word), replace(WELL, moved=False), now_ms=NOW + 30_000, due_ms=NOW + 30_000)

    assert incident is not None
    assert (incident.state, incident.escalated_to) == (State.ESCALATED, "")
    assert incident.reason.startswith("after 30 s it is ")


OTHERS = [
    (None, "nobody"),
    (replace(PERMIT, instance="i-2", epoch=4), "i-2"),
    (replace(PERMIT, epoch=4), "i-1"),
    (replace(PERMIT, instance="i-2"), "i-2"),
]


@pytest.mark.parametrize(("permit", "holder"), OTHERS)
def test_a_machine_whose_place_another_has_by_now_has_been_replaced(permit: Permit | None, holder: str) -> None:
    moved = opened(replace(DONE, who="ec2"))
    incident = judged(moved, replace(WELL, permit=permit), now_ms=NOW + 50_000, due_ms=NOW + 300_000)

    assert incident is not None
    assert (incident.state, incident.escalated_to) == (State.ESCALATED, "")
    assert incident.reason == f"i-1 was replaced before it was over; {holder} holds the permit"


@pytest.mark.parametrize(("permit", "_"), OTHERS)
def test_a_database_is_away_for_whoever_comes_next_too(permit: Permit | None, _: str) -> None:
    seen = replace(WELL, permit=permit)
    assert judged(verifying(), replace(seen, moved=False), now_ms=NOW + 50_000, due_ms=NOW + 300_000) is None
    late = judged(verifying(), replace(seen, moved=False), now_ms=NOW + 300_000, due_ms=NOW + 300_000)
    assert late is not None
    assert late.escalated_to == "person"
    if permit is None:
        assert "no node is permitted" in late.reason
        return
    well = replace(seen, report=report(instance=permit.instance, epoch=permit.epoch))
    over = judged(verifying(), well, now_ms=NOW + 50_000, due_ms=NOW + 300_000)
    assert over is not None
    assert (over.state, over.notes[-1].what) == (State.RECOVERED, f"{permit.instance} reports itself well")


# --- one of each ----------------------------------------------------------------------------------------------------


def test_what_rds_says_once_more_of_an_end_is_about_the_same_failure() -> None:
    over = ended()
    again = replace(DONE, said="activation completed", at_ms=over.ended_ms + 120_000)

    assert after(over, again, NOW + 200_000) is None
    assert after(over, replace(BEGUN, at_ms=over.ended_ms), NOW + 200_000) is None, "told late"
    assert after(over, replace(again, at_ms=again.at_ms + 1), NOW + 200_000) is not None


@pytest.mark.parametrize(
    "word",
    [replace(BEGUN, at_ms=NOW + 50_001), FAILED],
    ids=["begins after its end", "of no end"],
)
def test_what_comes_to_pass_after_the_end_is_a_new_one_over_the_old(word: Word) -> None:
    over = replace(ended(), revision=5)
    new = after(over, replace(word, at_ms=max(word.at_ms, NOW + 50_001)), NOW + 60_000)

    assert new is not None
    assert (new.id, new.revision) == (f"{NOW + 60_000:013d}-i-1", 5)


def test_a_database_that_a_person_was_called_to_and_that_comes_back_is_told_as_such() -> None:
    failed = after(opened(), FAILED, NOW + 51_000)
    assert failed is not None

    back = after(failed, replace(DONE, at_ms=NOW + 52_000), NOW + 52_000)
    assert back is not None
    assert (back.state, back.ended) == (State.VERIFYING, False)
    assert after(failed, replace(FAILED, at_ms=NOW + 52_000), NOW + 52_000) is None
    assert after(failed, replace(BEGUN, at_ms=NOW + 52_000), NOW + 52_000) is not None


# --- nobody is left alone -------------------------------------------------------------------------------------------


def left(incident: Incident | None, after_s: float) -> str | None:
    return left_alone(incident, Policy(), now_ms=NOW + round(after_s * 1000))


def test_who_takes_one_up_late_looks_long_enough_to_see_the_node_report() -> None:
    incident = opened()

    assert due_ms(incident, Policy(), now_ms=NOW) == NOW + 300_000, "core.policy.Policy.database_s"
    assert due_ms(incident, Policy(), now_ms=NOW + 290_000) == NOW + 320_000
    assert due_ms(replace(incident, woken_by="ec2"), Policy(), now_ms=NOW) == NOW + 30_000


@pytest.mark.parametrize(("who", "limit_s"), [("rds", 300), ("ec2", 30), ("ebs", 30)])
def test_one_that_is_not_over_a_minute_after_its_time_has_lost_whoever_looked_at_it(who: str, limit_s: float) -> None:
    incident = replace(opened(), woken_by=who)

    assert left(incident, limit_s + 60) is None
    assert left(incident, limit_s + 60.001) == f"incident {incident.id}, which AWS mends, is recreating and nobody looks at it"


def test_no_call_looks_for_longer_than_lambda_lets_it_whatever_the_file_says() -> None:
    patient = Policy(database_s=1800)

    assert left_alone(opened(), patient, now_ms=NOW + 900_000) is None
    assert left_alone(opened(), patient, now_ms=NOW + 900_001) is not None


def test_one_whose_end_people_do_not_know_is_taken_up_too() -> None:
    over = replace(ended(), told=("open",))

    assert left(over, 50 + 60) is None
    assert left(over, 50 + 60.001) is not None
    assert left(replace(over, told=("open", "end")), 5000) is None
    assert left(ended(), 5000) is None, "nobody heard of its beginning"
    assert left(None, 5000) is None


def test_each_tenth_minute_it_is_asked_whether_one_was_left_alone() -> None:
    minutes = [is_asked(NOW + minute * 60_000 + 17_000) for minute in range(20)]

    assert minutes == [minute % 10 == 0 for minute in range(20)]
    assert [is_asked(NOW + ms) for ms in (-1, 0, 59_999, 60_000)] == [False, True, True, False]


def test_of_all_that_is_said_of_one_failure_only_the_first_word_has_its_call_look_on() -> None:
    assert opened_by(opened(), BEGUN)
    assert opened_by(verifying(), BEGUN), "told again, for the first call died"
    assert not opened_by(verifying(), DONE)
    assert not opened_by(opened(), replace(BEGUN, who="ebs"))
    late = judged(verifying(), WAITS, now_ms=NOW + 400_000, due_ms=NOW)
    assert late is not None
    assert opened_by(late, BEGUN), "whatever is said of its end"
    long = replace(BEGUN, said="x" * 400)
    assert opened_by(opened(long), long)
    assert after(opened(long), long, NOW + 9) is None


def test_that_rds_gives_the_database_up_is_news_unless_a_person_was_called() -> None:
    over = replace(ended(), state=State.ESCALATED)

    called = after(over, replace(FAILED, at_ms=over.ended_ms), NOW + 60_000)
    assert called is not None
    assert called.escalated_to == "person"
    assert after(replace(over, escalated_to="person"), replace(FAILED, at_ms=over.ended_ms), NOW + 60_000) is None

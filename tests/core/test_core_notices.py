"""What people read, when they have just been woken up: first what to do, then why, and how long each part took."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.recovery.incident import Cause, Incident, State
from core.report.notices import notice
from tests.core.recovery_story import NOW, RECREATING, VERIFYING, incident

RECOVERED = replace(VERIFYING, state=State.RECOVERED, ended_ms=NOW + 2_000, evidence=("evidence/demo/counter/i-0aaa/1.json",))


def ended(state: State, **changes: object) -> Incident:
    return replace(incident(state, ended_ms=NOW), escalated_to="person", **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        (Cause.SIGNALS, "which fails"),
        (Cause.REQUEST, "which fails"),
        (Cause.GONE, "which is gone"),  # by a deploy too
        (Cause.OPERATOR, "as an operator asked"),
        (Cause.ESCALATION, "with the rest of its deployable"),  # nothing is wrong with it
    ],
)
def test_a_beginning_says_why_and_blames_no_machine_that_did_not_fail(cause: Cause, words: str) -> None:
    subject, _ = notice(replace(RECREATING, cause=cause), "open", "so it is")

    assert subject == f"[understudy] demo/counter: replacing i-0aaa, {words}"


def test_a_beginning_says_what_fails_and_that_nothing_need_be_done() -> None:
    subject, message = notice(RECREATING, "open", "EC2 says i-0aaa is terminated")

    assert subject == "[understudy] demo/counter: replacing i-0aaa, which fails"
    assert message.splitlines()[2].startswith("What to do: nothing. Another message follows")
    assert "Why:        EC2 says i-0aaa is terminated" in message
    assert "verify - (until it was seen to serve)" in message


def test_an_end_says_how_long_it_took_and_what_each_part_of_that_was() -> None:
    subject, message = notice(RECOVERED, "end", "EC2 says i-0aaa is terminated")

    assert subject == "[understudy] demo/counter: recovered after 42 s, and serves again"
    assert "What to do: nothing; it serves again." in message
    assert "It took:    detect 35.0 s (until it was noticed), decide 3.0 s (until it was certain), act 1.0 s" in message
    assert "Evidence, in the bucket:\n  evidence/demo/counter/i-0aaa/1.json" in message
    assert f"understudy explain {RECOVERED.id} --deployable demo" in message


@pytest.mark.parametrize(
    ("one", "to_do"),
    [
        (ended(State.EXHAUSTED, reason="meltdown: 6 of 20"), "find what those that failed have in common"),
        (ended(State.ESCALATED, tried=("i-1", "i-2", "i-3")), "mend the image or the release, and deploy"),
        (ended(State.ESCALATED), "look at it: nothing more is done by itself"),
        (
            ended(State.SUPPRESSED, reason="EC2 announces an end for i-0aaa: replace it"),
            "at an hour of your choice: understudy replace i-0aaa",
        ),
        (ended(State.SUPPRESSED, reason="only one signal: silent"), "look at what lies between the prober and the node"),
        (ended(State.SUPPRESSED, reason="pause: new switch (by ann); it is gone"), "left so because somebody asked for that"),
    ],
)
def test_an_end_that_needs_a_person_says_so_in_its_subject_and_what_to_look_at_first(one: Incident, to_do: str) -> None:
    subject, message = notice(one, "end", one.reason)

    assert subject.startswith("[understudy] demo/counter: a person is needed: ")
    assert to_do in message
    assert "understudy re" in message, "the word by which it goes on"


def test_of_a_volume_in_trouble_people_read_that_another_machine_would_not_help() -> None:
    subject, message = notice(
        ended(State.SUPPRESSED, reason="the volume vol-1 was deleted; i-0aaa keeps its state there"), "end", "so it is"
    )

    assert subject == "[understudy] demo/counter: a person is needed: the volume vol-1 was deleted; i-0aaa keeps ..."
    assert message.splitlines()[0].endswith("i-0aaa keeps ..."), "and no full stop more"
    assert "another machine would not mend its volume" in message.split("Why:")[0]


@pytest.mark.parametrize(
    ("what", "to_do"), [("page", "look at the instance in EC2"), ("late", "no capacity"), ("often", "as long as the budget lasts")]
)
def test_a_call_in_between_says_what_to_look_at(what: str, to_do: str) -> None:
    subject, message = notice(RECREATING, what, "it takes long")

    assert "a person is needed" in subject
    assert to_do in message.split("Why:")[0]


def test_what_an_operator_asked_for_is_not_told_as_a_failure() -> None:
    assert "replacing i-0aaa, as an operator asked" in notice(replace(RECREATING, cause=Cause.OPERATOR), "open", "x")[0]


def test_a_failure_that_takes_the_whole_deployable_along_says_so_in_both_of_its_subjects() -> None:
    leading = incident(State.RECREATING, ladder="0001-i-0aaa", leader="counter")

    assert "and the rest of its deployable" in notice(leading, "open", "silent")[0]
    ended = replace(leading, state=State.RECOVERED, ended_ms=NOW)
    assert "its whole deployable serves again" in notice(ended, "end", "silent")[0]


def test_an_end_of_what_came_to_nothing_says_so() -> None:
    subject, message = notice(incident(State.SUPPRESSED, ended_ms=NOW, reason="healthy again: it reports healthy"), "end", "x")

    assert subject == "[understudy] demo/counter: left alone: healthy again: it reports healthy"
    assert "What to do: nothing." in message


def test_a_subject_is_ascii_and_short_enough_for_sns() -> None:
    """https://docs.aws.amazon.com/sns/latest/api/API_Publish.html"""
    subject, _ = notice(ended(State.ESCALATED, reason="Zähler " * 40), "end", "x")

    assert len(subject) < 100
    assert subject.isascii()


def test_a_message_is_plain_text_of_lines_that_a_screen_holds() -> None:
    _, message = notice(RECOVERED, "end", "EC2 says i-0aaa is terminated")

    assert max(len(line) for line in message.splitlines()) < 240
    assert "\t" not in message


def test_what_aws_mends_is_told_as_its_doing_and_no_machine_is_said_to_be_replaced() -> None:
    one = replace(RECREATING, cause=Cause.AWS, reason="the database demo-db: failover started", verifying_ms=0)
    done = replace(one, state=State.VERIFYING, verifying_ms=NOW)

    subject, message = notice(one, "open", one.reason)
    assert subject == "[understudy] demo/counter: AWS is at it: the database demo-db: failover started"
    assert "act - (until AWS said that it was over)" in message
    assert "decide 3.0 s (AWS's word needs no second one)" in message
    assert notice(done, "open", one.reason)[0].endswith("AWS has mended it: the database demo-db: failover started")
    over = replace(done, state=State.RECOVERED, ended_ms=NOW + 2_000)
    assert "recovered after 42 s, and serves again" in notice(over, "end", one.reason)[0]
    left = replace(done, state=State.ESCALATED, ended_ms=NOW, reason="i-1 was replaced")
    assert notice(left, "end", left.reason)[0].endswith("left to recovery: i-1 was replaced")
    called = replace(left, escalated_to="person")
    assert "look at the database in RDS" in notice(called, "end", called.reason)[1]

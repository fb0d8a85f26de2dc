"""An application whose database fails over: told busy, left to reconnect, and restarted only for what is its own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from core.database import Database, Engine
from core.model import Application, Assembly, Tolerance, Verdict
from core.node.database_outage import (
    ANSWER_S,
    DOUBT_S,
    GAP_S,
    RECONNECT_S,
    Heard,
    after_question,
    blamed,
    blames_database,
    excuse,
)
from core.node.decision import AskReplacement, Start, Stop, next_deadline_s
from core.records import Phase
from tests.core.node_story import Story, application, assembly

BUDGET_S = 600.0
DATABASE = Database(engine=Engine.POSTGRES, version="16.4", instance="db.t4g.medium", busy_budget_s=BUDGET_S)


def reaching(*applications: Application) -> Assembly:
    return replace(assembly(*(applications or (application("ledger"),))), database=DATABASE)


def serving(*applications: Application) -> Story:
    story = Story(reaching(*applications), database=Heard())
    story.named()
    story.settle()
    story.healthy(*story.seen)
    story.settle()
    assert (story.now.phase, story.now.verdict) == (Phase.RUNNING, Verdict.HEALTHY)
    return story


def fails(story: Story, name: str = "ledger", why: str = "HTTP 503") -> None:
    story.seen[name] = replace(story.seen[name], verdict=Verdict.FAILING, reason=why, healthy_since_s=None)


def asks(story: Story, why: str | None, *, after_s: float = 1.0) -> list[Any]:
    """A question put now that comes to its end after so long, and the decision then."""
    assert story.database is not None
    asked_s = story.now_s
    story.now_s += after_s
    story.database = after_question(story.database, asked_s=asked_s, now_s=story.now_s, why=why)
    return story.step()


# --- the node ------------------------------------------------------------------------------------------------------------


def test_a_failure_waits_for_the_database_to_be_asked_and_counts_the_moment_that_it_answers() -> None:
    story = serving()
    fails(story)

    assert story.step() == []
    assert story.memory.doubts == {"ledger": story.now_s}
    assert story.now.applications["ledger"] == (Verdict.BUSY, "database: asking whether it answers")
    [stop] = asks(story, None, after_s=0.01)
    assert (stop.name, stop.reason) == ("ledger", "HTTP 503")
    assert story.memory.doubts == {}


def test_while_the_database_is_silent_its_application_is_busy_and_not_restarted_however_often_it_fails() -> None:
    story = serving()
    fails(story)
    story.step()

    for _ in range(100):
        assert asks(story, "no answer within 2 s") == []
    assert story.now.applications["ledger"] == (Verdict.BUSY, "database: it does not answer (no answer within 2 s)")
    assert (story.now.phase, story.now.verdict) == (Phase.RUNNING, Verdict.BUSY)
    assert story.memory.histories["ledger"].failed_at_s == ()


def test_once_it_answers_again_the_application_has_time_to_reconnect_and_is_well_without_a_restart() -> None:
    story = serving()
    fails(story)
    story.step()
    asks(story, "timed out")

    assert asks(story, None) == []
    assert story.now.applications["ledger"] == (Verdict.BUSY, "database: it answers again, time to reconnect")
    story.healthy("ledger")
    assert story.step(5.0) == []
    assert story.now.verdict is Verdict.HEALTHY
    assert story.memory.doubts == {}
    assert story.seen["ledger"].run == 1


def test_an_application_that_does_not_reconnect_in_time_is_restarted_for_that() -> None:
    story = serving()
    fails(story)
    story.step()
    asks(story, "timed out")
    asks(story, None)

    assert story.step(RECONNECT_S - 1) == []
    [stop] = story.step(1)
    assert isinstance(stop, Stop)


def test_beyond_its_budget_the_silence_is_a_failure_that_names_the_database_up_to_the_request_for_another_machine() -> None:
    story = serving()
    fails(story)
    story.step()
    asks(story, "timed out")
    for _ in range(int(BUDGET_S) + 1):
        story.seen["ledger"] = replace(story.seen["ledger"], verdict=Verdict.FAILING, reason="HTTP 503")
        found = asks(story, "timed out")
        if found:
            break
    [stop] = found

    assert stop.reason == "database: it has not answered for 600 s, which is its budget (timed out); HTTP 503"
    requests: list[AskReplacement] = []
    for _ in range(200):
        story.ends("ledger", "killed by SIGTERM")
        actions = asks(story, "timed out")
        requests += [action for action in actions if isinstance(action, AskReplacement)]
        if requests:
            break
    assert blames_database(requests[0].reason)


def test_a_silence_goes_on_while_an_application_that_was_restarted_for_it_has_not_failed_again_yet() -> None:
    """Its start takes longer than a question stays fresh: with a new budget for each restart it would never come to a request."""
    story = serving(application("ledger", start_timeout_s=30.0, tolerance=Tolerance(2, 300.0)))
    fails(story)
    story.step()
    for _ in range(int(BUDGET_S) + 2):
        if asks(story, "timed out"):
            break
    beyond_s, requests = story.now_s, list[AskReplacement]()
    while not requests and story.now_s - beyond_s < 3 * BUDGET_S:
        if story.seen["ledger"].stopping:
            story.ends("ledger", "stopped")
        actions = asks(story, "timed out") if story.memory.doubts else story.step(1.0)
        requests += [action for action in actions if isinstance(action, AskReplacement)]

    assert blames_database(requests[0].reason)
    assert story.now_s - beyond_s < 120


def test_an_application_that_is_well_again_without_its_database_raises_no_doubt() -> None:
    story = serving()
    fails(story)
    story.step()
    asks(story, "timed out")

    story.healthy("ledger")
    story.step()

    assert story.memory.doubts == {}


def test_an_application_that_ends_for_want_of_its_database_is_started_again_when_that_is_back_and_has_not_failed() -> None:
    story = serving()
    story.ends("ledger", "exited with status 1")
    assert story.step() == []
    assert asks(story, "timed out") == []
    assert story.now.applications["ledger"] == (
        Verdict.BUSY,
        "database: it does not answer (timed out); not running: exited with status 1",
    )

    assert asks(story, None) == [Start("ledger", 1)]
    assert story.memory.histories["ledger"].failed_at_s == ()


def test_an_application_that_cannot_start_without_its_database_is_waited_for() -> None:
    story = Story(reaching(application("ledger", start_timeout_s=20.0)), database=Heard())
    story.named()
    story.settle()
    assert story.step(20.0) == []
    assert asks(story, "timed out") == []
    assert story.now.applications["ledger"][0] is Verdict.BUSY

    asks(story, None)
    story.healthy("ledger")
    assert story.step() == []
    assert story.now.verdict is Verdict.HEALTHY


def test_an_asker_that_hangs_holds_nobody_up_for_long() -> None:
    story = serving()
    fails(story)
    story.step()

    assert story.step(DOUBT_S - 0.1) == []
    [stop] = story.step(0.1)
    assert isinstance(stop, Stop)


def test_without_a_database_a_failure_counts_at_once() -> None:
    story = Story(assembly(application("ledger")), database=Heard())
    story.named()
    story.settle()
    story.healthy("ledger")
    story.settle()
    fails(story)

    [stop] = story.step()
    assert isinstance(stop, Stop)


def test_the_clock_alone_ends_an_excuse() -> None:
    story = serving()
    fails(story)
    story.step()
    assert next_deadline_s(story.memory, story.snapshot(), story.assembly) == story.now_s + DOUBT_S

    asked_s = story.now_s
    asks(story, "timed out")
    assert next_deadline_s(story.memory, story.snapshot(), story.assembly) == asked_s + DOUBT_S
    story.now_s = asked_s + DOUBT_S
    assert next_deadline_s(story.memory, story.snapshot(), story.assembly) == asked_s + BUDGET_S


# --- what was heard -------------------------------------------------------------------------------------------------------


def test_a_silence_begins_with_the_first_question_that_was_not_answered_and_a_long_pause_begins_another() -> None:
    heard = after_question(Heard(), asked_s=100.0, now_s=102.0, why="timed out")
    heard = after_question(heard, asked_s=103.0, now_s=105.0, why="refused")
    assert (heard.silent_since_s, heard.why) == (100.0, "refused")

    later = after_question(heard, asked_s=103.0 + GAP_S + 1, now_s=200.0, why="timed out")
    assert later.silent_since_s == 103.0 + GAP_S + 1


@pytest.mark.parametrize(
    ("heard", "doubted_s", "now_s", "expected"),
    [
        pytest.param(Heard(), 100.0, 100.0, "database: asking whether it answers", id="nobody has asked yet"),
        pytest.param(Heard(asked_s=99.0), 100.0, 101.0, "database: asking whether it answers", id="asked before the doubt"),
        pytest.param(Heard(), 100.0, 100.0 + DOUBT_S, None, id="the asker hangs"),
        pytest.param(Heard(asked_s=100.0), 100.0, 100.0 + ANSWER_S, None, id="it answers, and always did"),
        pytest.param(Heard(asked_s=100.0, silent_since_s=100.0, why="x"), 100.0, 699.9, "database: it does not answer (x)", id="silent"),
        pytest.param(Heard(asked_s=699.0, silent_since_s=100.0, why="x"), 100.0, 700.0, None, id="silent beyond the budget"),
        pytest.param(Heard(asked_s=110.0, back_s=110.0), 100.0, 111.0, "database: it answers again, time to reconnect", id="back"),
        pytest.param(Heard(asked_s=110.0, back_s=110.0), 100.0, 110.0 + RECONNECT_S, None, id="back for long enough"),
    ],
)
def test_excuse(heard: Heard, doubted_s: float, now_s: float, expected: str | None) -> None:
    assert excuse(heard, doubted_s=doubted_s, budget_s=BUDGET_S, now_s=now_s) == expected


def test_only_a_silent_database_is_blamed() -> None:
    assert blamed(Heard(asked_s=1.0), "HTTP 503", budget_s=BUDGET_S) == "HTTP 503"
    assert not blames_database("HTTP 503")
    assert blames_database("4 failures in 300 s, 3 are tolerated; the last: database: it has not answered for 600 s")

"""What an operator holds down stays down, ends in order, and is no failure."""

from __future__ import annotations

from dataclasses import replace

from core.model import Tolerance, Verdict
from core.node.decision import Hold, Start, Stop
from core.records import Phase
from tests.core.node_story import application, running


def test_an_application_taken_offline_is_stopped_gracefully_and_held_down() -> None:
    story = running(application("web"), application("db"))
    story.held["web"] = Hold()

    assert story.step() == [Stop("web", 10.0, "an operator takes it offline", drain=True)]
    assert story.step(after_s=1) == []
    story.ends("web", "killed by SIGTERM")
    assert story.step(after_s=3600) == []
    assert story.now.applications == {"web": (Verdict.UNKNOWN, "held offline by an operator"), "db": (Verdict.HEALTHY, "")}
    assert story.now.phase is Phase.RUNNING
    assert story.memory.histories["web"].in_a_row == 0, "no failure"


def test_brought_online_it_starts_at_once_whatever_it_did_before() -> None:
    story = running(application("web", tolerance=Tolerance(0, 300)))
    story.ends("web")
    story.step()
    assert story.now.reason.endswith("next start in 30.0 s")
    story.held["web"] = Hold()
    story.step()
    del story.held["web"]

    assert story.step() == [Start("web", 1)]


def test_all_are_taken_offline_in_reverse_of_their_start_order() -> None:
    story = running(application("web", after=("db",)), application("db"))
    story.held = {"web": Hold(), "db": Hold()}

    assert [stop.name for stop in story.step()] == ["web"]
    assert story.step() == []
    story.ends("web")
    assert [stop.name for stop in story.step()] == ["db"]


def test_cleaned_it_is_killed_at_once_also_while_it_is_being_stopped() -> None:
    story = running()
    story.held["web"] = Hold()
    story.step()
    story.held["web"] = Hold(hard=True)

    assert story.step() == [Stop("web", 0.0, "an operator cleans it")]


def test_what_was_held_and_let_go_before_it_was_stopped_runs_on() -> None:
    story = running(application("web", after=("db",)), application("db"))
    story.held = {"web": Hold(), "db": Hold()}
    story.step()
    del story.held["db"]
    story.ends("web")

    assert story.step() == []
    assert story.now.applications["db"] == (Verdict.HEALTHY, "")


def test_a_hold_is_heeded_by_an_agent_that_has_not_read_its_permit_yet() -> None:
    story = running()
    story.memory = replace(story.memory, confirmed=False)
    story.permit = None
    story.held["web"] = Hold()

    assert [type(action) for action in story.step()] == [Stop]


def test_what_comes_after_a_held_one_waits_for_it() -> None:
    story = running(application("web", after=("db",)), application("db"))
    story.held["db"] = Hold()
    story.step()
    story.ends("db")
    story.ends("web")

    assert story.step() == []
    assert story.now.applications["web"][0] is Verdict.FAILING
    del story.held["db"]
    assert story.step() == [Start("db", 1)]

"""What a node does next, told as stories: one snapshot after the other, a clock turned by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.model import Tolerance, Verdict
from core.node.decision import LEAVE_BUDGET_S, AskReplacement, GiveUp, Memory, Start, Stop, next_deadline_s
from core.records import Phase
from tests.core.node_story import ME, OTHER, Story, application, assembly, running

# --- permit before start -----------------------------------------------------------------------------------


def test_without_a_permit_nothing_is_started_and_the_agent_is_well() -> None:
    story = Story(assembly(application("web")))

    assert story.step() == []
    assert (story.now.phase, story.now.epoch, story.now.verdict) == (Phase.WAITING, 0, Verdict.HEALTHY)


def test_a_permit_in_anothers_name_starts_nothing() -> None:
    story = Story(assembly(application("web")))
    story.named(OTHER, epoch=7)

    assert story.step() == []
    assert (story.now.phase, story.now.epoch) == (Phase.WAITING, 0)


def test_the_permit_starts_the_applications_under_its_epoch() -> None:
    story = Story(assembly(application("web")))
    story.named(epoch=7)

    assert story.step() == [Start("web", 7)]
    assert story.step() == []
    assert (story.now.phase, story.now.epoch, story.now.verdict) == (Phase.STARTING, 7, Verdict.UNKNOWN)
    story.healthy("web")
    assert story.step() == []
    assert (story.now.phase, story.now.verdict) == (Phase.RUNNING, Verdict.HEALTHY)


def test_an_application_starts_after_those_it_names_are_up() -> None:
    story = Story(assembly(application("web", after=("db",)), application("db")))
    story.named()

    assert story.step() == [Start("db", 1)]
    assert story.step() == []
    assert story.now.applications["web"] == (Verdict.UNKNOWN, "waits for db")
    story.healthy("db")
    assert story.step() == [Start("web", 1)]


# --- superseded, released, cut off ------------------------------------------------------------------------


def test_a_higher_epoch_in_anothers_name_stops_everything_at_once() -> None:
    story = running(application("web", after=("db",)), application("db"))
    story.named(OTHER, epoch=2)

    stops = story.step()
    assert {(stop.name, stop.grace_s) for stop in stops} == {("web", 0.0), ("db", 0.0)}
    assert story.now.phase is Phase.STOPPING
    story.ends("web")
    story.ends("db")
    assert story.step() == [GiveUp(1)]
    assert (story.now.phase, story.now.epoch) == (Phase.RELEASED, 1)


def test_the_same_epoch_in_anothers_name_stops_too_for_none_is_better_than_two() -> None:
    story = running()
    story.named(OTHER, epoch=1)

    assert [type(action) for action in story.step()] == [Stop]


def test_an_older_permit_is_not_heeded() -> None:
    story = running(epoch=5)
    story.named(OTHER, epoch=4)

    assert story.step() == []
    assert story.now.phase is Phase.RUNNING


def test_a_permit_that_disappears_takes_nothing_back() -> None:
    story = running()
    story.permit = None

    assert story.step(after_s=3600) == []
    assert story.now.phase is Phase.RUNNING


def test_a_newer_permit_in_the_same_name_restarts_under_the_new_epoch() -> None:
    story = running(epoch=1)
    story.named(epoch=3)

    assert [type(action) for action in story.step()] == [Stop]
    story.ends("web", "killed by SIGTERM")
    assert story.step() == [Start("web", 3)]
    assert story.memory.histories["web"].in_a_row == 0, "our own stop is no failure"


def test_what_was_given_up_is_never_taken_up_again() -> None:
    story = Story(assembly(application("web")), memory=Memory(instance=ME, given_up=5))
    story.named(epoch=5)

    assert story.step() == []
    assert (story.now.phase, story.now.epoch) == (Phase.RELEASED, 5)
    story.named(epoch=6)
    assert story.step() == [Start("web", 6)]


def test_target_state_terminated_goes_offline_in_reverse_order_and_releases() -> None:
    story = running(application("web", after=("db",)), application("db", stop_timeout_s=3.0))
    story.terminating = True

    assert story.step() == [Stop("web", 10.0, "Auto Scaling's target lifecycle state is Terminated", drain=True)]
    assert story.step(after_s=1) == [], "one after the other"
    story.ends("web")
    assert [(action.name, action.grace_s) for action in story.step()] == [("db", 3.0)]
    story.ends("db")
    assert story.step() == [GiveUp(1)]
    assert (story.now.phase, story.now.epoch, story.now.verdict) == (Phase.RELEASED, 1, Verdict.FAILING)


def test_a_waiting_node_that_is_to_go_releases_what_it_may_still_be_given() -> None:
    story = Story(assembly(application("web")), terminating=True)
    assert story.step() == []
    assert (story.now.phase, story.now.epoch) == (Phase.RELEASED, 0)

    story.named(epoch=9)
    assert story.step() == [GiveUp(9)]
    assert (story.now.phase, story.now.epoch) == (Phase.RELEASED, 9)


def test_leaving_is_bounded() -> None:
    story = running(application("web", stop_timeout_s=600.0))
    story.terminating = True

    assert story.step()[0].grace_s == LEAVE_BUDGET_S
    assert [(action.name, action.grace_s) for action in story.step(after_s=LEAVE_BUDGET_S)] == [("web", 0.0)]


@pytest.mark.parametrize(("rebooting", "phase"), [(True, Phase.STOPPING), (False, Phase.RELEASED)])
def test_a_machine_that_goes_down_stops_its_applications_and_gives_the_permit_up_only_when_it_stays_down(
    rebooting: bool, phase: Phase
) -> None:
    story = running()
    story.stop_asked, story.powering_off, story.rebooting = True, not rebooting, rebooting

    assert [type(action) for action in story.step()] == [Stop]
    assert story.last is not None
    assert not story.last.finished
    story.ends("web")
    story.step()
    assert story.now.phase is phase
    assert story.last.finished


def test_an_agent_that_is_told_to_stop_leaves_what_runs_running_and_begins_nothing_more() -> None:
    story = running(application("web"), application("db"))
    story.ends("db")
    story.stop_asked = True

    assert story.step() == []
    assert story.last is not None
    assert story.last.finished
    assert (story.now.phase, story.now.applications["web"]) == (Phase.RUNNING, (Verdict.HEALTHY, ""))


def test_an_agent_that_is_told_to_stop_while_it_is_superseded_stops_everything_first() -> None:
    story = running()
    story.named(OTHER, epoch=2)
    story.stop_asked = True

    (stop,) = story.step()
    assert stop.grace_s == 0.0
    assert story.last is not None
    assert not story.last.finished
    story.ends("web")
    assert story.step() == [GiveUp(1)]
    assert story.last.finished


# --- failures ----------------------------------------------------------------------------------------------


def test_the_first_failure_is_answered_in_the_same_decision() -> None:
    story = running()
    story.ends("web", "killed by SIGKILL")

    assert story.step() == [Start("web", 1)]
    assert (story.now.phase, story.now.verdict) == (Phase.RUNNING, Verdict.FAILING)
    assert story.now.reason == "web: killed by SIGKILL; starting again"
    story.healthy("web")
    story.step()
    assert story.now.verdict is Verdict.HEALTHY


def test_a_death_is_told_at_once_while_what_the_program_left_is_still_being_cleaned() -> None:
    story = running()
    story.seen["web"] = replace(story.seen["web"], stopping=True)

    assert story.step() == []
    assert story.now.applications["web"] == (Verdict.FAILING, "its program has ended; what it left is being cleaned")


def test_the_second_failure_in_a_row_waits_and_says_so() -> None:
    story = running()
    story.ends("web")
    story.step()
    story.ends("web")

    assert story.step() == []
    assert story.now.reason == "web: exited with status 1; next start in 0.5 s"
    assert next_deadline_s(story.memory, story.snapshot(), story.assembly) == story.now_s + 0.5
    assert story.step(after_s=0.5) == [Start("web", 1)]


def test_over_its_tolerance_the_node_asks_to_be_replaced_and_goes_on_trying() -> None:
    story = running(application("web", tolerance=Tolerance(1, 300)))
    story.ends("web")
    story.step()
    story.ends("web", "exited with status 9")

    (asked,) = story.step()
    assert isinstance(asked, AskReplacement)
    assert asked.name == "web"
    assert asked.reason.endswith("the last: exited with status 9")
    assert story.step(after_s=10) == [], "asked once for each failure"
    assert story.step(after_s=20) == [Start("web", 1)]


def test_an_application_whose_probes_fall_is_stopped_and_started_again() -> None:
    story = running()
    story.seen["web"] = replace(story.seen["web"], verdict=Verdict.FAILING, reason="HTTP 500")

    assert story.step() == [Stop("web", 10.0, "HTTP 500")]
    assert story.step() == []
    assert story.now.reason == "web: HTTP 500; stopping"
    story.ends("web", "killed by SIGTERM")
    assert story.step() == [Start("web", 1)]
    assert story.memory.histories["web"].in_a_row == 1, "one failure, counted once"


@pytest.mark.parametrize("verdict", [Verdict.BUSY, Verdict.UNKNOWN])
def test_busy_and_unknown_are_never_a_reason_to_stop(verdict: Verdict) -> None:
    story = running()
    story.seen["web"] = replace(story.seen["web"], verdict=verdict, reason="cannot tell")

    assert story.step(after_s=3600) == []


def test_a_start_that_never_becomes_healthy_is_a_failure() -> None:
    story = Story(assembly(application("web", start_timeout_s=30.0)))
    story.named()
    story.step()
    story.seen["web"] = replace(story.seen["web"], reason="connection refused")

    assert next_deadline_s(story.memory, story.snapshot(), story.assembly) == story.now_s + 30
    (stop,) = story.step(after_s=30)
    assert stop == Stop("web", 10.0, "not healthy 30 s after its start: connection refused")


def test_one_failing_application_makes_the_node_failing_and_leaves_the_other_alone() -> None:
    story = running(application("web"), application("db"))
    story.ends("db")

    assert story.step() == [Start("db", 1)]
    assert story.now.verdict is Verdict.FAILING
    assert story.now.applications["web"] == (Verdict.HEALTHY, "")


def test_a_machine_that_is_prepared_for_the_warm_pool_runs_nothing_says_so_and_still_says_so_when_it_is_stopped() -> None:
    """Else its last word would be that it released what it never had, and it would be refused when it comes back."""
    story = Story(assembly(application("web")), prepared=True)

    assert story.step() == []
    assert (story.now.phase, story.now.epoch, story.now.verdict) == (Phase.PREPARED, 0, Verdict.HEALTHY)
    story.stop_asked = story.powering_off = True
    assert story.step() == []
    assert (story.now.phase, story.now.epoch) == (Phase.PREPARED, 0)
    assert story.last is not None
    assert story.last.finished


def test_a_machine_that_comes_out_of_the_warm_pool_waits_for_its_permit_and_takes_it_up() -> None:
    story = Story(assembly(application("web")), prepared=True)
    story.step()
    story.prepared = False
    assert story.step() == []
    assert story.now.phase is Phase.WAITING

    story.named(epoch=7)
    assert story.step() == [Start("web", 7)]


def test_a_permit_counts_for_more_than_what_the_metadata_says_of_a_warm_pool() -> None:
    """A node that serves is not stopped for a word of the metadata service; and none is permitted while it is prepared."""
    story = running(application("web"))
    story.prepared = True

    assert story.step() == []
    assert story.now.phase is Phase.RUNNING

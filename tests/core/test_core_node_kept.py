"""What keeping its state means for a node: nothing starts without it, nothing leaves before it is saved."""

from __future__ import annotations

from core.model import Verdict
from core.node.decision import GiveUp, Kept, Start, Stop
from core.node.kept import SAVE_BUDGET_S
from core.records import Phase
from tests.core.node_story import Story, application, assembly, running


def test_nothing_is_started_before_the_state_is_there() -> None:
    story = Story(assembly(application("web")))
    story.named(epoch=3)
    story.kept = Kept(why="save 7 of epoch 2 is being restored")
    assert story.step() == []
    assert (story.now.phase, story.now.verdict) == (Phase.STARTING, Verdict.UNKNOWN)
    assert "save 7 of epoch 2 is being restored" in story.now.reason

    story.kept = Kept(epoch=3)
    assert story.step() == [Start("web", 3)]


def test_state_that_cannot_be_had_is_a_failure_and_says_why() -> None:
    story = Story(assembly(application("web")))
    story.named()
    story.kept = Kept(why="piece 1-1/x is not there", broken=True)
    assert story.step() == []
    assert (story.now.verdict, story.now.reason) == (Verdict.FAILING, "its state is not there: piece 1-1/x is not there")


def test_saves_that_fail_are_said_and_make_nothing_failing() -> None:
    story = running(application("web"))
    story.kept = Kept(epoch=1, trouble="its state is not saved for 60 s: SlowDown")
    assert story.step() == []
    assert (story.now.verdict, story.now.reason) == (Verdict.HEALTHY, "its state is not saved for 60 s: SlowDown")
    assert story.now.applications["web"] == (Verdict.HEALTHY, "its state is not saved for 60 s: SlowDown")


def test_a_node_whose_writes_are_refused_stops_at_once() -> None:
    story = running(application("web"))
    story.kept = Kept(epoch=1, superseded="superseded: the saved state is of epoch 2, by i-other")
    [stop] = story.step()
    assert isinstance(stop, Stop)
    assert (stop.name, stop.grace_s) == ("web", 0.0)
    story.ends("web")
    assert story.step() == [GiveUp(1)]


def test_a_refusal_under_an_older_permit_means_nothing_for_a_new_one() -> None:
    story = Story(assembly(application("web")))
    story.named(epoch=5)
    story.kept = Kept(epoch=3, superseded="superseded: the saved state is of epoch 4, by i-other")
    assert story.step() == []
    assert story.now.phase is Phase.STARTING
    story.kept = Kept(epoch=5)
    assert story.step() == [Start("web", 5)]


def finished(story: Story) -> bool:
    return story.last is not None and story.last.finished


def stopped() -> Story:
    story = running(application("web"))
    story.kept = Kept(epoch=1, began_s=story.now_s)
    story.terminating = True
    assert len(story.step(1.0)) == 1
    story.ends("web")
    return story


def test_a_clean_stop_releases_the_permit_only_after_a_save_that_began_when_nothing_ran_any_more() -> None:
    story = stopped()
    assert story.step(1.0) == []
    assert (story.now.phase, story.now.reason.endswith("nothing runs, its state is being saved")) == (Phase.STOPPING, True)
    quiet_s = story.now_s
    story.kept = Kept(epoch=1, began_s=quiet_s - 0.5)
    assert story.step(1.0) == [], "it may have begun before the last write"
    story.kept = Kept(epoch=1, began_s=quiet_s)
    assert story.step(1.0) == [GiveUp(1)]
    assert story.now.phase is Phase.RELEASED


def test_a_save_that_does_not_come_is_not_waited_for_for_ever() -> None:
    story = stopped()
    assert story.step(SAVE_BUDGET_S - 2.0) == []
    assert story.step(2.0) == [GiveUp(1)]


def test_a_machine_that_reboots_saves_first_and_keeps_its_permit() -> None:
    story = running(application("web"))
    story.kept = Kept(epoch=1)
    story.stop_asked = story.rebooting = True
    story.step()
    story.ends("web")
    story.step()
    assert not finished(story)
    story.kept = Kept(epoch=1, began_s=story.now_s)
    assert story.step() == [], "the permit is not given up"
    assert finished(story)


def test_an_agent_that_leaves_applications_running_waits_for_no_save() -> None:
    story = running(application("web"))
    story.kept = Kept(epoch=1)
    story.stop_asked = True
    story.step()
    assert finished(story)

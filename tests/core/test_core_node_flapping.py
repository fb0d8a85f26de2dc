"""A node whose application goes up and down: damping spreads its restarts, and never hides that it is dead."""

from __future__ import annotations

from core.application import Tolerance
from core.model import Verdict
from core.node.damping import is_flapping
from core.node.supervision import CEILING_S, penalty_now
from tests.core.node_story import Story, application, running

UP_S = 20.0
TOLERANT = application("web", tolerance=Tolerance(None, 300.0))


def dies(story: Story) -> list[str]:
    """After UP_S of health; what is started in the same decision."""
    story.now_s += UP_S
    story.ends("web", "killed by SIGKILL")
    story.step()
    return story.started


def comes_back(story: Story) -> float:
    """Healthy again; the seconds until it was started again."""
    died_s = story.now_s
    while not story.seen["web"].alive:
        story.step(0.5)
        assert story.now_s - died_s <= CEILING_S + 1.0, "it never stops trying"
    story.healthy("web")
    story.step()
    return story.now_s - died_s


def test_a_hard_death_is_failing_in_the_same_decision_however_often_it_flapped() -> None:
    story = running(TOLERANT)
    for _ in range(20):
        dies(story)
        assert story.now.applications["web"][0] is Verdict.FAILING
        assert "killed by SIGKILL" in story.now.applications["web"][1]
        assert story.now.verdict is Verdict.FAILING
        comes_back(story)
        assert story.now.applications["web"][0] is Verdict.HEALTHY, "and well as soon as it is: a penalty is no verdict"


def test_it_is_failing_for_as_long_as_its_restart_waits() -> None:
    story = running(TOLERANT)
    for _ in range(8):
        dies(story)
        comes_back(story)
    dies(story)
    while not story.started:
        assert story.now.applications["web"][0] is Verdict.FAILING
        story.step(0.5)


def test_restarts_of_one_that_dies_every_20_s_are_bounded_and_its_penalty_is_to_be_seen() -> None:
    story = running(TOLERANT)
    assert dies(story) == ["web"], "the first restart is immediate"
    waits_s = [comes_back(story)]
    for _ in range(12):
        assert dies(story) == []
        waits_s.append(comes_back(story))

    assert waits_s == sorted(waits_s)
    assert waits_s[-1] >= CEILING_S
    history = story.memory.histories["web"]
    assert is_flapping(penalty_now(history, story.now_s))
    assert history.asks is None, "any number is tolerated"


def test_its_node_asks_to_be_replaced_only_past_its_tolerance() -> None:
    story = running(application("web", tolerance=Tolerance(3, 300.0)))
    asked = []
    for _ in range(4):
        dies(story)
        asked.append(story.memory.histories["web"].asks is not None)
        comes_back(story)

    assert asked == [False, False, False, True]

"""What a node does with what a former life of its agent left: it goes on, is adopted, or cannot be told of."""

from __future__ import annotations

from dataclasses import replace

from core.model import Tolerance, Verdict
from core.node.decision import AskReplacement, GiveUp, Memory, Seen, Start, Stop, next_deadline_s
from core.node.running import ASK_AGAIN_S, CANNOT_TELL_S
from core.node.supervision import History
from core.records import Phase
from tests.core.node_story import ME, OTHER, Story, application, assembly, running

ADOPTED = Seen(run=4, epoch=3, alive=True, started_at_s=100.0, ready=True, verdict=Verdict.HEALTHY, adopted=True)
UNTOLD = Seen(run=4, epoch=3, cannot_tell="systemd does not answer")


def returned(*applications: object, seen: Seen = ADOPTED, **memory: object) -> Story:
    """An agent that has just come back and found `web`."""
    whole = assembly(*(applications or (application("web"),)))  # type: ignore[arg-type]
    return Story(whole, memory=replace(Memory(instance=ME, epoch=3, newest=3), **memory), seen={"web": seen})  # type: ignore[arg-type]


def test_what_a_former_life_started_goes_on_before_the_permit_was_read_and_after() -> None:
    story = returned()

    assert story.step(after_s=3600) == []
    assert (story.now.phase, story.now.epoch, story.now.verdict) == (Phase.RUNNING, 3, Verdict.HEALTHY)
    story.named(epoch=3)
    assert story.step() == []
    assert (story.now.phase, story.now.epoch, story.now.verdict) == (Phase.RUNNING, 3, Verdict.HEALTHY)


def test_before_the_permit_was_read_nothing_is_started_whatever_the_disk_says() -> None:
    story = returned(application("web"), application("db"))

    assert story.step() == []
    assert story.now.applications["db"] == (
        Verdict.UNKNOWN,
        "not running; not started: the agent has not read its permit since it came back",
    )
    story.ends("web")
    assert story.step(after_s=60) == []
    assert story.now.applications["web"][0] is Verdict.FAILING
    story.named(epoch=3)
    assert story.step() == [Start("web", 3), Start("db", 3)]


def test_a_permit_that_went_to_another_meanwhile_ends_what_goes_on_here() -> None:
    story = returned()
    story.step()
    story.named(OTHER, epoch=4)

    assert [(stop.name, stop.grace_s) for stop in story.step()] == [("web", 0.0)]
    story.ends("web")
    assert story.step() == [GiveUp(3)]


def test_what_goes_on_under_an_epoch_that_was_given_up_is_ended() -> None:
    story = returned(given_up=3)

    assert [type(action) for action in story.step()] == [Stop]


def test_what_was_started_under_an_older_epoch_is_restarted_under_the_new_one() -> None:
    story = returned()
    story.named(epoch=5)

    assert story.step() == [Stop("web", 10.0, "started under epoch 3, the permit's is 5", drain=True)]
    story.ends("web")
    assert story.step() == [Start("web", 5)]


def test_what_lives_without_a_note_of_its_epoch_waits_for_the_permit_to_say() -> None:
    story = returned(seen=replace(ADOPTED, epoch=0), epoch=0, newest=0)

    assert story.step(after_s=3600) == []
    story.named(OTHER, epoch=9)
    assert [type(action) for action in story.step()] == [Stop]


def test_failures_counted_before_the_agent_came_back_stay_counted() -> None:
    history = History(failed_at_s=(90.0, 95.0), in_a_row=2, last="exited with status 1")
    story = returned(application("web", tolerance=Tolerance(2, 300)), histories={"web": history}, counted={"web": 3})
    story.named(epoch=3)
    story.step()
    story.ends("web", "ended while no agent was there")

    asked = story.step()
    assert [type(action) for action in asked] == [AskReplacement]
    assert "3 failures in 300 s" in asked[0].reason


def test_a_stop_that_the_agents_own_death_interrupted_is_taken_up_again() -> None:
    history = History(failed_at_s=(99.0,), in_a_row=1, last="HTTP 500")
    story = returned(histories={"web": history}, counted={"web": 4})
    story.named(epoch=3)

    assert story.step() == [Stop("web", 10.0, "HTTP 500")]
    story.ends("web")
    assert story.step() == [Start("web", 3)]
    assert story.memory.histories["web"].in_a_row == 1, "one failure, counted once"


# --- what cannot be told ----------------------------------------------------------------------------------------


def test_what_may_still_run_is_not_started_again_and_another_node_is_asked_for() -> None:
    story = returned(application("web"), application("db"), seen=UNTOLD)
    story.named(epoch=3)

    assert story.step() == [Start("db", 3)], "what can be told goes its way"
    story.healthy("db")
    told = "cannot tell whether it runs, so it is not started: systemd does not answer"
    assert story.now.applications["web"] == (Verdict.UNKNOWN, told)
    assert next_deadline_s(story.memory, story.snapshot(), story.assembly) == story.now_s + CANNOT_TELL_S
    (asked,) = story.step(after_s=CANNOT_TELL_S)
    assert asked == AskReplacement("web", "it cannot be told whether a former run still lives: systemd does not answer")
    assert story.step(after_s=ASK_AGAIN_S - 1) == []
    assert story.step(after_s=1) == [asked], "while nobody answers it is asked again"


def test_what_can_be_told_after_all_is_taken_up() -> None:
    story = returned(seen=UNTOLD)
    story.named(epoch=3)
    story.step()
    story.seen["web"] = ADOPTED

    assert story.step(after_s=CANNOT_TELL_S) == [], "nobody is asked any more"
    assert story.now.verdict is Verdict.HEALTHY


def test_a_permit_is_not_released_while_something_may_still_run() -> None:
    story = returned(seen=UNTOLD)
    story.named(epoch=3)
    story.terminating = True

    assert story.step() == []
    assert story.now.phase is Phase.STOPPING
    assert "not released: it cannot be told whether web still runs" in story.now.reason
    story.seen["web"] = replace(UNTOLD, cannot_tell=None)
    assert story.step() == [GiveUp(3)]


# --- up, degraded, failed -----------------------------------------------------------------------------------------


def test_a_start_that_comes_up_degraded_is_a_failure() -> None:
    story = Story(assembly(application("web")))
    story.named()
    story.step()
    story.healthy("web")
    story.seen["web"] = replace(story.seen["web"], degraded="exit code 190")

    assert story.step() == [Stop("web", 10.0, "came up degraded: exit code 190")]
    assert story.now.phase is Phase.STARTING


def test_a_start_of_its_own_that_is_still_under_way_is_not_up_and_has_its_deadline() -> None:
    story = Story(assembly(application("web", after=("db",)), application("db", start_timeout_s=20.0)))
    story.named()
    story.step()
    story.healthy("db")
    story.seen["db"] = replace(story.seen["db"], started=False)

    assert story.step() == [], "web waits for it"
    assert story.step(after_s=20) == [Stop("db", 10.0, "not started 20 s after its start: ")]


def test_it_goes_on_trying_at_its_ceiling_while_its_request_is_unanswered() -> None:
    story = running(application("web", tolerance=Tolerance(0, 300)))
    starts = 0
    for _ in range(100):
        story.ends("web")
        story.step(after_s=5)
        starts += len(story.started)
    assert starts >= 10, "500 s hold some sixteen ceilings of 30 s"

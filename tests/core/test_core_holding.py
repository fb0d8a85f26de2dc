"""When Auto Scaling is held still: told apart from what others hold, recorded before it is done, and let go in the end.

https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-suspend-resume-processes.html
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from core.items import BadRecord
from core.lifecycle.holding import LANDS_S, PAUSED, SPENT, Held, Hold, Release, change, held_item, parse_held, told
from core.policy import Policy
from core.records import Permit
from core.recovery.incident import Cause, Incident, State
from core.recovery.intents import Intent, Kind, Standing, asked
from core.recovery.snapshot import View
from tests.core.recovery_story import NEW, NOW, OLD, healthy_view, report

POLICY = Policy()


def pause(kind: Kind = Kind.PAUSE) -> Intent:
    return asked(kind, "counter", deployable="demo", reason="new switch", who="ann", now_ms=NOW, for_s=3600)


def paused_view(**changes: Any) -> View:
    return healthy_view(intents=Standing(paused=pause()), **changes)


def later(view: View, **changes: Any) -> View:
    """When nobody who began to suspend something is at it any more."""
    return replace(view, now_ms=view.now_ms + int(LANDS_S * 1000), **changes)


def ended(state: State, *, tried: tuple[str, ...] = (), ended_ms: int = NOW - 60_000) -> Incident:
    return Incident(
        deployable="demo", assembly="counter", id="0001-i-0aaa", revision=3, instance=OLD, epoch=1, state=state, cause=Cause.SIGNALS,
        reason="budget spent", woken_by="alarm", failed_ms=NOW - 90_000, opened_ms=NOW - 80_000, state_ms=ended_ms, ended_ms=ended_ms,
        tried=tried,
    )  # fmt: skip


def settled(view: View) -> tuple[View, list[str]]:
    """What comes of doing what is said until nothing is; and what was done."""
    done = []
    for _ in range(5):
        match change(view, POLICY):
            case Hold(record, processes):
                view = replace(view, held=record, suspended=(*view.suspended, *processes))
                done.append(f"suspend {' '.join(processes)}")
            case Release(processes, record):
                view = replace(view, held=record, suspended=tuple(p for p in view.suspended if p not in processes))
                done.append(f"resume {' '.join(processes)}")
            case None:
                return view, done
    raise AssertionError(f"never settles: {done}")


def test_a_world_in_order_is_not_held() -> None:
    assert change(healthy_view(), POLICY) is None


def test_a_pause_suspends_the_checks_and_their_end_resumes_them() -> None:
    held, done = settled(paused_view())
    assert done == ["suspend AZRebalance HealthCheck ReplaceUnhealthy"]
    assert held.held.reason == "pause: new switch (by ann)"

    free, done = settled(later(held, intents=Standing()))
    assert done == ["resume AZRebalance HealthCheck ReplaceUnhealthy"]
    assert (free.suspended, free.held.processes, free.held.reason) == ((), (), "over: pause: new switch (by ann)")


def test_what_is_suspended_by_a_call_that_was_slow_after_the_pause_is_over_is_resumed_too() -> None:
    """Found by history 14386: recorded, resumed by another call, and then suspended; for nobody, so that it stayed so."""
    held, _ = settled(paused_view())
    over, _ = settled(replace(held, intents=Standing()))
    assert (over.suspended, over.held.processes, over.held.stands) == ((), PAUSED, False)

    landed = replace(over, suspended=PAUSED)
    assert settled(landed)[1] == ["resume AZRebalance HealthCheck ReplaceUnhealthy"]
    assert settled(later(landed))[0].held.processes == ()
    free, done = settled(later(over))
    assert (free.held.processes, done) == ((), ["resume "]), "nobody can be so late: what is suspended from now on is somebody else's"


def test_a_maintenance_holds_the_same_and_is_said_as_such() -> None:
    order = change(healthy_view(intents=Standing(paused=pause(Kind.MAINTENANCE))), POLICY)

    assert isinstance(order, Hold)
    assert order.processes == PAUSED
    assert order.record.reason.startswith("maintenance: ")


def test_what_somebody_else_suspended_stays_theirs() -> None:
    """CloudFormation suspends some of them while it updates a group."""
    held, _ = settled(paused_view(suspended=("HealthCheck", "ScheduledActions")))
    assert held.held.processes == ("AZRebalance", "ReplaceUnhealthy")

    free, _ = settled(replace(held, intents=Standing()))
    assert sorted(free.suspended) == ["HealthCheck", "ScheduledActions"]


def test_what_somebody_resumes_during_a_pause_is_suspended_again() -> None:
    held, _ = settled(paused_view())

    assert settled(replace(held, suspended=()))[1] == ["suspend AZRebalance HealthCheck ReplaceUnhealthy"]


def test_who_dies_between_the_record_and_the_deed_is_made_good_either_way() -> None:
    order = change(paused_view(), POLICY)
    assert isinstance(order, Hold)
    recorded_only = paused_view(held=order.record)
    assert settled(recorded_only)[0].suspended == PAUSED
    assert settled(later(recorded_only, intents=Standing()))[0].held.processes == ()

    held, _ = settled(paused_view())
    resumed_only = later(held, intents=Standing(), suspended=())
    assert settled(resumed_only)[0].held.processes == ()


def test_a_spent_budget_also_holds_launches_until_the_window_has_passed() -> None:
    spent = healthy_view(incident=ended(State.EXHAUSTED))
    held, done = settled(spent)
    assert done == [f"suspend {' '.join(sorted(SPENT))}"]

    passed = replace(held, now_ms=NOW + int(POLICY.budget_window_s * 1000))
    assert settled(passed)[1] == [f"resume {' '.join(sorted(SPENT))}"]


def test_a_boot_loop_holds_launches_until_an_operator_says_go_on() -> None:
    loop = healthy_view(incident=ended(State.ESCALATED, tried=("i-1", "i-2", "i-3"), ended_ms=NOW - 90_000_000))
    held, _ = settled(loop)
    assert "Launch" in held.suspended
    assert change(replace(held, now_ms=NOW + 90_000_000), POLICY) is None

    free, _ = settled(replace(held, intents=Standing(resumed=("0001-i-0aaa",))))
    assert free.suspended == ()
    assert change(replace(free, intents=Standing()), POLICY) is None, "when that word has expired, what it lifted stays lifted"


def test_what_was_lifted_stays_lifted_through_a_pause() -> None:
    held, _ = settled(healthy_view(incident=ended(State.ESCALATED, tried=("i-1", "i-2", "i-3"))))
    free, _ = settled(replace(held, intents=Standing(resumed=("0001-i-0aaa",))))
    paused, _ = settled(replace(free, intents=Standing(paused=pause())))
    assert paused.suspended == PAUSED

    assert settled(replace(paused, intents=Standing()))[0].suspended == ()


def test_a_boot_loop_is_over_when_a_later_node_serves_for_longer_than_one_that_crashes_again() -> None:
    loop = ended(State.ESCALATED, tried=("i-1", "i-2", "i-3"))
    permit = Permit(deployable="demo", assembly="counter", instance=NEW, epoch=4, at_ms=NOW - 60_000)
    held, _ = settled(healthy_view(incident=loop, permit=permit, reports={NEW: report(NEW, epoch=4)}))
    assert "Launch" in held.suspended, "a minute is no life yet"

    free, _ = settled(replace(held, now_ms=NOW + int(POLICY.verify_s * 1000)))
    assert free.suspended == ()
    assert change(replace(free, reports={}), POLICY) is None, "and it stays over, whatever comes of that node"


def test_a_boot_loop_is_over_when_the_group_launches_something_else() -> None:
    """Somebody has deployed; and the deploy waits for a machine."""
    held, _ = settled(healthy_view(incident=ended(State.ESCALATED, tried=("i-1", "i-2", "i-3")), launches="4"))

    free, _ = settled(replace(held, launches="5"))
    assert free.suspended == ()
    assert settled(free)[1] == [], "and it does not begin again"


@pytest.mark.parametrize("state", [State.RECOVERED, State.SUPPRESSED, State.RECREATING])
def test_other_incidents_hold_nothing(state: State) -> None:
    assert change(healthy_view(incident=replace(ended(state), tried=(NEW,))), POLICY) is None


def test_an_incident_that_is_escalated_for_another_reason_holds_nothing() -> None:
    assert change(healthy_view(incident=ended(State.ESCALATED)), POLICY) is None


def test_where_there_is_no_group_there_is_nothing_to_hold() -> None:
    assert change(paused_view(group=None), POLICY) is None


def test_an_order_is_told_in_a_line() -> None:
    order = change(paused_view(), POLICY)
    assert order is not None

    assert told(order, "g") == "suspends AZRebalance, HealthCheck, ReplaceUnhealthy in g: pause: new switch (by ann)"


def test_the_record_reads_back_and_a_bad_one_is_refused() -> None:
    held = Held(revision=2, processes=PAUSED, reason="pause: x", at_ms=NOW, incident="1", launches="4")

    assert parse_held(held_item(held, "demo", "counter")) == held
    with pytest.raises(BadRecord, match="INCIDENT#demo#counter/HOLD: version is 2"):
        parse_held({**held_item(held, "demo", "counter"), "version": 2})
    with pytest.raises(BadRecord, match="KeyError"):
        parse_held({"pk": "INCIDENT#demo#counter", "sk": "HOLD", "version": 1})


@pytest.mark.parametrize(
    "stopped", [ended(State.EXHAUSTED), ended(State.ESCALATED, tried=("i-1", "i-2", "i-3"))], ids=["spent", "boot-loop"]
)
def test_shadow_mode_begins_no_hold_and_ends_none(stopped: Incident) -> None:
    """All is decided and nothing done: what Auto Scaling would do it goes on doing. A hold from before is no work of the mode's."""
    shadow = Standing(shadow=asked(Kind.SHADOW, "counter", deployable="demo", reason="trial", who="ann", now_ms=NOW, for_s=3600))
    view = healthy_view(incident=stopped)

    assert change(replace(view, intents=shadow), POLICY) is None
    held, done = settled(view)
    assert done == ["suspend AZRebalance HealthCheck Launch ReplaceUnhealthy"]
    assert change(replace(held, intents=shadow), POLICY) is None

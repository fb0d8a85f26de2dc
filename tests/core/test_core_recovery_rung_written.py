"""What is written down of a rung: who leads, what it paid for, and when each part of it was done."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from core.recovery.budget import Budget, Entry
from core.recovery.changes import apply, charged, with_called, with_retired
from core.recovery.incident import Incident, State
from core.recovery.rung import RungSeen
from core.recovery.snapshot import View
from core.recovery.steps import Adopt, Decision, Down, Proceed
from tests.core.recovery_story import NEW, NOW, VERIFYING, frozen_view, healthy_view, incident

CONFIRMED = incident(State.CONFIRMED)
SISTERS = RungSeen(along=("gateway", "store"))


def entries(many: int, assembly: str, at_ms: int = NOW) -> tuple[Entry, ...]:
    return tuple(
        Entry(at_ms=at_ms - n, deployable="demo", assembly=assembly, incident=f"{assembly}{n}{at_ms}", replaced=True) for n in range(many)
    )


def paid(*held: Entry, **changes: Any) -> Entry:
    view: View = frozen_view(**{"incident": CONFIRMED, "budget": Budget(entries=held), "rung": SISTERS, **changes})
    return charged(view).entries[-1]


def test_a_rung_is_charged_with_all_that_it_takes_along_as_far_as_the_budget_goes() -> None:
    twice = entries(2, "counter")

    assert (paid(*twice).rung, paid(*twice).along) == (True, ("gateway", "store"))
    assert (paid().rung, paid().along) == (False, ())
    assert paid(*entries(5, "elsewhere"), *twice).rung is True, "7 and 3 are 10"
    too_much = paid(*entries(6, "elsewhere"), *twice)
    assert (too_much.rung, too_much.along) == (False, ())
    alone = paid(*twice, rung=RungSeen())
    assert (alone.rung, alone.along) == (True, ())


def test_and_what_was_made_before_the_window_is_not_counted() -> None:
    held = (*entries(5, "elsewhere"), *entries(2, "counter"))

    assert paid(*entries(1, "long-ago", NOW - 600_000), *held).rung is False
    assert paid(*entries(1, "long-ago", NOW - 600_001), *held).rung is True


def written(record: Incident, step: Any) -> Incident:
    return apply(healthy_view(incident=record), Decision("a rule", step, "alarm"))


def test_what_is_down_or_given_up_waiting_for_has_its_time() -> None:
    down = written(incident(State.ISOLATING), Down("it is down"))
    assert (down.state, down.isolated_ms, down.notes[-1].what) == (State.ISOLATING, NOW, "it is down")
    on = written(incident(State.ISOLATING), Proceed("going on"))
    assert (on.state, on.isolated_ms, on.proceeded_ms) == (State.RECREATING, NOW, NOW)
    adopted = written(replace(VERIFYING, new_instance=""), Adopt(NEW, 5, "it runs"))
    assert adopted.new_instance == NEW


def test_who_was_called_and_who_was_sent_offline_is_said_with_its_time() -> None:
    called = with_called(CONFIRMED, ["gateway", "store"], now_ms=NOW)
    assert (called.called_ms, called.notes[-1].what) == (NOW, "called gateway, store: the whole deployable is recreated")
    first = with_retired(CONFIRMED, NEW, "done", now_ms=NOW)
    assert (first.retiring_ms, first.acted_ms, first.notes[-1].what) == (NOW, NOW, f"{NEW} is to go offline: done")
    later = with_retired(first, NEW, "again", now_ms=NOW + 5)
    assert (later.retiring_ms, later.acted_ms) == (NOW + 5, NOW)

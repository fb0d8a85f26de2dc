"""What holds a replacement back: each guard is a sentence."""

from __future__ import annotations

from dataclasses import replace

from core.recovery.budget import Entry, with_entry
from core.recovery.changes import charged
from core.recovery.incident import Cause, State
from core.recovery.steps import Spend, Tell, Wait
from core.report.notices import notice
from tests.core.recovery_story import NOW, OLD, frozen_view, healthy_view, incident, machine, recorded, spent, step


def test_a_replacement_is_paid_for_before_anything_is_touched() -> None:
    unpaid = frozen_view(incident=incident(State.CONFIRMED))
    assert step(unpaid) == Spend()

    paid = charged(unpaid)
    assert recorded(frozen_view(incident=incident(State.CONFIRMED), budget=paid)).state is State.ISOLATING


def test_a_spent_budget_stops_and_pages() -> None:
    ended = recorded(frozen_view(incident=incident(State.CONFIRMED), budget=spent(10)))

    assert ended.state is State.EXHAUSTED
    assert "budget spent: 10" in ended.reason
    assert step(frozen_view(incident=ended)) == Tell("end", ended.reason)


def test_many_assemblies_down_at_once_are_a_meltdown() -> None:
    view = frozen_view(incident=incident(State.CONFIRMED), budget=spent(4, apart=True), assemblies=20)

    assert "meltdown: 5 of 20" in recorded(view).reason
    assert isinstance(step(replace(view, assemblies=26)), Spend)


def test_what_ec2_took_is_replaced_whatever_the_budget_says() -> None:
    gone = frozen_view(incident=incident(State.CONFIRMED, cause=Cause.GONE), budget=spent(10))

    assert isinstance(step(gone), Spend)


def test_one_replacement_more_than_tolerated_is_escalated_to_the_deployable_and_goes_on() -> None:
    paid = charged(frozen_view(incident=incident(State.CONFIRMED), budget=spent(2)))
    isolating = recorded(frozen_view(incident=incident(State.CONFIRMED), budget=paid))

    assert isolating.state is State.ISOLATING
    assert isolating.escalated_to == "deployable"
    assert (isolating.ladder, isolating.leader) == (isolating.id, "counter")


def test_past_its_tolerance_again_within_an_hour_of_a_rung_it_is_a_persons_and_replaced_all_the_same() -> None:
    rung = Entry(at_ms=NOW - 600_000, deployable="demo", assembly="counter", incident="x", replaced=True, rung=True)
    paid = charged(frozen_view(incident=incident(State.CONFIRMED), budget=with_entry(spent(2), rung)))
    isolating = recorded(frozen_view(incident=incident(State.CONFIRMED), budget=paid))

    assert isolating.escalated_to == "person"
    assert isolating.ladder == ""


def test_the_count_begins_afresh_after_a_rung() -> None:
    rung = Entry(at_ms=NOW - 500, deployable="demo", assembly="other", incident="x", replaced=True, rung=True, along=("counter",))
    view = frozen_view(incident=incident(State.CONFIRMED))

    assert charged(replace(view, budget=with_entry(spent(2), rung))).entries[-1].rung is False
    assert recorded(replace(view, budget=charged(replace(view, budget=with_entry(spent(2), rung))))).escalated_to == ""


def test_a_node_replaced_past_every_rung_is_told_to_people_once_and_replaced_all_the_same() -> None:
    past = incident(State.RECREATING, told=("open",), escalated_to="person", fence=1)
    seen = healthy_view(incident=past, machines={OLD: machine(OLD, "terminated")}, members={})

    told = step(seen)
    assert isinstance(told, Tell)
    assert told.what == "often"
    assert "a person is needed" in notice(past, "often", told.reason)[0]

    assert isinstance(step(replace(seen, incident=replace(past, told=("open", "often")))), Wait)

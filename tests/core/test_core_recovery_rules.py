"""The table of rules is the machine: each row is reached, leads where it says, and every state has a way out that needs nobody."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import fields
from itertools import islice

from core.policy import Policy
from core.recovery.changes import apply
from core.recovery.incident import ENDED, State
from core.recovery.machine import next_step
from core.recovery.rules import ANY, NONE, RULES
from core.recovery.snapshot import View
from core.recovery.steps import Change, Decision
from tests.core.some_views import some_policy, some_view

OPEN = [state for state in State if state not in ENDED]


def decisions() -> Iterator[tuple[View, str, Decision]]:
    """Without end: a view, the state that its incident is in, and what is decided."""
    chance = random.Random(7)  # noqa: S311 - a made-up world, not a secret
    while True:
        view = some_view(chance)
        state = NONE if view.incident is None or view.incident.ended else view.incident.state
        yield view, state, next_step(view, some_policy(chance), woken_by="tick")


def test_every_row_of_the_table_is_reached_and_leads_where_it_says() -> None:
    rows = {(rule.state, rule.name): rule for rule in RULES}
    missing = set(rows)
    for view, state, decision in islice(decisions(), 50_000):
        row = rows.get((state, decision.rule)) or rows[ANY, decision.rule]
        missing.discard((row.state, row.name))
        if isinstance(decision.step, Change):
            assert apply(view, decision).state == (row.to or state), row
        else:
            assert row.to is None, row
        if not missing:
            break

    assert sorted(missing) == []


def test_a_rules_name_is_its_own_within_its_state() -> None:
    names = [(rule.state, rule.name) for rule in RULES]

    assert len(names) == len(set(names))
    assert {name for state, name in names if state == ANY}.isdisjoint({name for state, name in names if state != ANY})


def test_every_state_of_an_open_incident_has_a_deadline_that_ends_it() -> None:
    for state in OPEN:
        ways = [rule for rule in RULES if rule.state in (ANY, state) and rule.to in ENDED and rule.deadline.endswith("_s")]
        assert ways, state


def test_what_a_rule_counts_by_is_a_setting() -> None:
    settings = {field.name for field in fields(Policy)}

    assert {rule.deadline for rule in RULES if rule.deadline} <= settings


def test_an_ended_incident_changes_no_more_and_another_one_is_written_over_it() -> None:
    for view, state, decision in islice(decisions(), 1000):
        if state == NONE and isinstance(decision.step, Change):
            opened = apply(view, decision)
            assert opened.state is State.SUSPECTED
            assert view.incident is None or (opened.id, opened.revision) != (view.incident.id, 0)

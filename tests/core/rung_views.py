"""Views of an assembly in the middle of its deployable's rung, made by chance: beside tests.core.some_views."""

from __future__ import annotations

import random
from dataclasses import replace

from core.model import Verdict
from core.records import Permit
from core.recovery.budget import Entry, with_entry
from core.recovery.incident import ENDED, Cause, Incident, State
from core.recovery.rung import DatabaseState, Sister, seen_of
from core.recovery.snapshot import View
from tests.core.recovery_story import NEW, NOW, OLD, VERIFYING, fresh, incident, machine, replaced_view, spent

LEADER_ID, SISTER = "0000-i-0leader", "gateway"


def in_a_rung(chance: random.Random, view: View) -> View:
    """The same, but that its incident leads a rung, or is taken along by one, or is called to it."""
    if view.incident is not None and view.incident.state is State.VERIFYING:
        seen = {NEW: fresh(Verdict.HEALTHY)}
        return _leading(chance, replaced_view(incident=replace(VERIFYING, front="tried from outside"), fresh=seen))
    return _leading(chance, view) if chance.random() < 0.5 else _following(chance, view)


def _leading(chance: random.Random, view: View) -> View:
    if view.incident is None:
        return view
    id_, began_ms = view.incident.id, NOW - chance.choice([5, 5, 400]) * 1000
    sister = incident(
        chance.choice(list(State)), assembly=SISTER, id="s", ladder=chance.choice([id_, id_, ""]), isolated_ms=chance.choice([0, 1])
    )
    paid = Entry(at_ms=NOW, deployable="demo", assembly="counter", incident=id_, replaced=True, rung=True, along=(SISTER,))
    if view.incident.state is State.CONFIRMED:
        budget = chance.choice([view.budget, spent(9)])
        return replace(view, rung=seen_of(view.incident, (), {SISTER: _sister(chance, sister)}, budget), budget=budget)
    leading = replace(
        view.incident,
        ladder=id_,
        leader="counter",
        confirmed_ms=began_ms,
        isolated_ms=chance.choice([0, began_ms, began_ms]),
        called_ms=chance.choice([0, NOW, NOW]),
        evidence_done=chance.random() < 0.9,
        told=chance.choice([(), ("open",), ("open",)]),
        rebooted_ms=chance.choice([0, 0, NOW - 3000]),
        database=chance.choice(["", "database: it does not answer"]),
    )
    budget = with_entry(view.budget, paid)
    return replace(
        view,
        machines={**view.machines, OLD: machine(OLD, chance.choice(["running", "terminated"]))},
        incident=leading,
        budget=budget,
        rung=seen_of(leading, (), {SISTER: _sister(chance, sister)}, budget),
        database=chance.choice([None, DatabaseState(identifier="db", status=chance.choice(["available", "rebooting"]), multi_az=True)]),
    )


def _following(chance: random.Random, view: View) -> View:
    call = Entry(at_ms=NOW, deployable="demo", assembly=SISTER, incident=LEADER_ID, replaced=True, rung=True, along=("counter",))
    leader = incident(
        chance.choice([State.ISOLATING, State.ISOLATING, State.RECOVERED, State.SUSPECTED]),
        assembly=SISTER,
        id=LEADER_ID,
        ladder=LEADER_ID,
        leader=SISTER,
        confirmed_ms=NOW - chance.choice([5, 400]) * 1000,
    )
    seen = replace(view, budget=with_entry(view.budget, call), leader=leader)
    if view.incident is None or view.incident.state in ENDED or chance.random() < 0.3:
        return seen
    following = replace(
        view.incident,
        ladder=LEADER_ID,
        leader=SISTER,
        cause=chance.choice([Cause.ESCALATION, Cause.ESCALATION, Cause.SIGNALS]),
        fence=chance.choice([0, 0, 1]),
        retiring_ms=chance.choice([0, 0, NOW - 5000, NOW - 400_000]),
    )
    return replace(seen, incident=following, rung=seen_of(following, (), {SISTER: _sister(chance, leader)}, seen.budget))


def _sister(chance: random.Random, known: Incident) -> Sister:
    found = known if chance.random() < 0.8 else None
    permit = Permit(deployable="demo", assembly=SISTER, instance="i-s", epoch=1, at_ms=1)
    return Sister(after=chance.choice([(), ("counter",)]), permit=chance.choice([permit, None]), incident=found)

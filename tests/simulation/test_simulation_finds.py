"""A rule taken out of the shipped decisions is found out by the histories: the simulation can fail."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from agent.keeping.on_volume import VolumeKeeper
from core.lifecycle import admission
from core.node.decision import Kept
from core.recovery import isolating, machine
from core.recovery.case import Case
from core.recovery.incident import State
from core.recovery.rules import RULES
from core.recovery.steps import Step
from core.watching import sweep
from simulation.fault import Fault
from simulation.faults import KINDS
from simulation.history import History
from simulation.plan import Plan, plan_of

pytestmark = pytest.mark.heavy

HISTORIES = 60  # by which a broken rule must have shown


def without(monkeypatch: pytest.MonkeyPatch, state: str, *names: str) -> None:
    """The table of rules without these."""
    left = [rule for rule in RULES if rule.state != state or rule.name not in names]
    assert len(left) == len(RULES) - len(names), "no such rule"
    monkeypatch.setitem(machine._ASKED, state, machine.asked_in(state, left))


def weighing(monkeypatch: pytest.MonkeyPatch, two_signals: Callable[[Case], bool]) -> None:
    """What counts as two signals is another thing."""
    weigh = Case.weigh

    def weighed(case: Case) -> None:
        weigh(case)
        case.two_signals = two_signals(case)

    monkeypatch.setattr(Case, "weigh", weighed)


def beginning_with(kind: str, **traits: float) -> Iterator[Plan]:
    """Histories whose first fault is of that kind."""
    for number in range(HISTORIES):
        plan = plan_of(list(KINDS).index(kind) + number * len(KINDS))
        yield replace(plan, traits={**plan.traits, **traits}) if traits else plan


def all_hang() -> Iterator[Plan]:
    for number in range(5):
        plan = plan_of(number)
        yield replace(plan, assemblies=12, faults=(Fault("all hang at once", 10.0, 1.0, 0),))


def found(plans: Iterator[Plan]) -> str:
    """What the first history says that breaks a promise."""
    return next((broken for plan in plans if (broken := History(plan).live().broken)), "")


def test_a_permit_that_does_not_wait_for_terminated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "predecessor_blocks", lambda view, permit: None)

    assert "run applications" in found(beginning_with("termination not confirmed, and it goes on"))


def test_a_budget_that_nobody_heeds(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, State.CONFIRMED, "meltdown", "budget-spent")

    assert "replacements within 600 s" in found(all_hang())


def test_one_signal_that_kills(monkeypatch: pytest.MonkeyPatch) -> None:
    weighing(monkeypatch, lambda case: case.fails_for_long)

    assert "its word of itself was not bad" in found(beginning_with("prober blind"))


def test_the_other_signal_that_kills(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, State.SUSPECTED, "agent-at-it")
    weighing(monkeypatch, lambda case: case.inside.is_bad and case.node in case.view.looks)

    assert "is terminated" in found(beginning_with("partition node from table"))


def test_evidence_that_nobody_keeps(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, State.ISOLATING, "evidence")

    assert "before its evidence was kept" in found(beginning_with("hang"))


def test_a_fence_that_is_believed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    changed = [replace(rule, decide=_fenced, given=0) if rule.decide is isolating.fenced else rule for rule in RULES]
    monkeypatch.setitem(machine._ASKED, State.ISOLATING, machine.asked_in(State.ISOLATING, changed))

    assert "says that" in found(beginning_with("termination not confirmed"))


def _fenced(case: Case) -> Step | None:
    machines = {i: replace(m, state="terminated") for i, m in case.view.machines.items()}
    view = replace(case.view, machines=machines)
    return isolating.fenced(Case(view, case.policy, case.incident, case.node, view.seen(case.node))) if case.incident.fence else None


def test_replacements_that_are_not_paid_for(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, State.CONFIRMED, "pay")

    assert "the budget does not know it" in found(beginning_with("kill"))


def test_recovered_that_is_only_said(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [
        rule.name for rule in RULES if rule.state == State.RECREATING and rule.name not in ("tell-open", "nudge", "unpermitted", "runs")
    ]
    without(monkeypatch, State.RECREATING, *[name for name in names if name != "not-up-yet"])
    rest = [rule.name for rule in RULES if rule.state == State.VERIFYING and rule.name != "recovered"]
    without(monkeypatch, State.VERIFYING, *rest)

    assert "is recovered, and" in found(beginning_with("application never ready on the next"))


def test_a_minute_that_wakes_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    nobody: Callable[..., None] = lambda *_, **__: None  # noqa: E731
    monkeypatch.setattr(sweep, "_recovery", nobody)

    assert "not well" in found(beginning_with("application ends at once, each time", lost=1.0))


def test_a_kill_that_another_call_had_decided_before_it_died(monkeypatch: pytest.MonkeyPatch) -> None:
    def cut_short() -> Iterator[Plan]:
        for number in range(HISTORIES):
            faults = (Fault("pause", 5.0, 45.0, 0), Fault("recover_assembly dies", 20.0, 1.0, 0))
            yield replace(plan_of(number), assemblies=1, faults=faults)

    assert found(cut_short()) == ""
    without(monkeypatch, State.ISOLATING, "own-look", "holds-no-more")

    assert "is terminated, and" in found(cut_short())


def test_a_pause_that_nobody_heeds(monkeypatch: pytest.MonkeyPatch) -> None:
    def paused() -> Iterator[Plan]:
        for number in range(HISTORIES):
            yield replace(plan_of(number), assemblies=1, faults=(Fault("operator pauses", 5.0, 400.0, 0), Fault("hang", 40.0, 1.0, 0)))

    assert found(iter(list(paused())[:5])) == ""
    without(monkeypatch, "none", "pause-recorded")
    without(monkeypatch, State.SUSPECTED, "paused")
    without(monkeypatch, State.CONFIRMED, "paused")

    assert "an operator holds its assembly" in found(paused())


def test_a_database_that_is_failed_over_under_its_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    def silent() -> Iterator[Plan]:
        for number in range(HISTORIES):
            plan = plan_of(number)
            traits = {**plan.traits, "database": 2.0, "intolerant": 1.0, "front": 0.0, "volume": 0.0}
            yield replace(plan, assemblies=3, faults=(Fault("database silent", 5.0, 600.0, 0),), traits=traits)

    assert found(iter(list(silent())[:5])) == ""
    without(monkeypatch, State.ISOLATING, "all-down")

    assert "is failed over while" in found(silent())


def test_a_node_that_does_not_wait_for_its_state(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(VolumeKeeper, "seen", lambda keeper: Kept(epoch=keeper._memory.epoch))

    assert "starts without its state" in found(beginning_with("volume is not let go"))

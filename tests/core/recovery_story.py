"""An assembly to tell stories of to the incident's machine: what is seen of it, and what is done about it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from core.model import Front, FrontKind, OnDisagreement, Tolerance, Verdict
from core.policy import Policy
from core.records import Look, Looks, Permit, Phase, Report
from core.recovery.budget import Budget, Entry, with_entry
from core.recovery.changes import apply
from core.recovery.incident import Cause, Incident, State
from core.recovery.machine import next_step
from core.recovery.snapshot import FreshLook, Machine, Member, View
from core.recovery.steps import Change
from core.watching.fleet import Watched

NOW = 1_800_000_000_000
OLD, NEW = "i-0aaa", "i-0bbb"
POLICY = Policy()
WATCHED = Watched(
    deployable="demo",
    name="counter",
    ha_port=7810,
    http_port=7880,
    front=Front(kind=FrontKind.ELASTIC_IP, ports=(8080,)),
    start_grace_s=120,
    tolerance=Tolerance(2, 3600),
    on_disagreement=OnDisagreement.REPORT,
)


def report(instance: str = OLD, *, epoch: int = 1, phase: Phase = Phase.RUNNING, verdict: Verdict = Verdict.HEALTHY) -> Report:
    return Report(
        deployable="demo", assembly="counter", instance=instance, boot="b", seq=7, epoch=epoch, at_ms=NOW, phase=phase,
        verdict=verdict, applications=(), address="10.20.0.5", ha_port=7810, http_port=7880, agent="1", expires_at=NOW // 1000 + 600,
    )  # fmt: skip


def looks(verdicts: str, instance: str = OLD, *, silent_s: float = 0) -> Looks:
    """One letter a look, ten seconds apart, the last one now: h(ealthy), f(ailing), u(nknown)."""
    kinds = {"h": Verdict.HEALTHY, "f": Verdict.FAILING, "u": Verdict.UNKNOWN}
    taken = tuple(
        Look(at_ms=NOW - 10_000 * (len(verdicts) - 1 - n), verdict=kinds[v], ha="ok" if v == "h" else "no answer", http="-")
        for n, v in enumerate(verdicts)
    )
    return Looks(
        deployable="demo", assembly="counter", instance=instance, looks=taken, report_boot="b", report_seq=7,
        report_moved_ms=NOW - int(silent_s * 1000), expires_at=NOW // 1000 + 600,
    )  # fmt: skip


def fresh(verdict: Verdict, *, age_ms: int = 0) -> FreshLook:
    said = "ok" if verdict is Verdict.HEALTHY else "no answer within 2 s"
    look = Look(at_ms=NOW - age_ms, verdict=verdict, ha=said, http=said)
    return FreshLook(look=look, answered=verdict is Verdict.HEALTHY, report_age_s=0, taken_ms=NOW - age_ms)


def machine(instance: str, state: str = "running") -> Machine:
    return Machine(instance=instance, state=state, address="10.20.0.5", launched_ms=NOW - 600_000)


def healthy_view(**changes: Any) -> View:
    view = View(
        watched=WATCHED,
        now_ms=NOW,
        group="g",
        permit=Permit(deployable="demo", assembly="counter", instance=OLD, epoch=1, at_ms=NOW - 500_000),
        reports={OLD: report()},
        looks={OLD: looks("hhhhhh")},
        machines={OLD: machine(OLD)},
        members={OLD: Member(instance=OLD, lifecycle="InService", healthy=True)},
    )
    return replace(view, **changes)


def frozen_view(**changes: Any) -> View:
    """Silent inside, failing outside: a hung machine."""
    return replace(healthy_view(looks={OLD: looks("hhhfff", silent_s=31)}), **changes)


def incident(state: State = State.SUSPECTED, **changes: Any) -> Incident:
    base = Incident(
        deployable="demo", assembly="counter", id="0001-i-0aaa", revision=3, instance=OLD, epoch=1, state=state, cause=Cause.SIGNALS,
        reason="silent", woken_by="alarm", failed_ms=NOW - 40_000, opened_ms=NOW - 5_000, state_ms=NOW - 2_000, confirmed_ms=NOW - 2_000,
    )  # fmt: skip
    return replace(base, **changes)


def step(view: View) -> Any:
    return next_step(view, POLICY, woken_by="alarm").step


def recorded(view: View) -> Incident:
    """The incident as it is written after a decision that changes it."""
    decision = next_step(view, POLICY, woken_by="alarm")
    assert isinstance(decision.step, Change), decision
    return apply(view, decision)


def spent(count: int, *, assembly: str = "counter", apart: bool = False) -> Budget:
    budget = Budget()
    for n in range(count):
        name = f"{assembly}-{n}" if apart else assembly
        budget = with_entry(budget, Entry(at_ms=NOW - 1000 * n, deployable="demo", assembly=name, incident=f"x{n}", replaced=True))
    return budget


def replaced_view(**changes: Any) -> View:
    """The old node is terminated, the new one runs under the next epoch and is in service."""
    view = healthy_view(
        permit=Permit(deployable="demo", assembly="counter", instance=NEW, epoch=2, at_ms=NOW - 3000, predecessor=OLD),
        reports={OLD: report(), NEW: report(NEW, epoch=2)},
        looks={NEW: looks("h", NEW)},
        machines={OLD: machine(OLD, "terminated"), NEW: machine(NEW)},
        members={NEW: Member(instance=NEW, lifecycle="InService", healthy=True)},
    )
    return replace(view, **changes)


RECREATING = incident(State.RECREATING, told=("open",), evidence_done=True, fence=1)
VERIFYING = replace(RECREATING, state=State.VERIFYING, new_instance=NEW, new_epoch=2, verifying_ms=NOW - 1000, state_ms=NOW - 1000)

"""Views of every kind for the incident's machine, made by chance: for the tests of its table, and for the benchmark of a decision."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

from core.model import Front, FrontKind, OnDisagreement, Tolerance, Verdict
from core.policy import Policy
from core.records import Permit, Phase, Request
from core.recovery.budget import Budget, Entry, with_entry
from core.recovery.incident import ENDED, Cause, State
from core.recovery.intents import Kind, Standing, asked, standing
from core.recovery.snapshot import Front as FrontSeen
from core.recovery.snapshot import Member, View
from tests.core.recovery_story import NEW, NOW, OLD, POLICY, WATCHED, fresh, incident, looks, machine, report, spent
from tests.core.rung_views import in_a_rung

# As many entries as are kept, half a minute apart: a foundation of many assemblies on a very bad day.
CROWDED = Budget(
    revision=100,
    entries=tuple(
        Entry(at_ms=NOW - 30_000 * n, deployable="demo", assembly=f"other-{n % 20}", incident=f"y{n}", replaced=True)
        for n in range(99, -1, -1)
    ),
)

TOLD = [(), ("open",), ("open", "page", "often"), ("open", "end", "page", "often", "late")]


def some_view(chance: random.Random) -> View:
    """Anything that may be seen, sense in it or not: most things as they usually are, so that late rules have their turn."""

    def pick(usual: Any, *others: Any) -> Any:
        return usual if chance.random() < 0.75 else chance.choice(others)

    old_machine = pick("running", "terminated", "stopped")
    machines = {OLD: machine(OLD, old_machine), NEW: machine(NEW, pick("running", "terminated"))}
    members = {OLD: Member(instance=OLD, lifecycle=pick("InService", "Pending:Wait", "Terminating:Wait"), healthy=True)}
    if chance.random() < 0.5:
        members = {NEW: Member(instance=NEW, lifecycle=pick("InService", "Pending:Wait"), healthy=True)}
    asked = Request(
        deployable="demo", assembly="counter", instance=OLD, epoch=1, at_ms=NOW - 900, application="app", reason="failed", expires_at=NOW
    )  # fmt: skip
    budget = chance.choice([Budget(), spent(2), spent(9), spent(10), spent(4, apart=True), CROWDED])
    if chance.random() < 0.5:
        paid = Entry(at_ms=NOW, deployable="demo", assembly="counter", incident="0001-i-0aaa", replaced=True)
        budget = with_entry(budget, paid)
    verdict = chance.choice([*Verdict, Verdict.FAILING, Verdict.HEALTHY])
    seen = replace(fresh(chance.choice([*Verdict, Verdict.FAILING]), age_ms=pick(0, 6000)), answered=chance.random() < 0.5)
    view = View(
        watched=replace(WATCHED, tolerance=Tolerance(pick(2, None), 3600), on_disagreement=chance.choice([*OnDisagreement])),
        now_ms=NOW,
        group=pick("g", None),
        room=pick(1, 2),
        permit=pick(some_permit(chance), None),
        incident=some_incident(chance),
        budget=budget,
        intents=some_intents(chance),
        reports={
            OLD: report(verdict=verdict),
            NEW: report(NEW, epoch=pick(2, 1), phase=pick(Phase.RUNNING, Phase.STARTING), verdict=pick(Verdict.HEALTHY, Verdict.FAILING)),
        },
        requests=pick({}, {OLD: asked}),
        looks={OLD: looks(chance.choice(["hhhhhh", "hhhfff", "ffffff", "hhhhhf", "huuuuu"]), silent_s=chance.choice([0, 31]))},
        machines=machines,
        members=members,
        fresh=pick({OLD: seen, NEW: seen}, {}),
        front=chance.choice([None, FrontSeen(held_by=OLD, tried=None), *(FrontSeen(held_by=NEW, tried=t) for t in (True, False, None))]),
        assemblies=pick(5, 200),
        announced=pick("", "", "", "AWS_EC2_INSTANCE_RETIREMENT_SCHEDULED from Sat, 05 Dec 2026 15:10:09 GMT"),
    )
    if chance.random() < 0.4:
        return in_a_rung(chance, view)
    return limping(chance, view) if chance.random() < 0.05 else view


def limping(chance: random.Random, view: View) -> View:
    """An operator wants a node replaced that serves."""
    waited_s = chance.choice([1, 400, 2000])
    asked_for = incident(State.CONFIRMED, cause=Cause.OPERATOR, confirmed_ms=NOW - waited_s * 1000, opened_ms=NOW - waited_s * 1000)
    return replace(
        view,
        incident=replace(asked_for, told=chance.choice([(), ("limping",)])),
        wanted=chance.choice([1, 2]),
        reports={OLD: report()},
        looks={OLD: looks("hhhhhh")},
        machines={OLD: machine(OLD)},
        members={OLD: Member(instance=OLD, lifecycle="InService", healthy=True)},
    )


def rare_view(chance: random.Random) -> View:
    """The same, with what is seldom seen: other causes, times right at their limits, other fronts, things that nobody knows of."""
    view = some_view(chance)

    def seldom(name: str, *others: Any) -> dict[str, Any]:
        return {name: chance.choice(others)} if others and chance.random() < 0.15 else {}

    def at(*seconds: float) -> list[int]:
        return [NOW - round(s * 1000) - past for s in seconds for past in (0, 1)]

    incident, watched = view.incident, view.watched
    if incident is not None:
        causes = {} if incident.ladder else seldom("cause", *Cause) | seldom("cause", *Cause)
        limits = {
            **seldom("opened_ms", *at(60, 120, 600, 660, 3600)), **seldom("state_ms", *at(300, 600)),
            **seldom("fenced_ms", *at(20, 300, 360)), **seldom("isolated_ms", 0),
        }  # fmt: skip
        told = seldom("told", *(tuple(w for w in ("open", "doubt", "end", "page", "often", "late") if chance.random() < 0.5) for _ in "ab"))
        others = seldom("epoch", 0, 1, 2) | seldom("new_epoch", 0, 1, 2) | seldom("instance", OLD, NEW)
        incident = replace(incident, **causes, **limits, **told, **others)
    front = seldom("front", Front(), *(replace(watched.front, kind=kind) for kind in (FrontKind.NLB, FrontKind.ELASTIC_IP)))
    reports = {
        i: replace(r, **seldom("verdict", *Verdict), **seldom("phase", *Phase), **seldom("epoch", 0, 1, 2)) for i, r in view.reports.items()
    }
    return replace(
        view,
        incident=incident,
        watched=replace(watched, **front),
        **{"reports": reports, **seldom("reports", {}, *({i: r} for i, r in reports.items()))},
        **seldom("looks", {}, *({i: replace(seen, report_moved_ms=0)} for i, seen in view.looks.items())),
        **seldom("machines", {}, *({i: m} for i, m in view.machines.items())),
        **seldom("members", {}),
        **seldom("wanted", 0),
        **seldom("fresh", *({i: fresh(verdict, age_ms=age_ms) for i in (OLD, NEW)} for verdict in Verdict for age_ms in (0, 5000, 5001))),
        **seldom("intents", *(_wanted(kind, NEW) for kind in (Kind.REPLACE, Kind.PAUSE, Kind.SHADOW))),
    )


def _wanted(kind: Kind, instance: str) -> Standing:
    word = asked(kind, instance if kind is Kind.REPLACE else "counter", deployable="demo", reason="why", who="ann", now_ms=NOW, for_s=60)
    return standing([word], "counter", NOW)


def some_intents(chance: random.Random) -> Standing:
    if chance.random() < 0.75:
        return Standing()
    kind = chance.choice([Kind.PAUSE, Kind.SHADOW, Kind.REPLACE, Kind.RESUME])
    targets = {Kind.REPLACE: OLD, Kind.RESUME: "0001-i-0aaa"}
    asked_for = asked(kind, targets.get(kind, "counter"), deployable="demo", reason="why", who="ann", now_ms=NOW, for_s=60)
    return standing([asked_for], "counter", NOW)


def some_permit(chance: random.Random) -> Permit:
    holder, epoch, before = chance.choice([(OLD, 1, None), (NEW, 2, OLD)])
    at_ms = NOW - chance.choice([3, 350]) * 1000
    return Permit(deployable="demo", assembly="counter", instance=holder, epoch=epoch, at_ms=at_ms, predecessor=before)


def some_policy(chance: random.Random) -> Policy:
    return replace(POLICY, fence_timeout_s=chance.choice([None, 360.0]))


def some_incident(chance: random.Random) -> Any:
    state = chance.choice([None, *State, State.SUSPECTED, State.SUSPECTED])  # its rules ask most
    if state is None:
        return None
    suspected = state is State.SUSPECTED
    age_s = chance.choice([5, 70, 200, 700, 700] if suspected else [5, 70, 200, 400, 400, 4000])
    return incident(
        state,
        cause=chance.choice([Cause.SIGNALS, Cause.GONE]),
        opened_ms=NOW - age_s * 1000,
        state_ms=NOW - chance.choice([1, age_s]) * 1000,
        confirmed_ms=NOW - 2_000,
        ended_ms=NOW - chance.choice([60, 4000]) * 1000 if state in ENDED else 0,
        fence=chance.choice([0, 1, 2]),
        fenced_ms=NOW - chance.choice([1, 30, 400]) * 1000,
        isolated_ms=NOW - chance.choice([1, 1000]) * 1000,
        evidence_done=chance.random() < 0.75,
        told=chance.choice(
            [(), ("doubt",)] if suspected else [(), ("open",), ("open", "page", "often"), ("open", "end", "page", "often", "late")]
        ),
        tried=chance.choice([(), (), ("i-1", "i-2", "i-3"), (NEW,)]),
        escalated_to=chance.choice(["", "deployable", "person"]),
        new_instance=NEW if state is State.VERIFYING else "",
        new_epoch=2 if state is State.VERIFYING else 0,
        front=chance.choice(["", "tried from outside"]),
    )

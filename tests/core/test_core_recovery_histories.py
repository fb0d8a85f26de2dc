"""The machine in made-up worlds: whatever happens in whatever order, the promises of the design hold."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core import admission
from core.budget import Budget
from core.changes import apply, charged
from core.fleet import Watched
from core.incident import Cause, Incident, State
from core.model import Front, OnDisagreement, Tolerance, Verdict
from core.outlook import with_look
from core.policy import Policy
from core.records import Look, Looks, Permit, Phase, Report
from core.recovery import next_step
from core.snapshot import FreshLook, Machine, Member, View
from core.steps import Change, Fence, KeepEvidence, Leave, NudgeGroup, PlaceFront, Spend, TakeLook, Tell, Wait

POLICY = Policy()
START = 1_800_000_000_000
WATCHED = Watched(
    deployable="demo",
    name="counter",
    ha_port=1,
    http_port=2,
    front=Front(),
    start_grace_s=60,
    tolerance=Tolerance(2, 3600),
    on_disagreement=OnDisagreement.REPORT,
)


@dataclass
class Node:
    """One machine: on or terminated, its agent well or hung. running: applications under this epoch, 0 for none."""

    name: str
    launched_ms: int
    on: bool = True
    hung: bool = False
    cut_off: bool = False  # from the probes alone
    running: int = 0
    seq: int = 1
    dies_young: bool = False


@dataclass
class Little:
    """A world of one assembly, a second a step, in which functions act through the shipped decisions."""

    seed: int
    now_ms: int = START
    nodes: dict[str, Node] = field(default_factory=dict)
    permit: Permit | None = None
    incident: Incident | None = None
    budget: Budget = field(default_factory=Budget)
    looks: dict[str, Looks] = field(default_factory=dict)
    reports: dict[str, Report] = field(default_factory=dict)
    kills: list[str] = field(default_factory=list)
    ended: list[Incident] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)  # noqa: S311 - a made-up world, not a secret
        self.launch()

    def launch(self) -> None:
        name = f"i-{len(self.nodes):04d}"
        self.nodes[name] = Node(name, self.now_ms, dies_young=self.chance.random() < 0.1)

    def view(self, fresh: dict[str, FreshLook] | None = None) -> View:
        members = {
            n.name: Member(instance=n.name, lifecycle="InService" if n.running else "Pending:Wait", healthy=True)
            for n in self.nodes.values()
            if n.on
        }
        machines = {
            n.name: Machine(instance=n.name, state="running" if n.on else "terminated", address="x", launched_ms=n.launched_ms)
            for n in self.nodes.values()
        }
        return View(
            watched=WATCHED, now_ms=self.now_ms, group="g", permit=self.permit, incident=self.incident, budget=self.budget,
            reports=dict(self.reports), looks=dict(self.looks), machines=machines, members=members, fresh=fresh or {},
        )  # fmt: skip

    def look(self, node: Node) -> Look:
        well = node.on and not node.hung and not node.cut_off and node.running > 0
        said = "ok" if well else "no answer"
        look = Look(at_ms=self.now_ms, verdict=Verdict.HEALTHY if well else Verdict.FAILING, ha=said, http=said)
        before, report = self.looks.get(node.name), self.reports.get(node.name)
        self.looks[node.name] = with_look(before, look, report, of=("demo", "counter", node.name))
        return look

    def second(self) -> None:
        self.now_ms += 1000
        for node in self.nodes.values():
            if node.on and not node.hung:
                self.agent(node)
            if node.on and node.dies_young and self.now_ms - node.launched_ms > 20_000:
                node.on, node.running = False, 0
        if not any(n.on for n in self.nodes.values()):
            self.launch()
        if (self.now_ms // 1000) % 10 == 0:
            for node in self.nodes.values():
                if node.name in self.reports and node.on:
                    self.look(node)
        if self.chance.random() < 0.7:
            self.admit()
        if self.chance.random() < 0.7:
            self.recover()
        running = [n.name for n in self.nodes.values() if n.on and n.running]
        assert len(running) <= 1, f"two at once: {running}"

    def agent(self, node: Node) -> None:
        if self.permit is not None and self.permit.instance == node.name:
            node.running = self.permit.epoch
        node.seq += 1
        phase = Phase.RUNNING if node.running else Phase.WAITING
        self.reports[node.name] = Report(
            deployable="demo", assembly="counter", instance=node.name, boot="b", seq=node.seq, epoch=node.running, at_ms=0, phase=phase,
            verdict=Verdict.HEALTHY if node.running else Verdict.UNKNOWN, applications=(), address="x", ha_port=1, http_port=2, agent="1",
            expires_at=2**40,
        )  # fmt: skip

    def admit(self) -> None:
        for node in [n for n in self.nodes.values() if n.on and not n.running]:
            heard = not node.hung and not node.cut_off
            look = Look(at_ms=self.now_ms, verdict=Verdict.FAILING, ha="says FAILED waiting" if heard else "no answer", http="-")
            fresh = FreshLook(look=look, answered=heard, report_age_s=0, taken_ms=self.now_ms)
            step = admission.next_step(self.view({node.name: fresh}), node.name)
            if isinstance(step, admission.WritePermit) and step.over == self.permit:
                self.permit = step.permit
            elif isinstance(step, admission.Abandon):
                node.on = False

    def recover(self) -> None:
        fresh: dict[str, FreshLook] = {}
        for _ in range(40):
            view = self.view(fresh)
            decision = next_step(view, POLICY, woken_by="tick")
            incident = self.incident
            match decision.step:
                case Leave() | Wait():
                    return
                case step if isinstance(step, Change):
                    changed = apply(view, decision)
                    self.incident = replace(changed, revision=changed.revision + 1)
                    if changed.ended:
                        self.ended.append(self.incident)
                case Spend():
                    self.budget = charged(view)
                case TakeLook(name):
                    seen = self.look(self.nodes[name])
                    fresh[name] = FreshLook(look=seen, answered=seen.ha == "ok", report_age_s=0, taken_ms=self.now_ms)
                case KeepEvidence() if incident is not None:
                    self.incident = replace(incident, evidence_done=True)
                case Fence(name, force) if incident is not None:
                    self.fence(self.nodes[name], incident)
                    self.incident = replace(incident, fence=2 if force else 1, fenced_ms=incident.fenced_ms or self.now_ms)
                case Tell(what) if incident is not None:
                    self.incident = replace(incident, told=(*incident.told, what))
                case NudgeGroup() | PlaceFront():
                    return
        raise AssertionError("it spins")

    def fence(self, node: Node, incident: Incident) -> None:
        if node.on:
            assert node.hung, f"killed {node.name}, which was well: {incident.reason}"
            assert incident.evidence_done
            assert self.budget.holds(incident.id)
            self.kills.append(node.name)
        node.on, node.running = False, 0


FAULTS = st.lists(st.tuples(st.integers(0, 600), st.sampled_from(["hang", "kill", "cut", "mend"])), max_size=8)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32), faults=FAULTS)
def test_never_two_no_kill_without_cause_every_incident_ends_and_it_serves_again(seed: int, faults: list[tuple[int, str]]) -> None:
    live_through(seed, faults)


@pytest.mark.heavy
@settings(max_examples=3000, deadline=None)
@given(seed=st.integers(0, 2**32), faults=FAULTS)
def test_the_same_of_three_thousand_histories(seed: int, faults: list[tuple[int, str]]) -> None:
    live_through(seed, faults)


def live_through(seed: int, faults: list[tuple[int, str]]) -> None:
    """Ten minutes of faults (second of it, what), and as long again in which nothing new breaks."""
    world = Little(seed)
    for at_s in range(600):
        for when, what in faults:
            node = max((n for n in world.nodes.values() if n.on), key=lambda n: n.launched_ms, default=None)
            if when == at_s and node is not None:
                if what == "hang":
                    node.hung = True
                elif what == "kill":
                    node.on, node.running = False, 0
                else:
                    node.cut_off = what == "cut"
        world.second()
    for node in world.nodes.values():
        node.cut_off = False
    for _ in range(700):
        world.second()

    holder = world.nodes[world.permit.instance] if world.permit else None
    assert holder is not None
    assert holder.on
    given_up = world.incident is not None and world.incident.state in (State.ESCALATED, State.EXHAUSTED, State.SUPPRESSED)
    assert given_up or (holder.running and not holder.hung)
    assert world.incident is None or world.incident.ended or world.now_ms - world.incident.opened_ms < POLICY.incident_s * 1000


def test_a_hung_node_is_killed_and_its_successor_serves() -> None:
    """The world above is no idle one: what may happen in it does happen."""
    world = Little(seed=1)
    for _ in range(60):
        world.second()
    (first,) = world.nodes.values()
    first.hung = True
    for _ in range(120):
        world.second()

    assert world.kills == [first.name]
    assert [i.state for i in world.ended] == [State.RECOVERED]
    assert world.nodes[world.ended[0].new_instance].running == 2


@settings(max_examples=200, deadline=None)
@given(times=st.lists(st.integers(0, 3_600_000), max_size=60))
def test_no_window_ever_holds_more_replacements_than_the_budget(times: list[int]) -> None:
    budget = Budget()
    allowed: list[int] = []
    for n, at_ms in enumerate(sorted(times)):
        now_ms = START + at_ms
        incident = Incident(
            deployable="demo", assembly="counter", id=f"{n}", revision=1, instance="i", epoch=n, state=State.CONFIRMED,
            cause=Cause.SIGNALS, reason="", woken_by="", failed_ms=1, opened_ms=now_ms, state_ms=now_ms,
        )  # fmt: skip
        view = View(watched=WATCHED, now_ms=now_ms, incident=incident, budget=budget)
        if next_step(view, POLICY, woken_by="alarm").step == Spend():
            allowed.append(now_ms)
            budget = charged(view)

    for start in allowed:
        assert sum(start <= at <= start + POLICY.budget_window_s * 1000 for at in allowed) <= POLICY.budget_replacements

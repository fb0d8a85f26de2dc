"""One history: drawn from a seed, lived through, and held to the promises."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from random import Random

from core import names
from core.database import Database, Engine
from core.model import FrontKind, OnDisagreement, Tolerance
from core.policy import DEFAULT
from core.recovery.incident import State
from core.recovery.intents import Kind
from simulation.agent import Agent
from simulation.application import Health
from simulation.events import Post
from simulation.faults import begin
from simulation.groups import Group
from simulation.machines import ALIVE, Machine, Pace
from simulation.people import say
from simulation.plan import SIZES, Plan, plan_of
from simulation.rest import troubles
from simulation.watch import Broken
from simulation.world import World

FIRST_S = 900.0  # by when all serve for the first time
# After the last fault: a minute's tick that finds it, an incident's verification and its page, a hook's own limit, and as much again.
SERVES_WITHIN_S = 2400.0
PERSON_S = 900.0  # who was told acts so long after the last fault,
PERSON_AGAIN_S = 600.0  # and looks again from time to time
FRONTS = (FrontKind.ELASTIC_IP, FrontKind.NONE, FrontKind.NLB, FrontKind.ALB, FrontKind.NETWORK_INTERFACE)
BUDGET_S = 90.0  # how long a database may be silent before its applications count as failed: short, as histories are
HELD_STILL = {"HealthCheck", "ReplaceUnhealthy", "AZRebalance", "AlarmNotification", "ScheduledActions"}  # stacks.rollout
DEPLOY_S = 1500.0


@dataclass
class Result:
    seed: int
    broken: str
    counted: Counter[str]
    outcomes: Counter[str]
    virtual_s: float
    calls: int
    lines: list[str]


@dataclass
class History:
    plan: Plan
    tells: bool = False
    births: dict[tuple[str, str], list[tuple[Health, float]]] = field(default_factory=dict)
    _bad: dict[tuple[str, str], int] = field(default_factory=dict)  # a version whose application is never ready

    def __post_init__(self) -> None:
        plan, self.chance = self.plan, Random(f"history {self.plan.seed}")  # noqa: S311 - to be repeated, not secret
        draw = self.chance.uniform
        pace = Pace(launch=draw(0.5, 4), run=draw(1, 6), boot=draw(2, 15), off=draw(0.5, 6), detect=draw(2, 60), event=draw(0.1, 2))
        traits = Counter(plan.traits)  # what is not named is 0
        database = None
        if traits["database"]:
            database = Database(
                engine=Engine.POSTGRES, version="16.4", instance="db.t4g.micro", multi_az=traits["database"] == 2, busy_budget_s=BUDGET_S
            )
        self.world = World(
            plan.seed, plan.assemblies, FRONTS[int(traits["front"])], tells=self.tells, pace=pace, database=database,
            volumes=traits["volume"] > 0, tolerance=Tolerance(0 if traits["intolerant"] else 2, 3600.0),
            post=Post(lost=traits["lost"], twice=traits["twice"], late=traits["late"]),
            on_disagreement=OnDisagreement.REPLACE if traits["disagreement"] else OnDisagreement.REPORT,
            policy=replace(DEFAULT, disagreement_s=75.0, fence_timeout_s=traits["proceed"] or None),
        )  # fmt: skip
        world = self.world
        world.weather.latency_s, world.skews_s = traits["latency"], traits["skew"]
        world.stale_reads, world.hidden_s = traits["stale"], traits["hidden"]
        world.groups.signalled = self._signalled
        world.born = self._born  # type: ignore[method-assign]  # the world asks who watches it
        world.has.balancers.new_target_s = draw(60.0, 180.0) if world.front is FrontKind.NLB else draw(5.0, 30.0)
        least, most = next((least, most) for _, least, most in SIZES if least <= plan.assemblies <= most)
        world.counted[f"whole history: {least} to {most} assemblies" if most > least else f"whole history: {least} assemblies"] += 1
        world.counted[f"whole history: front {world.front.value}"] += 1
        for name in ("skew", "late", "twice", "lost", "disagreement", "proceed", "volume", "database", "intolerant"):
            if traits[name]:
                world.counted[f"whole history: {name}"] += 1

    def live(self) -> Result:
        """All of it. What broke is in the result, with the timeline where it is told."""
        world = self.world
        began_ms = world.schedule.now_ms
        try:
            self._live()
        except (Broken, AssertionError) as error:
            world.watch.faults.append(error)
        finally:
            self._cut_short()
        broken = str(world.watch.faults[0]) if world.watch.faults else ""
        virtual_s = (world.schedule.now_ms - began_ms) / 1000
        return Result(self.plan.seed, broken, world.counted, Counter(world.watch.outcomes), virtual_s, world.weather.calls, world.lines)

    def _live(self) -> None:
        world, schedule = self.world, self.world.schedule
        world.build()
        self._until_well(FIRST_S, "for the first time")
        before = len(world.watch.outcomes)
        began_ms = schedule.now_ms
        for fault in self.plan.faults:
            schedule.later(fault.at_s, lambda fault=fault: begin(self, fault))  # type: ignore[misc]  # this turn's
        last_s = max((fault.at_s + fault.for_s for fault in self.plan.faults), default=self.plan.minutes * 60)
        schedule.run(began_ms + int(last_s * 1000) + 1, lambda: bool(world.watch.faults))
        self._settle()
        self._afterwards(before)

    def _until_well(self, within_s: float, when: str) -> None:
        world = self.world
        end_ms = world.schedule.now_ms + int(within_s * 1000)
        world.schedule.run(end_ms, lambda: bool(world.watch.faults) or not troubles(world))
        if not world.watch.faults and troubles(world):
            raise Broken(f"not well {within_s:g} s after {when}: {'; '.join(troubles(world)[:3])}")

    def _settle(self) -> None:
        """No fault is left but machines that hang: they are to be replaced. People who were told act, once it has gone on for long."""
        world = self.world
        world.say("fault", "all are over")
        world.weather.die_at.clear()
        world.weather.die_in.clear()
        schedule, end_ms = world.schedule, world.schedule.now_ms + int(PERSON_S * 1000)
        schedule.run(end_ms, lambda: bool(world.watch.faults) or not troubles(world))
        while schedule.now_ms < end_ms + SERVES_WITHIN_S * 1000:
            if world.watch.faults or not troubles(world):
                return
            for place in world.groups.all:
                self._person(place)
            schedule.run(schedule.now_ms + int(PERSON_AGAIN_S * 1000), lambda: bool(world.watch.faults) or not troubles(world))
        self._until_well(1.0, f"{PERSON_S + SERVES_WITHIN_S:g} s of people's work after the last fault")

    def _person(self, place: tuple[str, str]) -> None:
        """Lets go on what an incident stopped, and replaces a node that was left to people: what the message asks for."""
        incident, agent = self.world.watch.incident(place), self.world.holder(place)
        if incident is None or not incident.ended or incident.escalated_to != "person":
            return
        if incident.state in (State.ESCALATED, State.EXHAUSTED):
            say(self.world.table, Kind.RESUME, incident.id, place[0], now_ms=self.world.schedule.now_ms, for_s=3600.0)
        if agent is None:
            return
        if agent.machine.state in ALIVE and not agent.serves:
            self.world.say("person", f"replaces {agent.machine.id}, as incident {incident.id} asks")
            self.world.counted["a person acts"] += 1
            self.world.watch.of(agent.machine.id).meant = True
            self.world.machines.terminate(agent.machine, skip_os=True)

    def _afterwards(self, before: int) -> None:
        """The record as it is kept, when all is over."""
        world = self.world
        if not self.plan.faults and len(world.watch.outcomes) > before:
            world.watch.broken(f"nothing failed, and there are incidents: {world.watch.outcomes}")
        for incident in world.watch.ended.values():
            kept = world.table.items.get(names.incident_pk(incident.deployable, incident.assembly), {})
            if incident.id not in kept:
                # A function that dies right after it ended one leaves it where it is, and whoever opens the next one keeps it.
                if kept[names.OPEN]["id"]["S"] != incident.id:
                    world.watch.broken(f"incident {incident.id} is {incident.state.value}, and history does not know it")
            elif kept[incident.id]["state"]["S"] != incident.state.value:
                world.watch.broken(f"incident {incident.id} is {incident.state.value}, and history says {kept[incident.id]['state']['S']}")

    def _cut_short(self) -> None:
        """Tasks that still wait are let go, or they would be kept alive by each other."""
        self.world.schedule.clear()

    # --- machines that are not good, and deploys ---------------------------------------------------------------------------

    def _born(self, agent: Agent, version: int) -> None:
        place = agent.machine.place
        if self.births.get(place):
            health, dies_after_s = self.births[place].pop()
            agent.application.health = health
            if dies_after_s:
                self.world.schedule.later(dies_after_s, lambda: self._dies(agent.machine))
        if self._bad.get(place) == version:
            agent.application.health.never_ready = True

    def _dies(self, machine: Machine) -> None:
        self.world.machines.fail(machine)

    def deploy(self, group: Group, *, bad: bool) -> None:
        """CloudFormation's rolling update of a group of one: held still, the old one goes, and the new one is to be heard of."""
        if group.waits_for_signal:
            return
        group.version += 1
        group.row, group.waits_for_signal = None, True
        group.suspended |= HELD_STILL
        if bad:
            self._bad[group.place] = group.version
        version = group.version
        self._replace_members(group)
        self.world.schedule.later(DEPLOY_S, lambda: self._back(group, version, "no signal came in time"))

    def _replace_members(self, group: Group) -> None:
        for member in list(group.members.values()):
            if member.version != group.version:
                self.world.watch.of(member.machine.id).meant = True
                self.world.groups.retire(group, member)

    def _signalled(self, group: Group, instance: str, status: str) -> None:
        self.world.say("deploy", f"{instance} says {status}")
        member = group.members.get(instance)
        if member is None or member.version != group.version:
            return  # of the version before, let in while the update began: not the one that is waited for
        if status == "SUCCESS":
            self._over(group)
            return
        self._back(group, group.version, f"{instance} is no good")

    def _back(self, group: Group, version: int, why: str) -> None:
        """The former version is taken up again, under its own number."""
        if group.waits_for_signal and group.version == version:
            self.world.say("deploy", f"goes back: {why}")
            group.version -= 1
            group.row = None
            self._replace_members(group)
            self.world.schedule.later(DEPLOY_S, lambda: self._over(group))

    def _over(self, group: Group) -> None:
        if group.waits_for_signal:
            self.world.say("deploy", "is over")
            group.waits_for_signal = False
            self.world.groups.resume(group, set(HELD_STILL))


def live(seed: int, *, tells: bool = False) -> Result:
    return History(plan_of(seed), tells).live()

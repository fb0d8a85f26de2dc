"""Who watches: the promises of the design, held against what the world really did, at every step."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from core import names
from core.attributes import plain_item
from core.model import Verdict
from core.policy import Policy
from core.records import Look, Phase
from core.recovery.incident import Cause, Incident, parse_incident
from simulation.machines import ALIVE, Machine
from simulation.schedule import task
from simulation.table import Item

if TYPE_CHECKING:
    from simulation.agent import Agent
    from simulation.world import World

POLICY = Policy()
# A decision is made on what was so a moment ago. A function has a minute; a look may be 5 s old when it decides, keeping the
# evidence may take 8, and each call on the way some.
STALE_S = 45.0
SKEW_S = 12.0  # what two functions' clocks may be apart in a history, at most


class Broken(AssertionError):
    """A promise is not kept: says which, and when."""


@dataclass(slots=True)
class Seen:
    """What the world knows of one machine. Times in ms: when it was last not well; when its word of itself was last bad."""

    unwell_ms: int = 0
    gone_ms: int = 0  # when EC2 last began to say that it does not run
    inside_bad_ms: int = 0
    looks: deque[Look] = field(default_factory=lambda: deque(maxlen=12))
    asked: set[int] = field(default_factory=set)
    warned: bool = False  # EC2 takes it back
    meant: bool = False  # a deploy or a person takes it away
    ordered: bool = False  # an operator has said `replace`
    permit_epoch: int = 0


@dataclass
class Watch:
    world: World
    seen: dict[str, Seen] = field(default_factory=dict)
    running: dict[tuple[str, str], dict[str, int]] = field(default_factory=dict)  # place -> instance -> epoch
    held: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)  # place -> since when and until when an operator holds us
    kills: dict[str, tuple[int, str]] = field(default_factory=dict)  # incident -> when, instance; of nodes that EC2 said were running
    told: list[tuple[int, str, str]] = field(default_factory=list)
    ended: dict[str, Incident] = field(default_factory=dict)
    outcomes: list[str] = field(default_factory=list)
    mended: list[Incident] = field(default_factory=list)  # those that AWS mended by itself, once they are over
    well: dict[str, int] = field(default_factory=dict)  # instance -> when its application last served, whoever reached it
    served: dict[str, int] = field(default_factory=dict)  # instance -> when it was last seen to serve
    fronts: dict[str, int] = field(default_factory=dict)  # instance -> when it last had the front
    faults: list[BaseException] = field(default_factory=list)
    _incidents: dict[tuple[tuple[str, str], str], tuple[Item | None, Incident | None]] = field(default_factory=dict)  # as last read

    def of(self, instance: str) -> Seen:
        return self.seen.setdefault(instance, Seen())

    def broken(self, what: str, cause: BaseException | None = None) -> None:
        self.world.say("watch", f"BROKEN: {what}")
        error = Broken(what)
        error.__cause__ = cause
        self.faults.append(error)

    # --- never two ------------------------------------------------------------------------------------------------------

    def started(self, agent: Agent, epoch: int) -> None:
        machine = agent.machine
        there = self.running.setdefault(machine.place, {})
        self.world.say(machine.id, f"starts its application under epoch {epoch}")
        others = [i for i in there if i != machine.id and not self._risked(i)]
        if others:
            self.broken(f"two nodes of {machine.place[1]} run applications: {machine.id} (epoch {epoch}) beside {others}")
        if agent.assembly.state.on_volume and not agent.mounted:
            self.broken(f"{machine.id} starts without its state")
        there[machine.id] = epoch

    def _risked(self, instance: str) -> bool:
        """EC2 does not confirm its end, and the file says to go on all the same."""
        return self.world.policy.fence_timeout_s is not None and self.world.machines.all[instance].stuck

    def stopped(self, agent: Agent, epoch: int) -> None:
        self.running.get(agent.machine.place, {}).pop(agent.machine.id, None)

    # --- what was so ------------------------------------------------------------------------------------------------------

    def asked(self, agent: Agent, epoch: int) -> None:
        self.of(agent.machine.id).asked.add(epoch)
        self.world.say(agent.machine.id, f"asks to be replaced under epoch {epoch}")

    def looked(self, address: str, look: Look) -> None:
        machine = self.world.machines.by_address.get(address)
        if machine is not None:
            self.of(machine.id).looks.append(look)

    def notice(self, agent: Agent) -> None:
        """From time to time, and at each change: what it is like now."""
        machine, now_ms = agent.machine, self.world.schedule.now_ms
        seen = self.of(machine.id)
        if agent.serves:
            self.well[machine.id] = now_ms
        if agent.serves and not agent.probes_cuts:
            self.served[machine.id] = now_ms
        if not agent.serves or agent.probes_cuts or not agent.reaches_table:
            seen.unwell_ms = now_ms
        if self.world.front_holder(machine.place) == machine.id:
            self.fronts[machine.id] = now_ms
        said = agent.said
        silent = now_ms - agent.reported_ms >= (POLICY.report_silent_s - 1) * 1000
        if silent or said is None or said.verdict is Verdict.FAILING or said.phase is Phase.WAITING:
            seen.inside_bad_ms = now_ms

    # --- no kill without its reason ---------------------------------------------------------------------------------------

    def before(self, operation: str, arguments: Item) -> None:
        """A function is about to change something."""
        caller = task()
        if caller is None:
            return
        if operation == "terminate_instances":
            for instance in arguments["InstanceIds"]:
                self._kill(instance, caller.name)
        elif operation == "terminate_instance_in_auto_scaling_group":
            self._kill(arguments["InstanceId"], caller.name)
        elif operation == "reboot_db_instance":
            self._reboot(arguments["DBInstanceIdentifier"])
        elif operation == "complete_lifecycle_action" and arguments["LifecycleActionResult"] == "ABANDON":
            self._abandon(arguments["InstanceId"])

    def _kill(self, instance: str, who: str) -> None:
        machine = self.world.machines.all.get(instance)
        if machine is None or machine.state not in ALIVE:
            return  # EC2's word
        if who != "recover_assembly":
            self.broken(f"{who} terminates {instance}")
            return
        seen, incident = self.of(instance), self.incident(machine.place)
        if seen.warned or seen.meant or self._is_spare(machine, seen):
            return
        if incident is None or incident.ended or incident.instance != instance:
            self.broken(f"{instance} is terminated, and no open incident is about it")
            return
        self.world.say("watch", f"{instance} is terminated: {incident.cause.value}: {incident.reason}")
        self._justified(machine, seen, incident)
        if incident.id not in self.kills:
            self.kills[incident.id] = (self.world.schedule.now_ms, instance)
            self._within_budget()

    def _is_spare(self, machine: Machine, seen: Seen) -> bool:
        """It was launched beside the permit's holder, and nobody ever ran anything on it."""
        holder = self.world.holder(machine.place)
        return seen.permit_epoch == 0 and holder is not None and holder.machine is not machine and holder.machine.state in ALIVE

    def _justified(self, machine: Machine, seen: Seen, incident: Incident) -> None:
        now_ms, agent = self.world.schedule.now_ms, self.world.agent_of(machine)
        self.notice(agent)
        if not incident.evidence_done:
            self.broken(f"{machine.id} is terminated before its evidence was kept")
        if incident.cause is Cause.ESCALATION:
            leader = self.incident((incident.deployable, incident.leader))
            if leader is None or leader.id != incident.ladder or leader.ended or not leader.confirmed_ms:
                self.broken(f"{machine.id} is terminated with its deployable, and no open incident leads that")
            return
        since_ms, until_ms = self.held.get(machine.place, (0, 0))
        held = since_ms + SKEW_S * 1000 < incident.opened_ms and now_ms < until_ms - SKEW_S * 1000
        if held and incident.cause is not Cause.OPERATOR:
            self.broken(f"{machine.id} is terminated, and an operator holds its assembly: {incident.cause.value}")
        if incident.cause is Cause.OPERATOR:
            if not seen.ordered:
                self.broken(f"{machine.id} is terminated as ordered, and nobody has said so")
            return
        if incident.cause is Cause.DISAGREEMENT:
            self._fails_outside(machine, seen, now_ms)
        elif incident.cause is Cause.REQUEST:
            if incident.epoch not in seen.asked:
                self.broken(f"{machine.id} is terminated on a request that it never made under epoch {incident.epoch}")
        elif incident.cause is Cause.GONE:
            if seen.gone_ms < incident.opened_ms - 120_000:
                self.broken(f"{machine.id} is terminated as gone, and EC2 says {machine.state}")
        else:
            self._two_signals(machine, seen, now_ms)
        if now_ms - seen.unwell_ms > STALE_S * 1000:
            self.broken(f"{machine.id} is terminated, and has been well for {(now_ms - seen.unwell_ms) / 1000:.0f} s: {incident.reason}")

    def _two_signals(self, machine: Machine, seen: Seen, now_ms: int) -> None:
        if now_ms - seen.inside_bad_ms > STALE_S * 1000:
            self.broken(f"{machine.id} is terminated, and its word of itself was not bad lately")
        self._fails_outside(machine, seen, now_ms)

    def _fails_outside(self, machine: Machine, seen: Seen, now_ms: int) -> None:
        failing: list[int] = []  # the newest unbroken run of failing looks; one that came since may be better already
        for look in reversed(seen.looks):
            if look.verdict is Verdict.FAILING:
                failing.append(look.at_ms)
            elif failing:
                break
        if not failing or now_ms - max(failing) > (STALE_S + SKEW_S) * 1000:
            self.broken(f"{machine.id} is terminated without a look that failed lately")
        elif len(failing) < 2:
            self.broken(f"{machine.id} is terminated after one failing look")

    def _within_budget(self) -> None:
        now_ms = self.world.schedule.now_ms
        recent = [at_ms for at_ms, _ in self.kills.values() if now_ms - at_ms < (POLICY.budget_window_s - SKEW_S - STALE_S) * 1000]
        if len(recent) > POLICY.budget_replacements:
            self.broken(f"{len(recent)} replacements within {POLICY.budget_window_s:g} s, at most {POLICY.budget_replacements}")

    def _reboot(self, name: str) -> None:
        """A database is failed over for nodes that could not reach it, and while nobody is connected."""
        deployable, database = next((d, one) for d, one in self.world.has.databases.all.items() if one.name == name)
        if not database.silent_ms:
            self.broken(f"{name} is failed over, and was never silent")
        leaders = [self.incident(place) for place in self.world.groups.all if place[0] == deployable]
        if not any(one is not None and not one.ended and one.ladder == one.id for one in leaders):
            self.broken(f"{name} is failed over, and no rung of its deployable asks for it")
        late_ms = max((one.confirmed_ms for one in leaders if one is not None), default=0) + self.world.policy.rung_stop_s * 1000
        running = [i for place, there in self.running.items() if place[0] == deployable for i in there if not self._risked(i)]
        if running and self.world.schedule.now_ms < late_ms - SKEW_S * 1000:
            self.broken(f"{name} is failed over while {running} run applications")

    def _abandon(self, instance: str) -> None:
        machine = self.world.machines.all.get(instance)
        if machine is None or machine.state not in ALIVE:
            return
        agent = self.world.agent_of(machine)
        self.notice(agent)
        well_s = (self.world.schedule.now_ms - self.of(instance).unwell_ms) / 1000
        if well_s > STALE_S:
            self.broken(f"{instance} is not let in, and has served for {well_s:.0f} s")

    def incident(self, place: tuple[str, str], *, sk: str = names.OPEN) -> Incident | None:
        """The assembly's latest; sk: of recovery, or BY_AWS with a kind."""
        item = self.world.table.items.get(names.incident_pk(*place), {}).get(sk)
        known = self._incidents.get((place, sk))
        if known is None or known[0] is not item:
            known = self._incidents[place, sk] = (item, parse_incident(plain_item(item)) if item is not None else None)
        return known[1]

    def message(self, subject: str, text: str) -> None:
        self.told.append((self.world.schedule.now_ms, subject, text))
        self.world.say("people", subject)

"""One made-up world: everything of AWS that the functions reach, the nodes, and the functions themselves, under one clock."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from botocore.exceptions import ReadTimeoutError

from core import names
from core.database import Database
from core.model import Assembly, FrontKind, OnDisagreement, Tolerance
from core.policy import DEFAULT, Policy
from lambdas import admit_node, move_front, probe_nodes, record_event, recover_assembly, retire_node, tick
from simulation import seam
from simulation.agent import Agent
from simulation.belongings import Belongings
from simulation.events import Events, Post
from simulation.foundation import DEPLOYABLE, OWN_MAX, model_of, variables
from simulation.functions import Function, Functions, Queue
from simulation.groups import Group, Groups
from simulation.groups_api import GroupsApi
from simulation.machines import ALIVE, Machine, Machines, Pace
from simulation.schedule import Ended, Schedule, task
from simulation.services import Alarms, Bucket, Parameters, Queues, Topic
from simulation.table import Table, refused
from simulation.truth import Truth
from simulation.watch import Watch
from simulation.weather import Trouble, Weather

ZONES = ("a", "b")
TOLERANT = Tolerance(2, 3600.0)
_WATCHED = {"terminate_instances", "terminate_instance_in_auto_scaling_group", "complete_lifecycle_action", "reboot_db_instance"}


@dataclass
class World:
    seed: int
    assemblies: int = 1
    front: FrontKind = FrontKind.ELASTIC_IP
    start_grace_s: float = 60.0
    tells: bool = False  # keep a timeline
    file: Callable[[Assembly], Assembly] = lambda model: model  # what the deployable's file says otherwise
    pace: Pace = field(default_factory=Pace)
    post: Post = field(default_factory=Post)
    on_disagreement: OnDisagreement = OnDisagreement.REPORT
    policy: Policy = DEFAULT
    tolerance: Tolerance = TOLERANT
    volumes: bool = False  # state is kept on one
    database: Database | None = None

    def __post_init__(self) -> None:
        self.chance = Random(self.seed)  # noqa: S311 - a made-up world, not a secret
        self.counted: Counter[str] = Counter()
        self.lines: list[str] = []
        self.schedule = Schedule()
        self.weather = Weather(Random(self.seed + 1), self.counted)  # noqa: S311 - to be repeated, not secret
        self.skews_s, self.stepped_ms = 0.0, 0
        self.table_down = False
        self.kept_by_budget = self.assemblies <= 50  # its item keeps a hundred entries
        self.stale_reads = self.hidden_s = 0.0
        self.watch, self.events = Watch(self), Events(self, self.post)
        self.table = Table(lambda: self.schedule.now_ms, lambda: self.draws(self.stale_reads, "eventually consistent read"))
        self.machines = Machines(self.schedule, self.chance, self.pace, self.events.emit, self._machine_changed, self._shadow)
        self.has = Belongings(self)
        self.groups = Groups(self.schedule, self.chance, self.machines, self.events.emit)
        self.functions = Functions(self)
        self.queues = Queues(self.schedule, self.functions.receive, self.events.copies, self.events.late_s)
        self.bucket, self.parameters, self.topic = Bucket(), Parameters(), Topic(self.watch.message)
        self.alarms = Alarms(self.schedule, self.chance, self.events.rings)
        scaling = GroupsApi(self.groups)
        self._services: dict[str, tuple[Any, ...]] = {
            "dynamodb": (self.table,), "ec2": (self.machines, self.has.attachments), "elbv2": (self.has.balancers,), "s3": (self.bucket,),
            "autoscaling": (scaling,), "cloudformation": (scaling,), "rds": (self.has.databases,), "cloudwatch": (self.alarms,),
            "sqs": (self.queues,), "sns": (self.topic,), "lambda": (self.functions,), "ssm": (self.parameters,), "events": (self.events,),
        }  # fmt: skip
        self._acts: dict[tuple[str, str], Callable[..., Any]] = {}
        self.table.written += [Truth(self.watch).written, self.events.written]
        self._install()

    # --- making it ---------------------------------------------------------------------------------------------------------

    def _install(self) -> None:
        self.models = tuple(self.file(model_of(f"a{number}", self)) for number in range(self.assemblies))
        for name, handler, timeout_s, retries, age_s in (
            ("tick", lambda: tick.handler, 50, 0, 60), ("probe_nodes", lambda: probe_nodes.handler, 20, 0, 60),
            ("recover_assembly", lambda: recover_assembly.handler, 60, 2, 600), ("admit_node", lambda: admit_node.handler, 60, 2, 600),
            ("retire_node", lambda: retire_node.handler, 60, 2, 600), ("move_front", lambda: move_front.handler, 30, 2, 600),
            ("record_event", lambda: record_event.handler, 900, 2, 600),
        ):  # fmt: skip
            self.functions.all[name] = Function(handler, timeout_s, retries, age_s)
        self.functions.queues = {"tick-queue": Queue("probe_nodes", 60, 2), "recover-queue": Queue("recover_assembly", 75, 3)}
        self.archive: dict[str, str] = {}  # what lies beside the functions' code
        seam.install(self, variables(self))
        if self.assemblies > OWN_MAX:
            self.schedule.keep = seam.keep_register
        self.schedule.later(self.chance.uniform(0.5, 20), self.events.minute)

    def place(self, number: int) -> tuple[str, str]:
        name = DEPLOYABLE if self.assemblies <= OWN_MAX else f"{DEPLOYABLE}-{number // 10 * 10}"
        return name, self.models[number].name

    def build(self) -> None:
        """The stack is deployed: each group launches its first node."""
        for number, model in enumerate(self.models):
            zones: tuple[str, ...] = ZONES if number % 2 == 0 else ZONES[::-1]
            if self.volumes or self.front is FrontKind.NETWORK_INTERFACE:
                zones = zones[:1]  # these cannot leave theirs
            group = Group(f"group-{model.name}", self.place(number), self._guest(model), zones)
            self.groups.add(group)

    def _guest(self, model: Assembly) -> Callable[[Machine, int], Agent]:
        def guest(machine: Machine, version: int) -> Agent:
            agent = Agent(self, machine, model)
            self.born(agent, version)
            return agent

        return guest

    def born(self, agent: Agent, version: int) -> None:
        """A history may say what is wrong with a new machine."""

    # --- asked by all of it ----------------------------------------------------------------------------------------------

    def agent_of(self, machine: Machine) -> Agent:
        guest = machine.guest
        assert isinstance(guest, Agent)
        return guest

    def living_runs(self, instance: str) -> dict[str, set[int]]:
        """As the marks in a machine's processes tell it (agent.adoption)."""
        agent = self.agent_of(self.machines.all[instance])
        return {agent.assembly.applications[0].name: {agent.application.run}} if agent.application.alive else {}

    def holder(self, place: tuple[str, str]) -> Agent | None:
        item = self.table.items.get(names.permit_pk(*place), {}).get(names.CURRENT)
        machine = self.machines.all.get(item["instance"]["S"]) if item else None
        return self.agent_of(machine) if machine is not None else None

    def front_kind(self, place: tuple[str, str]) -> FrontKind:
        return self.front

    def front_holder(self, place: tuple[str, str]) -> str | None:
        return self.has.front_holder(place)

    def front_accepts(self, allocation: str) -> bool:
        holder = self.machines.associations.get(allocation)
        return holder is not None and self.agent_of(self.machines.all[holder]).serves

    def ask_node(self, address: str) -> tuple[str, str] | None:
        machine = self.machines.by_address.get(address)
        return self.agent_of(machine).answers() if machine is not None else None

    def now_ms(self) -> int:
        caller = task()
        return self.schedule.now_ms + self.stepped_ms + (caller.skew_ms if caller is not None else 0)

    def skew(self) -> int:
        return int(self.chance.uniform(-self.skews_s, self.skews_s) * 1000) if self.skews_s else 0

    def sleep(self, seconds: float) -> None:
        caller = task()
        assert caller is not None, "only a function sleeps"
        caller.sleep(max(0.001, seconds))  # the world counts in milliseconds, and no sleep takes none

    def say(self, who: str, what: str, **more: Any) -> None:
        if self.tells:
            at_s = (self.schedule.now_ms - 1_800_000_000_000) / 1000
            rest = " ".join(f"{k}={v}" for k, v in more.items())
            self.lines.append(f"{at_s:9.3f}  {who:18} {what} {rest}".rstrip())

    def heard(self, line: str) -> None:
        """What a function prints: a metric, or a word for the log."""
        if line.startswith('{"_aws"'):
            said = json.loads(line)
            metric = said["_aws"]["CloudWatchMetrics"][0]["Metrics"][0]
            if metric["Name"] == names.METRIC_HEALTHY:
                self.alarms.heard(said, int(said[metric["Name"]]), int(said["_aws"]["Timestamp"]))
        elif self.tells:
            caller = task()
            said = json.loads(line)
            self.say(caller.name if caller else "?", said.pop("what"), **{k: v for k, v in said.items() if k != "who"})

    # --- calls of AWS ----------------------------------------------------------------------------------------------------

    def call(self, service: str, operation: str, arguments: dict[str, Any], *, attempts: int, timeout_s: float) -> Any:
        act = self._acts.get((service, operation)) or self._act_of(service, operation)
        caller = task()
        if caller is None:
            return act(**arguments)
        weather = self.weather
        if caller.owes_s:
            owes_s, caller.owes_s = caller.owes_s, 0.0
            caller.sleep(owes_s)
        if weather.latency_s:
            caller.sleep(self.chance.uniform(0, weather.latency_s))
        trouble = weather.of(service, caller.name)
        if trouble is not None:
            return self._troubled(trouble, service, operation, act, arguments, attempts, timeout_s)
        return self._done(operation, act, arguments)

    def _act_of(self, service: str, operation: str) -> Callable[..., Any]:
        act: Callable[..., Any] = next(getattr(part, operation) for part in self._services[service] if hasattr(part, operation))
        self._acts[service, operation] = act
        return act

    def _done(self, operation: str, act: Callable[..., Any], arguments: dict[str, Any]) -> Any:
        if operation in _WATCHED:
            self.watch.before(operation, arguments)
        return act(**arguments)

    def _troubled(
        self, trouble: Trouble | None, service: str, operation: str, act: Any, arguments: dict[str, Any], attempts: int, timeout_s: float
    ) -> Any:
        caller = task()
        assert caller is not None
        error: Exception | None = None
        for attempt in range(attempts):
            if attempt:
                caller.sleep(self.chance.uniform(0, 2.0**attempt))  # botocore's standard mode
                trouble = self.weather.of(service, caller.name)
            if trouble is None:
                return self._done(operation, act, arguments)
            if trouble.slow_s:
                caller.sleep(trouble.slow_s)
            answer = self._done(operation, act, arguments) if trouble.slow_s or trouble.lands else None
            if trouble.slow_s:
                return answer
            if trouble.dies:
                raise Ended(f"the process died at {service}.{operation}, {'done' if trouble.lands else 'not done'}")
            self.say("weather", f"{caller.name}: {service}.{operation}: {trouble}")
            if trouble.code:
                error = refused(trouble.code, operation)
            else:
                caller.sleep(min(timeout_s, 5.0))
                error = ReadTimeoutError(endpoint_url=service)
        assert error is not None
        raise error

    def _shadow(self) -> float:
        return self.chance.uniform(1.0, self.hidden_s) if self.hidden_s else 0.0

    def _machine_changed(self, machine: Machine) -> None:
        if machine.state not in ALIVE:
            self.watch.of(machine.id).gone_ms = self.schedule.now_ms
        if machine.state == "terminated":
            self.has.machine_ended(machine)
        self.groups.machine_changed(machine)

    def draws(self, share: float, what: str) -> bool:
        if share and self.chance.random() < share:
            self.counted[what] += 1
            return True
        return False

"""One assembly as the functions see it at one moment: what was read, and plain questions to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from core.lifecycle.holding import Held
from core.records import Look, Looks, Permit, Report, Request
from core.recovery.budget import Budget
from core.recovery.incident import Incident
from core.recovery.intents import Standing
from core.recovery.rung import NOTHING, DatabaseState, RungSeen, goes_on
from core.recovery.seen import NOBODY, Seen, caller_of, failures_of, is_past_tolerance, lost_of, nodes_of
from core.watching.fleet import Watched

ASLEEP = frozenset({"stopping", "stopped"})  # https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-lifecycle.html


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """An instance as EC2 tells it. changed_ms: when it left `running`, where EC2 says so."""

    instance: str
    state: str
    address: str
    launched_ms: int
    changed_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """An instance as its Auto Scaling group tells it. current: launched from what the group launches now."""

    instance: str
    lifecycle: str
    healthy: bool
    current: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class StackPlace:
    """What CloudFormation calls a group: the stack's id, and the group's logical id in it."""

    stack: str
    logical_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """An Auto Scaling group. wanted: how many instances it is to keep, 0 while somebody takes it down; room: and may, at most.

    stack: None where none made it.

    suspended: its processes that stand still. launches: the version of what it launches now.
    pool: the instances of its warm pool, None where it has none; they are no members.
    """

    name: str
    wanted: int
    members: Mapping[str, Member]
    room: int = 1
    stack: StackPlace | None = None
    suspended: tuple[str, ...] = ()
    launches: str = ""
    pool: Mapping[str, Member] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FreshLook:
    """A look taken for this very decision. taken_ms: the asker's clock; report_age_s: the prober's."""

    look: Look
    answered: bool
    report_age_s: float | None
    taken_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Front:
    """Who holds the front. tried: did it answer when tried from outside; None where it cannot be tried."""

    held_by: str | None
    tried: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """Everything a decision may depend on. now_ms: the reader's wall clock. group: None when there is none.

    reports and requests: those that have not expired. unmet: why an assembly that has to serve before this one does not.
    announced: what EC2 has just said that it will do to the permit's holder, and when; or what became of its volume, by that one's name.
    intents: what operators ask for. suspended, launches: of the group; held: which of its processes we hold still, as it is recorded.
    pool: the instances of the group's warm pool, which are none of its members; None where it has none.
    leader: the incident whose rung takes this assembly along. rung and database: read while they matter to one.
    Worked out (core.recovery.seen): nodes, what all of it says of each instance; failures, replacements that count against the
    tolerance, and whether they are more; another_ready: a node beside the one in service waits for its permit, by its own word;
    lost: its group's nodes, and the permit's holder, that EC2 knows and says are gone;
    led_by, the leader's id while its rung goes on; called_by, the same if that takes this assembly along; else "".
    """

    watched: Watched
    now_ms: int
    group: str | None = None
    wanted: int = 1
    room: int = 1
    stack: StackPlace | None = None
    permit: Permit | None = None
    incident: Incident | None = None
    budget: Budget = field(default_factory=Budget)
    reports: Mapping[str, Report] = field(default_factory=dict)
    requests: Mapping[str, Request] = field(default_factory=dict)
    looks: Mapping[str, Looks] = field(default_factory=dict)
    machines: Mapping[str, Machine] = field(default_factory=dict)
    members: Mapping[str, Member] = field(default_factory=dict)
    fresh: Mapping[str, FreshLook] = field(default_factory=dict)
    front: Front | None = None
    assemblies: int = 1
    unmet: tuple[str, ...] = ()
    leader: Incident | None = None
    rung: RungSeen = NOTHING
    database: DatabaseState | None = None
    announced: str = ""
    intents: Standing = field(default_factory=Standing)
    suspended: tuple[str, ...] = ()
    launches: str = ""
    held: Held = field(default_factory=Held)
    pool: Mapping[str, Member] | None = None
    nodes: Mapping[str, Seen] = field(init=False, repr=False, compare=False)
    failures: int = field(init=False, repr=False, compare=False)
    past_tolerance: bool = field(init=False, repr=False, compare=False)
    another_ready: bool = field(init=False, repr=False, compare=False)
    lost: tuple[str, ...] = field(init=False, repr=False, compare=False)
    led_by: str = field(init=False, repr=False, compare=False)
    called_by: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "nodes", nodes_of(self))
        object.__setattr__(self, "failures", failures_of(self))
        object.__setattr__(self, "past_tolerance", is_past_tolerance(self))
        object.__setattr__(self, "another_ready", any(seen.ready for seen in self.nodes.values()))
        object.__setattr__(self, "lost", lost_of(self))
        object.__setattr__(self, "led_by", self.leader.id if self.leader is not None and goes_on(self.leader) else "")
        object.__setattr__(self, "called_by", caller_of(self))

    def seen(self, instance: str) -> Seen:
        return self.nodes.get(instance, NOBODY)

    @property
    def paused(self) -> str | None:
        """Why nothing is to be replaced now, in an operator's words."""
        asked = self.intents.paused
        return None if asked is None else asked.said

    def is_gone(self, instance: str) -> bool:
        """EC2 says that it does not run any more, or nobody knows it any more."""
        return self.seen(instance).gone

    def is_dead(self, instance: str) -> bool:
        """Gone for good. A stopped machine is not: it can be started again."""
        return self.seen(instance).dead

    def state_of(self, instance: str) -> str:
        machine = self.machines.get(instance)
        return "unknown to EC2" if machine is None else machine.state

    def lifecycle_of(self, instance: str) -> str:
        return self.seen(instance).lifecycle

    def asks(self, instance: str) -> Request | None:
        """Its request to be replaced, if that still stands."""
        return self.seen(instance).request

    def is_woken(self, instance: str) -> bool:
        """Taken out of the warm pool and not started yet: its group has it for a member while EC2 says `stopped` still.

        https://docs.aws.amazon.com/autoscaling/ec2/userguide/warm-pool-instance-lifecycle.html; whoever holds the permit has been started.
        """
        if self.pool is None or self.state_of(instance) not in ASLEEP or self._is_permitted(instance):
            return False
        return self.lifecycle_of(instance).startswith("Pending")

    def is_spare(self, instance: str) -> bool:
        """It says nothing of replacements that it is gone: not started yet, or of a version that is refused whatever it is like."""
        member = self.members.get(instance)
        refused = self.pool is not None and member is not None and not member.current and not self._is_permitted(instance)
        return refused or self.is_woken(instance)

    def _is_permitted(self, instance: str) -> bool:
        return self.permit is not None and self.permit.instance == instance

    def is_starting(self, instance: str) -> bool:
        """Not yet let in by admit_node, which gives it its start grace and abandons it after that."""
        seen = self.seen(instance)
        return seen.pending and not seen.gone

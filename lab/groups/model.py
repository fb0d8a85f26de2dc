"""An Auto Scaling group as its controller sees it: frozen values, no effects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

LAUNCHING = "autoscaling:EC2_INSTANCE_LAUNCHING"
TERMINATING = "autoscaling:EC2_INSTANCE_TERMINATING"
CONTINUE, ABANDON = "CONTINUE", "ABANDON"

# https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-suspend-resume-processes.html
PROCESSES = (
    "Launch",
    "Terminate",
    "AddToLoadBalancer",
    "AlarmNotification",
    "AZRebalance",
    "HealthCheck",
    "InstanceRefresh",
    "ReplaceUnhealthy",
    "ScheduledActions",
)

# https://docs.aws.amazon.com/autoscaling/ec2/userguide/lifecycle-hooks.html: 48 hours or 100 times the heartbeat timeout
_GLOBAL_TIMEOUT_MAX_S = 48 * 3600

LIVE_STATES = ("Pending", "Pending:Wait", "Pending:Proceed", "InService")  # count towards the capacity
LEAVING_STATES = ("Terminating", "Terminating:Wait", "Terminating:Proceed")
# In the warm pool: https://docs.aws.amazon.com/autoscaling/ec2/userguide/warm-pool-instance-lifecycle.html
WARMED = "Warmed:"
RESTING_STATES = ("Warmed:Stopped", "Warmed:Running")
EC2, GROUP, POOL = "EC2", "AutoScalingGroup", "WarmPool"  # Origin and Destination of events


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """A lifecycle hook. heartbeat_s: AWS's seconds."""

    name: str
    transition: str
    heartbeat_s: int = 3600
    default_result: str = ABANDON
    metadata: str | None = None
    target_arn: str | None = None
    role_arn: str | None = None

    @property
    def global_timeout_s(self) -> int:
        return min(_GLOBAL_TIMEOUT_MAX_S, 100 * self.heartbeat_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """A lifecycle action not yet completed. deadline, last_deadline: real seconds since the epoch."""

    hook: Hook
    token: str
    deadline: float
    last_deadline: float  # heartbeats cannot move the deadline past this

    @property
    def ends_at(self) -> float:
        return min(self.deadline, self.last_deadline)


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """An instance in the group. ec2_state, ec2_since, impaired: as last observed in EC2; times in real seconds."""

    instance_id: str
    subnet_id: str
    zone: str
    instance_type: str
    template: Mapping[str, str]  # LaunchTemplateId, LaunchTemplateName, Version it was launched from
    state: str = "Pending"
    healthy: bool = True
    unhealthy_cause: str = ""
    protected: bool = False
    activity: str = ""  # of the launch or termination in progress
    waits: tuple[Wait, ...] = ()
    in_service_at: float | None = None
    ec2_state: str = "pending"
    ec2_since: float = 0.0
    impaired_since: float | None = None
    ending: bool = False  # EC2 was asked to terminate it
    skip_hooks: bool = False  # a group deleted by force runs no hooks
    replaced: bool = False  # it leaves because it is to be replaced, not because capacity shrinks
    origin: str = EC2  # where it came from: EC2, or the warm pool
    parking: bool = False  # EC2 was asked to stop it, for the pool

    @property
    def in_pool(self) -> bool:
        return self.state.startswith(WARMED)

    @property
    def plain_state(self) -> str:
        """Its state, as one in the group has it: Warmed:Pending:Wait is Pending:Wait."""
        return self.state.removeprefix(WARMED)

    @property
    def launching(self) -> bool:
        return self.plain_state.startswith("Pending")

    @property
    def leaving(self) -> bool:
        return self.plain_state in LEAVING_STATES


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """A launch decided upon whose RunInstances comes at due_at (real seconds)."""

    activity: str
    due_at: float
    into_pool: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """A warm pool: https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_WarmPoolConfiguration.html.

    prepared: MaxGroupPreparedCapacity; None: the group's maximum counts.
    """

    min_size: int = 0
    prepared: int | None = None
    state: str = "Stopped"
    reuse: bool | None = None  # ReuseOnScaleIn as it was given; never true here
    deleting: bool = False
    failures: int = 0  # launches into it that failed in a row
    next_launch_at: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """settings: CreateAutoScalingGroup's parameters that only describe; the rest has fields of its own."""

    name: str
    arn: str
    created_at: float
    min_size: int
    max_size: int
    desired: int
    grace_s: float = 0.0  # AWS's seconds
    subnets: tuple[tuple[str, str], ...] = ()  # (subnet, zone)
    template: Mapping[str, str] = field(default_factory=dict)  # as given: id or name, version (also $Latest, $Default)
    overrides: tuple[str, ...] = ()  # instance types of a mixed instances policy, in order of preference
    spot: bool = False  # what a mixed instances policy asks for beyond its base
    lifetime_s: float = 0.0  # AWS's seconds in service after which an instance is replaced; 0: never
    tags: tuple[Mapping[str, Any], ...] = ()
    hooks: tuple[Hook, ...] = ()
    suspended: tuple[tuple[str, str], ...] = ()  # (process, reason)
    members: tuple[Member, ...] = ()
    launches: tuple[Launch, ...] = ()
    failures: int = 0  # launches failed in a row
    next_launch_at: float = 0.0
    cause: str = ""  # what the user did last, for the next activity's Cause
    deleting: bool = False
    pool: Pool | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)

    def member(self, instance_id: str) -> Member | None:
        return next((member for member in self.members if member.instance_id == instance_id), None)

    def is_suspended(self, process: str) -> bool:
        return any(name == process for name, _ in self.suspended)

    def hooks_for(self, transition: str) -> tuple[Hook, ...]:
        return tuple(hook for hook in self.hooks if hook.transition == transition)

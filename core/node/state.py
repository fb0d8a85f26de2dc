"""What a node's decision rests on, what it remembers, and what it may do: frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from core.model import Verdict
from core.node.database_outage import Heard
from core.node.supervision import History
from core.records import Permit, Phase


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One application as its processes and probes show it; times on the agent's monotonic clock, in seconds.

    run: the number of the last run. started_at_s: when it was started, or adopted. ended: why the last run ended, None
    while it goes on. started: its own start (an init script's, a resource agent's) has come to its end. degraded: it came
    up, but not whole, and says so. ready: has been healthy in this run. adopted: a former life of the agent started it.
    cannot_tell: why it cannot be known whether a former run still lives.
    """

    run: int = 0
    epoch: int = 0
    alive: bool = False
    stopping: bool = False
    started_at_s: float = 0.0
    ended: str | None = None
    started: bool = True
    degraded: str | None = None
    ready: bool = False
    verdict: Verdict = Verdict.UNKNOWN
    reason: str = ""
    healthy_since_s: float | None = None
    adopted: bool = False
    cannot_tell: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """An operator keeps an application down. hard: it is killed, not asked. at_ms: wall clock, for people."""

    hard: bool = False
    at_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What the keeper of the assembly's state last said; times on the agent's monotonic clock.

    epoch: under which the folder was opened, or refused, 0 before. why: why it is not open. broken: and waiting alone will not
    help. superseded: it was refused, for another node has written since. began_s: what was on the disk then is saved.
    trouble: why nothing newer is.
    """

    epoch: int = 0
    why: str = ""
    broken: bool = False
    superseded: str = ""
    began_s: float = float("-inf")
    trouble: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """All that a decision rests on.

    permit: as last read; None when it was never read or is not there. prepared: the machine is to be stopped in its group's warm pool,
    where it waits to be needed. terminating: Auto Scaling's target state is
    Terminated. stop_asked: the agent was told to stop. powering_off: and the machine goes down for good with it;
    rebooting: it goes down and comes back. held: by application. kept: None where the agent keeps no state. database: None
    where nobody asks it.
    """

    now_s: float
    permit: Permit | None
    prepared: bool = False
    terminating: bool
    stop_asked: bool
    powering_off: bool
    rebooting: bool = False
    applications: Mapping[str, Seen]
    held: Mapping[str, Hold] = field(default_factory=dict)
    kept: Kept | None = None
    database: Heard | None = None

    @property
    def goes_down(self) -> bool:
        """The machine, not the agent alone: nothing outlives it."""
        return self.stop_asked and (self.powering_off or self.rebooting)


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What a node carries from one decision to the next.

    epoch: of the permit that names this node, 0 before the first. confirmed: that permit was read in this life of the
    agent; else the epoch is what a former life left behind. newest: the highest epoch seen in any permit.
    given_up: highest epoch released for good; kept on disk, so that a restart of the agent cannot take it back.
    counted: by application, the last run whose failure was counted, or that was stopped because we said so.
    untold: by application of which we cannot tell whether it runs, when to ask (again) to be replaced.
    held: who was held at the last decision. quiet_since_s: when nothing ran any more on a node that leaves.
    doubts: by application, since when it fails for what may be the database: while there are any, the database is asked.
    """

    instance: str
    epoch: int = 0
    confirmed: bool = False
    newest: int = 0
    given_up: int = 0
    leaving_since_s: float | None = None
    quiet_since_s: float | None = None
    was_running: bool = False
    histories: Mapping[str, History] = field(default_factory=dict)
    counted: Mapping[str, int] = field(default_factory=dict)
    untold: Mapping[str, float] = field(default_factory=dict)
    held: frozenset[str] = frozenset()
    doubts: Mapping[str, float] = field(default_factory=dict)


# --- what it may do ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Start:
    name: str
    epoch: int


@dataclass(frozen=True, slots=True)
class Stop:
    """grace_s: how long it may take after it was asked; 0 kills. drain: it is well, so its drain command comes first."""

    name: str
    grace_s: float
    reason: str
    drain: bool = False


@dataclass(frozen=True, slots=True)
class AskReplacement:
    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Write down, before anybody is told, that this epoch is never taken up again here."""

    epoch: int


Action = Start | Stop | AskReplacement | GiveUp


@dataclass(frozen=True, slots=True, kw_only=True)
class Concluded:
    """What the node says of itself after a decision."""

    phase: Phase
    epoch: int
    verdict: Verdict
    reason: str
    applications: Mapping[str, tuple[Verdict, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """finished: the agent was told to stop, and has nothing left to do first."""

    memory: Memory
    actions: tuple[Action, ...]
    concluded: Concluded
    finished: bool = False

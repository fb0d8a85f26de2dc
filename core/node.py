"""What a node does next: whether it may run anything, what to start and stop, and what it says of itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from core.health import worst
from core.model import Application, Assembly, Verdict
from core.records import Permit, Phase
from core.settings import start_order
from core.supervision import History, after_failure, after_spell

# From the first reason to leave until everything is killed, in seconds; below the unit's TimeoutStopSec (90 s) and
# the terminate hook's heartbeat (180 s), so that the node itself has the last word.
LEAVE_BUDGET_S = 50.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One application as its processes and probes show it; times on the agent's monotonic clock, in seconds.

    run: how often it was started so far. ended: why the last run ended, None while it goes on.
    ready: has been healthy in this run.
    """

    run: int = 0
    epoch: int = 0
    alive: bool = False
    stopping: bool = False
    started_at_s: float = 0.0
    ended: str | None = None
    ready: bool = False
    verdict: Verdict = Verdict.UNKNOWN
    reason: str = ""
    healthy_since_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """All that a decision rests on.

    permit: as last read; None when it was never read or is not there. terminating: Auto Scaling's target state is
    Terminated. stop_asked: the agent was told to stop. powering_off: and the machine goes down for good with it.
    """

    now_s: float
    permit: Permit | None
    terminating: bool
    stop_asked: bool
    powering_off: bool
    applications: Mapping[str, Seen]


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What a node carries from one decision to the next.

    epoch: of the permit that names this node, 0 before the first. newest: the highest epoch seen in any permit.
    given_up: highest epoch released for good; kept on disk, so that a restart of the agent cannot take it back.
    counted: by application, the last run whose failure was counted.
    """

    instance: str
    epoch: int = 0
    newest: int = 0
    given_up: int = 0
    leaving_since_s: float | None = None
    was_running: bool = False
    histories: Mapping[str, History] = field(default_factory=dict)
    counted: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Start:
    name: str
    epoch: int


@dataclass(frozen=True, slots=True)
class Stop:
    name: str
    grace_s: float
    reason: str


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
    memory: Memory
    actions: tuple[Action, ...]
    concluded: Concluded


class _May(StrEnum):
    WAIT = "wait"
    RUN = "run"
    PAUSE = "pause"  # stop, without giving the permit up: the agent is being restarted
    LEAVE = "leave"  # stop for good


def decide(memory: Memory, snapshot: Snapshot, assembly: Assembly) -> Decision:
    """One step. Pure: the same memory and snapshot give the same decision."""
    memory = _heed_permit(memory, snapshot.permit)
    may, why = _may(memory, snapshot)
    if may in (_May.RUN, _May.WAIT):
        memory = replace(memory, leaving_since_s=None)
    elif memory.leaving_since_s is None:
        memory = replace(memory, leaving_since_s=snapshot.now_s)
    if may is _May.RUN:
        return _run(memory, snapshot, assembly)
    return _down(memory, snapshot, assembly, may, why)


def _heed_permit(memory: Memory, permit: Permit | None) -> Memory:
    """Take up a permit that names this node; never an older one than was already seen."""
    if permit is None or permit.epoch < memory.newest:
        return memory
    memory = replace(memory, newest=permit.epoch)
    if permit.instance == memory.instance and permit.epoch > memory.epoch:
        return replace(memory, epoch=permit.epoch, was_running=False, histories={}, counted={})
    return memory


def _may(memory: Memory, snapshot: Snapshot) -> tuple[_May, str]:
    """Whether applications may run here. A table that cannot be read takes nothing back."""
    if snapshot.terminating:
        return _May.LEAVE, "Auto Scaling's target lifecycle state is Terminated"
    if snapshot.stop_asked:
        if snapshot.powering_off:
            return _May.LEAVE, "the machine is powering off"
        return _May.PAUSE, "the agent was told to stop"
    if memory.epoch == 0:
        return _May.WAIT, "no permit names this node yet"
    if memory.newest > memory.epoch or _names_another(memory, snapshot.permit):
        return _May.LEAVE, f"superseded: permit {memory.newest} names another node"
    if memory.epoch <= memory.given_up:
        return _May.LEAVE, f"permit {memory.epoch} was given up here before"
    return _May.RUN, ""


def _names_another(memory: Memory, permit: Permit | None) -> bool:
    """The same epoch in another's name cannot be; if it is, none is better than two."""
    return permit is not None and permit.epoch == memory.epoch and permit.instance != memory.instance


# --- going down ------------------------------------------------------------------------------------------------


def _down(memory: Memory, snapshot: Snapshot, assembly: Assembly, may: _May, why: str) -> Decision:
    """Stop in reverse order, one after the other; all at once and hard when superseded or out of time."""
    alive = [name for name in reversed(start_order(assembly)) if snapshot.applications[name].alive]
    begun_s = memory.leaving_since_s if memory.leaving_since_s is not None else snapshot.now_s
    late = snapshot.now_s - begun_s >= LEAVE_BUDGET_S
    superseded = may is _May.LEAVE and not snapshot.terminating and not snapshot.stop_asked
    actions: list[Action] = []
    if may is _May.WAIT or late or superseded:
        actions += [Stop(name, 0.0, why) for name in alive]
    elif alive:
        grace_s = {application.name: application.stop_timeout_s for application in assembly.applications}[alive[0]]
        left_s = LEAVE_BUDGET_S - (snapshot.now_s - begun_s)
        if not snapshot.applications[alive[0]].stopping:
            actions.append(Stop(alive[0], min(grace_s, left_s), why))
    for_good = may is _May.LEAVE and not alive
    if for_good and memory.epoch > memory.given_up:
        memory = replace(memory, given_up=memory.epoch)
        actions.append(GiveUp(memory.epoch))
    if may is _May.WAIT:
        phase, verdict = Phase.WAITING, Verdict.HEALTHY
    else:
        phase = Phase.RELEASED if for_good else Phase.STOPPING
        verdict = Verdict.FAILING if memory.epoch else Verdict.UNKNOWN
    concluded = Concluded(
        phase=phase,
        epoch=memory.epoch,
        verdict=verdict,
        reason=why,
        applications={application.name: (Verdict.UNKNOWN, why) for application in assembly.applications},
    )
    return Decision(memory=memory, actions=tuple(actions), concluded=concluded)


# --- running ---------------------------------------------------------------------------------------------------


def _run(memory: Memory, snapshot: Snapshot, assembly: Assembly) -> Decision:
    """Keep every application alive, in start order; those it comes after must be up first."""
    actions: list[Action] = []
    histories, counted = dict(memory.histories), dict(memory.counted)
    verdicts: dict[str, tuple[Verdict, str]] = {}
    by_name = {application.name: application for application in assembly.applications}
    for name in start_order(assembly):
        application, seen = by_name[name], snapshot.applications[name]
        history = after_spell(histories.get(name, History()), healthy_since_s=seen.healthy_since_s, now_s=snapshot.now_s)
        failure = _failure(seen, application, counted.get(name, 0), memory.epoch, snapshot.now_s)
        if failure is not None:
            history = after_failure(history, application.tolerance, failure, now_s=snapshot.now_s)
            counted[name] = seen.run
            if history.asks is not None:
                actions.append(AskReplacement(name, history.asks))
        waits_for = [other for other in application.after if not _is_up(snapshot.applications[other], memory.epoch)]
        actions += _step(name, application, seen, history, failure, waits_for, memory.epoch, snapshot.now_s)
        histories[name] = history
        verdicts[name] = _told(seen, history, waits_for, memory.epoch, snapshot.now_s)
    verdict, reason = worst((verdict, f"{name}: {reason}" if reason else "") for name, (verdict, reason) in verdicts.items())
    was_running = memory.was_running or all(_is_up(seen, memory.epoch) for seen in snapshot.applications.values())
    memory = replace(memory, histories=histories, counted=counted, was_running=was_running)
    concluded = Concluded(
        phase=Phase.RUNNING if was_running else Phase.STARTING,
        epoch=memory.epoch,
        verdict=verdict,
        reason=reason,
        applications={application.name: verdicts[application.name] for application in assembly.applications},
    )
    return Decision(memory=memory, actions=tuple(actions), concluded=concluded)


def _is_up(seen: Seen, epoch: int) -> bool:
    return seen.alive and not seen.stopping and seen.ready and seen.epoch == epoch


def _failure(seen: Seen, application: Application, counted_run: int, epoch: int, now_s: float) -> str | None:
    """Why this run failed, once for each run; None while it did not, or ended because we said so."""
    if seen.run == 0 or seen.run == counted_run or seen.epoch != epoch:
        return None
    if seen.ended is not None:
        return seen.ended
    if not seen.alive or seen.stopping:
        return None
    if seen.verdict is Verdict.FAILING:
        return seen.reason or "failing"
    if not seen.ready and now_s - seen.started_at_s >= application.start_timeout_s:
        return f"not healthy {application.start_timeout_s:g} s after its start: {seen.reason}"
    return None


def _step(
    name: str,
    application: Application,
    seen: Seen,
    history: History,
    failure: str | None,
    waits_for: list[str],
    epoch: int,
    now_s: float,
) -> list[Action]:
    """Start it, stop it, or leave it be."""
    if seen.stopping:
        return []
    if seen.alive:
        if seen.epoch != epoch:
            return [Stop(name, application.stop_timeout_s, f"started under epoch {seen.epoch}, the permit's is {epoch}")]
        return [Stop(name, application.stop_timeout_s, failure)] if failure is not None else []
    if waits_for or (history.retry_at_s is not None and now_s < history.retry_at_s):
        return []
    return [Start(name, epoch)]


def _told(seen: Seen, history: History, waits_for: list[str], epoch: int, now_s: float) -> tuple[Verdict, str]:
    """An application between two runs is failing until it is seen healthy again; before its first, unknown."""
    if _is_up(seen, epoch):
        return seen.verdict, seen.reason if seen.verdict is not Verdict.HEALTHY else ""
    if history.in_a_row:
        wait_s = (history.retry_at_s or 0.0) - now_s
        then = f"; next start in {wait_s:.1f} s" if wait_s > 0.05 and not seen.alive else "; starting again"
        return Verdict.FAILING, history.last + ("; stopping" if seen.stopping else then)
    if waits_for:
        return Verdict.UNKNOWN, f"waits for {', '.join(waits_for)}"
    return Verdict.UNKNOWN, f"starting: {seen.reason}" if seen.reason else "starting"


def next_deadline_s(memory: Memory, snapshot: Snapshot, assembly: Assembly) -> float | None:
    """When the clock alone will call for another decision: the next retry or start timeout, on the same clock."""
    at_s = [history.retry_at_s for history in memory.histories.values() if history.retry_at_s is not None]
    for application in assembly.applications:
        seen = snapshot.applications[application.name]
        if seen.alive and not seen.ready:
            at_s.append(seen.started_at_s + application.start_timeout_s)
    return min((at for at in at_s if at > snapshot.now_s), default=None)

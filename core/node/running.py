"""A node that may run: every application is kept alive, in start order; what fails is restarted, what is held is not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from core.database import Database
from core.model import Application, Assembly, Verdict
from core.node.database_outage import Heard, blamed, excuse, is_back
from core.node.health import worst
from core.node.state import Action, AskReplacement, Concluded, Decision, Hold, Memory, Seen, Snapshot, Start, Stop
from core.node.supervision import History, after_failure, after_spell
from core.records import Phase
from core.settings import start_order

# A service manager that is slow to answer may yet say whether a former run lives: so long is waited before asking to be
# replaced for it, and so long before asking again, while the request (which expires after an hour) stays unanswered.
CANNOT_TELL_S = 10.0
ASK_AGAIN_S = 600.0
_WELL = (Verdict.HEALTHY, Verdict.BUSY)


@dataclass(slots=True)
class _One:
    """One application at this moment, and what is decided of it."""

    application: Application
    seen: Seen
    history: History
    counted: int
    hold: Hold | None
    waits_for: list[str]
    failure: str | None = None
    excused: str | None = None  # it fails, and its database is why, or may be


def keep_running(memory: Memory, snapshot: Snapshot, assembly: Assembly, *, begin_nothing: str) -> Decision:
    """Start, restart and stop, each application for itself; those it comes after must be up first.

    begin_nothing: why nothing may be started, nor stopped for a restart, at this moment; "" when it may. An agent that was
    told to stop begins nothing either.
    """
    if snapshot.stop_asked:
        begin_nothing = "the agent was told to stop; what runs goes on"
    memory, actions = _ask_for_untold(memory, snapshot)
    ones = [_look_at(name, memory, snapshot, assembly) for name in start_order(assembly)]
    doubts: dict[str, float] = {}
    if not begin_nothing:
        for one in ones:
            actions += _count(one, memory, snapshot, assembly.database, doubts)
    for one in ones:
        if not snapshot.stop_asked:
            actions += _step(one, ones, memory.epoch, snapshot.now_s, begin_nothing)
    told = {one.application.name: _told(one, memory.epoch, snapshot.now_s, begin_nothing) for one in ones}
    verdict, reason = worst((verdict, f"{name}: {reason}" if reason else "") for name, (verdict, reason) in told.items())
    was_running = memory.was_running or all(_is_up(seen, memory.epoch) for seen in snapshot.applications.values())
    memory = replace(
        memory,
        histories={one.application.name: one.history for one in ones},
        counted={one.application.name: one.counted for one in ones},
        held=frozenset(snapshot.held),
        was_running=was_running,
        doubts=doubts,
    )
    concluded = Concluded(
        phase=Phase.RUNNING if was_running else Phase.STARTING,
        epoch=memory.epoch,
        verdict=verdict,
        reason=reason,
        applications={application.name: told[application.name] for application in assembly.applications},
    )
    return Decision(memory=memory, actions=tuple(actions), concluded=concluded, finished=snapshot.stop_asked)


def _look_at(name: str, memory: Memory, snapshot: Snapshot, assembly: Assembly) -> _One:
    application = next(application for application in assembly.applications if application.name == name)
    seen = snapshot.applications[name]
    history = after_spell(memory.histories.get(name, History()), healthy_since_s=seen.healthy_since_s, now_s=snapshot.now_s)
    if name in memory.held and name not in snapshot.held:
        # An operator brings it back: at once, whatever it did before. What was counted inside the window stays counted.
        history = replace(history, in_a_row=0, retry_at_s=None, asks=None, last="")
    waits_for = [other for other in application.after if not _is_up(snapshot.applications[other], memory.epoch)]
    return _One(application, seen, history, memory.counted.get(name, 0), snapshot.held.get(name), waits_for)


def _is_up(seen: Seen, epoch: int) -> bool:
    return seen.alive and not seen.stopping and seen.ready and seen.started and seen.degraded is None and seen.epoch == epoch


def _ask_for_untold(memory: Memory, snapshot: Snapshot) -> tuple[Memory, list[Action]]:
    """Where it cannot be told whether a former run lives, another node is asked for, and again while that is unanswered."""
    untold: dict[str, float] = {}
    actions: list[Action] = []
    for name, seen in snapshot.applications.items():
        if seen.cannot_tell is None:
            continue
        untold[name] = memory.untold.get(name, snapshot.now_s + CANNOT_TELL_S)
        if snapshot.now_s >= untold[name]:
            actions.append(AskReplacement(name, f"it cannot be told whether a former run still lives: {seen.cannot_tell}"))
            untold[name] = snapshot.now_s + ASK_AGAIN_S
    return (memory if memory.untold == untold else replace(memory, untold=untold)), actions


# --- failures --------------------------------------------------------------------------------------------------------


def _count(one: _One, memory: Memory, snapshot: Snapshot, database: Database | None, doubts: dict[str, float]) -> list[Action]:
    """Count a failure once for each run. What an operator holds down does not fail."""
    if one.hold is not None:
        return []
    failure, now_s, heard, name = _failure(one, memory.epoch, snapshot.now_s), snapshot.now_s, snapshot.database, one.application.name
    if database is not None and heard is not None and (failure is not None or name in memory.doubts):
        doubted_s = memory.doubts.get(name, now_s)
        if failure is not None:
            failure = _weigh(one, failure, heard, doubted_s=doubted_s, budget_s=database.busy_budget_s, now_s=now_s)
        # Restarted for it, it takes its time to fail again: a silence that nobody asks about meanwhile would begin anew, budget and all.
        if one.excused is not None or (heard.silent_since_s is not None and one.seen.verdict not in _WELL):
            doubts[name] = doubted_s
    one.failure = failure
    if one.failure is None:
        return []
    one.history = after_failure(one.history, one.application.tolerance, one.failure, now_s=now_s)
    one.counted = one.seen.run
    return [AskReplacement(one.application.name, one.history.asks)] if one.history.asks is not None else []


def _weigh(one: _One, failure: str, heard: Heard, *, doubted_s: float, budget_s: float, now_s: float) -> str | None:
    """The failure, if it counts. One that is the database's excuses the application; what ended by it is started again when it is back."""
    if not one.seen.alive and is_back(heard, doubted_s=doubted_s, now_s=now_s):
        one.counted = one.seen.run
        return None
    one.excused = excuse(heard, doubted_s=doubted_s, budget_s=budget_s, now_s=now_s)
    return None if one.excused is not None else blamed(heard, failure, budget_s=budget_s)


def _failure(one: _One, epoch: int, now_s: float) -> str | None:
    """Why this run failed; None while it did not, or ended because we said so."""
    seen, limit_s = one.seen, one.application.start_timeout_s
    if seen.run == 0 or seen.run == one.counted or seen.epoch != epoch:
        return None
    if seen.ended is not None:
        return seen.ended
    if not seen.alive or seen.stopping:
        return None
    if seen.degraded is not None:
        return f"came up degraded: {seen.degraded}"
    if seen.verdict is Verdict.FAILING:
        return seen.reason or "failing"
    if not (seen.ready and seen.started) and now_s - seen.started_at_s >= limit_s:
        return f"not {'healthy' if seen.started else 'started'} {limit_s:g} s after its start: {seen.reason}"
    return None


# --- what is done ----------------------------------------------------------------------------------------------------


def _step(one: _One, ones: Sequence[_One], epoch: int, now_s: float, begin_nothing: str) -> list[Action]:
    """Start it, stop it, or leave it be. Never start what may still run."""
    seen, application = one.seen, one.application
    if one.hold is not None:
        return _hold_down(one, one.hold, ones)
    if begin_nothing or seen.stopping or seen.cannot_tell is not None:
        return []
    if seen.alive:
        why, failed = one.failure, True
        if seen.epoch != epoch:
            failed, why = False, f"started under epoch {seen.epoch}, the permit's is {epoch}"
        elif why is None and seen.run == one.counted:
            why = one.history.last or "its stop was interrupted"  # the agent died between counting a failure and its end
        return [Stop(application.name, application.stop_timeout_s, why, drain=not failed)] if why is not None else []
    if one.excused is not None or one.waits_for or (one.history.retry_at_s is not None and now_s < one.history.retry_at_s):
        return []
    return [Start(application.name, epoch)]


def _hold_down(one: _One, hold: Hold, ones: Sequence[_One]) -> list[Action]:
    """Gracefully those first that come last in start order; hard ones at once, and again until they are gone."""
    if not one.seen.alive:
        one.counted = one.seen.run  # it ended because we said so
        return []
    if hold.hard:
        one.counted = one.seen.run
        return [Stop(one.application.name, 0.0, "an operator cleans it")]
    later = ones[ones.index(one) + 1 :]
    if one.seen.stopping or any(other.hold is not None and other.seen.alive for other in later):
        return []
    one.counted = one.seen.run
    return [Stop(one.application.name, one.application.stop_timeout_s, "an operator takes it offline", drain=True)]


# --- what is said ----------------------------------------------------------------------------------------------------


def _told(one: _One, epoch: int, now_s: float, begin_nothing: str) -> tuple[Verdict, str]:
    """An application between two runs is failing until it is seen healthy again; before its first, unknown.

    One that is held down is meant to be down, and of one of which we cannot tell we know nothing: neither is a failure.
    """
    seen, history = one.seen, one.history
    if seen.cannot_tell is not None:
        return Verdict.UNKNOWN, f"cannot tell whether it runs, so it is not started: {seen.cannot_tell}"
    if one.hold is not None:
        return Verdict.UNKNOWN, "held offline by an operator" + ("; stopping" if seen.alive else "")
    if one.excused is not None:
        return Verdict.BUSY, one.excused + ("" if seen.alive else f"; not running: {seen.ended}")
    if _is_up(seen, epoch):
        return seen.verdict, seen.reason
    if begin_nothing and not seen.alive:
        verdict = Verdict.UNKNOWN if seen.ended is None else Verdict.FAILING
        return verdict, f"{seen.ended or 'not running'}; not started: {begin_nothing}"
    if history.in_a_row:
        return Verdict.FAILING, history.last + _then(one, now_s)
    if seen.stopping:
        if seen.epoch != epoch:
            return Verdict.UNKNOWN, f"stopping what was started under epoch {seen.epoch}"
        return Verdict.FAILING, "its program has ended; what it left is being cleaned"
    if one.waits_for:
        return Verdict.UNKNOWN, f"waits for {', '.join(one.waits_for)}"
    return Verdict.UNKNOWN, f"starting: {seen.reason}" if seen.reason else "starting"


def _then(one: _One, now_s: float) -> str:
    if one.seen.stopping:
        return "; stopping"
    wait_s = (one.history.retry_at_s or 0.0) - now_s
    return f"; next start in {wait_s:.1f} s" if wait_s > 0.05 and not one.seen.alive else "; starting again"

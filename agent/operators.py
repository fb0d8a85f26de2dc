"""What people at the machine ask of the agent: take an application offline, clean it, bring it online; done when it is done."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from agent.cycle import Cycle
from agent.ports import Trouble
from core.model import Application, Verdict
from core.node.decision import Hold
from core.records import Phase

# One that nobody asks anything is up while it runs; so that a program which ends at once is not called up, it must run so long.
SETTLED_S = 1.0
MARGIN_S = 10.0  # beyond what the settings allow: for what is killed to be gone, and for the cycle to notice


def now_ms() -> int:
    """Wall clock, for people."""
    return time.time_ns() // 1_000_000


async def take_down(cycle: Cycle, application: str | None, hold: Hold) -> str:
    """Stop it, or kill it at once, and hold it down until `bring_up`, also across restarts of the agent. Raises Trouble."""
    names = _names(cycle, application)
    ran = [name for name in names if cycle.applications[name].alive]
    for name in names:
        cycle.knowledge.held[name] = hold
    cycle.log.say("clean" if hold.hard else "offline", applications=names)
    cycle.wake()
    limits = [(0.0 if hold.hard else one.stop_timeout_s + one.drain_timeout_s) for one in _settings(cycle, names)]
    if not await _until(cycle, lambda: not any(cycle.applications[name].alive for name in names), sum(limits) + MARGIN_S):
        alive = [name for name in names if cycle.applications[name].alive]
        raise Trouble(f"{', '.join(alive)}: still there after {sum(limits) + MARGIN_S:g} s; held down, and it is gone on with")
    untold = [name for name in names if cycle.applications[name].seen().cannot_tell is not None]
    if untold:
        raise Trouble(f"{', '.join(untold)}: cannot tell whether it runs: {cycle.applications[untold[0]].seen().cannot_tell}")
    for name in ran:
        trouble = cycle.applications[name].draining.trouble
        if trouble and not hold.hard:
            return f"{_list(names)} offline; draining {name}: {trouble}"
    return f"{_list(names)} {'clean' if hold.hard else 'offline'}{'' if ran else ', and did not run before'}; held down until online"


async def bring_up(cycle: Cycle, application: str | None) -> str:
    """Let go of it, have it started at once, and wait until it is up. Raises Trouble: degraded, failed, or nothing may run here."""
    names = _names(cycle, application)
    if cycle.concluded.phase not in (Phase.STARTING, Phase.RUNNING):
        raise Trouble(f"nothing may run on this node: it is {cycle.concluded.phase.value}: {cycle.concluded.reason}")
    before = {name: cycle.applications[name].run for name in names}
    ran = {name for name in names if _is_up(cycle, name)}
    for name in names:
        cycle.knowledge.held.pop(name, None)
    # As if it had been held: what failed before does not delay an operator's start.
    cycle.memory = replace(cycle.memory, held=cycle.memory.held | (set(names) - ran))
    cycle.log.say("online", applications=names)
    cycle.wake()
    limit_s = sum(one.start_timeout_s + one.stop_timeout_s for one in _settings(cycle, names)) + MARGIN_S

    def is_decided() -> bool:
        return all(_is_up(cycle, name) or _failed(cycle, name, before[name]) for name in names)

    decided = await _until(cycle, is_decided, limit_s, next_look_s=lambda: _settling_s(cycle, names))
    for name in names:
        if not _is_up(cycle, name):
            reason = _failed(cycle, name, before[name]) or cycle.concluded.applications[name][1]
            raise Trouble(f"{name} is not up{'' if decided else f' after {limit_s:g} s'}: {reason}")
    if ran == set(names):
        return f"{_list(names)} up already"
    return f"{_list(names)} up"


def _is_up(cycle: Cycle, name: str) -> bool:
    """As the last cycle had it. Busy is up."""
    verdict, _ = cycle.concluded.applications[name]
    held = cycle.applications[name]
    if name in cycle.knowledge.held or not held.alive or verdict not in (Verdict.HEALTHY, Verdict.BUSY):
        return False
    return _unsettled_s(cycle, name) <= 0


def _unsettled_s(cycle: Cycle, name: str) -> float:
    """How long it has yet to run before it counts as up; nothing for one that is asked."""
    held = cycle.applications[name]
    if held.examiner is not None and held.examiner.questions:
        return 0.0
    return held.seen().started_at_s + SETTLED_S - cycle.clock()


def _settling_s(cycle: Cycle, names: list[str]) -> float | None:
    """When the next of them has run long enough: no cycle comes for that."""
    return min((left_s for name in names if cycle.applications[name].alive and (left_s := _unsettled_s(cycle, name)) > 0), default=None)


def _failed(cycle: Cycle, name: str, before: int) -> str:
    """Why the run that was begun since then failed; "" while it did not."""
    history = cycle.memory.histories.get(name)
    counted = cycle.memory.counted.get(name, 0)
    return history.last or "it failed" if history is not None and counted > before else ""


def _names(cycle: Cycle, application: str | None) -> list[str]:
    """Raises Trouble."""
    if application is None:
        return list(cycle.applications)
    if application not in cycle.applications:
        raise Trouble(f"no application {application!r}: there are {', '.join(cycle.applications)}")
    return [application]


def _settings(cycle: Cycle, names: list[str]) -> list[Application]:
    return [application for application in cycle.settings.assembly.applications if application.name in names]


def _list(names: list[str]) -> str:
    return f"{', '.join(names)} {'is' if len(names) == 1 else 'are'}"


async def _until(
    cycle: Cycle, holds: Callable[[], bool], limit_s: float, *, next_look_s: Callable[[], float | None] = lambda: None
) -> bool:
    """Look after each cycle, and sooner when told to; whether it came to hold in time."""
    try:
        async with asyncio.timeout(limit_s):
            while True:
                with suppress(TimeoutError):
                    async with asyncio.timeout(next_look_s()):
                        await cycle.turned.wait()
                if holds():
                    return True
    except TimeoutError:
        return False

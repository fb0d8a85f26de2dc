"""How a life of the agent takes over from the one before: what runs goes on, what was counted stays counted."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from agent.adoption import living_runs, mark_of
from agent.cycle import Cycle
from agent.log import Log
from agent.notes import Note, Notes
from agent.runs import CannotTell, RunState, adopt, clear
from core.application import Application, Run, RunKind
from core.node.decision import Memory

CLEANED_S = 5.0  # how long a start waits for what is left of an application that is no more in the settings


async def take_over(cycle: Cycle, notes: Notes | None, *, lost: bool, boot: str, log: Log) -> None:
    """Adopt what lives, and remember what a former life knew. lost: notes were there and cannot be read."""
    instance = cycle.memory.instance
    living: dict[str, set[int]] = {}
    with suppress(OSError):  # no /proc to look into: agent.runs.adopt says what follows from that
        living = living_runs(instance)
    same_boot = notes is not None and notes.boot == boot
    noted = notes.applications if notes is not None else {}
    programs = {one.name for one in cycle.settings.assembly.applications if one.run.kind is RunKind.EXEC}
    for name, application in cycle.applications.items():
        application.restore(noted.get(name), living.get(name, set()), same_boot=same_boot, lost=lost)
        note = noted.get(name)
        if note is not None and note.hold is not None:
            cycle.knowledge.held[name] = note.hold
        if name in programs:
            _clear_earlier(name, living.get(name, set()) - {application.run}, instance, log)
        seen = application.seen()
        if seen.alive:
            log.say("adopted", application=name, run=seen.run, epoch=seen.epoch, pid=application.pid)
        elif seen.cannot_tell is not None:
            log.say("cannot-tell", application=name, run=seen.run, reason=seen.cannot_tell)
    cycle.memory = _remembered(cycle, notes if same_boot else None)
    strangers = {name: noted.get(name) for name in {*living, *(noted if same_boot else ())} - cycle.applications.keys()}
    await asyncio.gather(*(_clean(name, note, living.get(name, set()), instance, log) for name, note in sorted(strangers.items())))


def _remembered(cycle: Cycle, notes: Notes | None) -> Memory:
    """Under which epoch it ran, and its failures. After a reboot nothing of it holds: the permit is waited for as at first."""
    seen = {name: application.seen() for name, application in cycle.applications.items()}
    epochs = [one.epoch for one in seen.values() if notes is not None or one.alive]
    memory = cycle.memory
    epoch = max(epochs, default=0)
    return Memory(
        instance=memory.instance,
        epoch=epoch,
        newest=epoch,
        given_up=memory.given_up,
        was_running=notes is not None and notes.was_running,
        histories={name: note.history for name, note in notes.applications.items() if name in seen} if notes is not None else {},
        counted={name: note.counted for name, note in notes.applications.items() if name in seen} if notes is not None else {},
        held=frozenset(cycle.knowledge.held),
    )


def _clear_earlier(name: str, runs: set[int], instance: str, log: Log) -> None:
    """What is left of a program's runs after which another was begun: nothing should be. A daemon that actions start may be of any."""
    for run in sorted(runs):
        try:
            clear(mark_of(instance, name, run))
        except CannotTell as error:
            log.say("left-alone", application=name, reason=f"it is left of run {run}; {error}")
        else:
            log.say("cleaned", application=name, reason=f"it was left of run {run}, and a later one was begun", gone=True)


async def _clean(name: str, note: Note | None, living: set[int], instance: str, log: Log) -> None:
    """An application that a newer bundle no longer has: what runs of it is ended."""
    ended = asyncio.Event()
    left: list[RunState] = []
    stand_in = Application(name=name, run=Run(exec=(name,)))
    runs = living | ({note.run} if note is not None and note.identity is not None else set())
    for run in sorted(runs):
        former = note.identity if note is not None and note.run == run else None
        try:
            found = adopt(stand_in, former, mark=mark_of(instance, name, run), changed=ended.set)
        except CannotTell as error:
            log.say("left-alone", application=name, reason=f"it is not in the settings any more; {error}")
            continue
        if found is not None:
            found.clean()
            left.append(found)
    with suppress(TimeoutError):
        async with asyncio.timeout(CLEANED_S):
            while any(run.alive for run in left):
                ended.clear()
                await ended.wait()
    if left:
        log.say("cleaned", application=name, reason="it is not in the settings any more", gone=not any(run.alive for run in left))

"""Observe, decide (core.node.decision), perform: the one loop that changes anything on a node."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

from agent.announcer import Announcer
from agent.beat import set_within, until_beat_s
from agent.keeping import StateKeeper
from agent.knowledge import Knowledge, Tally
from agent.log import Log
from agent.notebook import Notebook
from agent.notes import Notes
from agent.off_loop import Shortage
from agent.runs import reap_orphans
from agent.supervised import Supervised
from agent.systemd import Notifier
from core.node.decision import AskReplacement, Concluded, Decision, GiveUp, Memory, Seen, Snapshot, Start, Stop, decide, next_deadline_s
from core.node.supervision import History
from core.records import Phase
from core.settings import NodeSettings

CYCLE_S_MAX = 5.0  # nothing happens for so long: look all the same, and feed the watchdog
STUCK_AFTER_S = 8.0  # without a completed cycle the agent is not alive; the unit's watchdog waits a little longer
RELEASE_WAIT_S = 5.0  # an agent that leaves waits so long for its release to reach the disk
REAP_EVERY_S = 1.0
_NO_HISTORY = History()


class Cycle:
    """Woken by every change; one step is synchronous, so that nothing changes between looking and doing.

    Nothing in a step waits for the disk, the network or the journal: it feeds the watchdog, and a watchdog that a slow disk
    can starve kills an agent that is well.
    """

    def __init__(
        self,
        settings: NodeSettings,
        memory: Memory,
        *,
        notebook: Notebook,
        boot: str,
        log: Log,
        notifier: Notifier,
        clock: Callable[[], float],
    ) -> None:
        """boot: what the notes name the machine's life by (agent.adoption)."""
        self.settings, self.memory = settings, memory
        self.notebook, self._boot = notebook, boot
        self.log, self._notifier, self.clock = log, notifier, clock
        self.knowledge, self.tally = Knowledge(), Tally()
        self.applications: dict[str, Supervised] = {}
        self.keeper: StateKeeper | None = None  # of the assembly's state, where the agent keeps it
        self.wanted_requests: dict[str, str] = {}  # application -> reason, until the reporter has stored it
        self.told = asyncio.Event()  # set whenever there is something new to report
        self.doubted = asyncio.Event()  # set while the database may be why an application fails
        self.turned = asyncio.Event()  # of the step to come: set when it is done, then another takes its place
        self._wake = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._completed_at_s = clock()
        self._reaped_at_s = clock()
        self._noted: Notes | None = None
        self._releasing: Future[None] | None = None
        self._finished_at_s: float | None = None
        self._announcer = Announcer(log, notifier, clock)
        self.concluded = decide(memory, self._observe(dict.fromkeys(self._names())), settings.assembly).concluded

    def wake(self) -> None:
        self._wake.set()

    async def run(self) -> None:
        """Go on until the agent was told to stop and has nothing left to do first."""
        while True:
            self._wake.clear()
            snapshot = self.step()
            if self._may_leave():
                return
            deadline_s = next_deadline_s(self.memory, snapshot, self.settings.assembly)
            beat_s = until_beat_s(CYCLE_S_MAX, self.clock())
            wait_s = beat_s if deadline_s is None else min(beat_s, deadline_s - self.clock())
            await set_within(self._wake, wait_s)

    def step(self) -> Snapshot:
        """One cycle; what it looked at. The watchdog is fed by its completion alone."""
        began_s = self.clock()
        snapshot = self._observe(self.applications)
        decision = self._perform(decide(self.memory, snapshot, self.settings.assembly))
        self._conclude(decision.concluded)
        self._announcer.warnings({name: application.warnings() for name, application in self.applications.items()})
        self._note(now=False)
        self.notebook.look()
        if decision.finished and self._finished_at_s is None:
            self._finished_at_s = began_s
        if began_s - self._reaped_at_s >= REAP_EVERY_S:
            self._reaped_at_s = began_s
            reap_orphans(began_s)
        if self.keeper is not None:
            self.keeper.look(self.memory, runs=any(application.alive for application in self.applications.values()))
        self._complete(began_s)
        return snapshot

    def is_stuck(self) -> bool:
        return self.clock() - self._completed_at_s > STUCK_AFTER_S

    @property
    def stuck_for_s(self) -> float:
        return self.clock() - self._completed_at_s

    def restarts(self, name: str) -> int:
        return max(0, self.applications[name].run - 1)

    def _names(self) -> list[str]:
        return [application.name for application in self.settings.assembly.applications]

    def _observe(self, applications: Mapping[str, Supervised | None]) -> Snapshot:
        seen = {name: application.seen() if application is not None else Seen() for name, application in applications.items()}
        known = self.knowledge
        return Snapshot(
            now_s=self.clock(),
            permit=known.permit,
            prepared=known.prepared,
            terminating=known.terminating,
            stop_asked=known.stop_asked,
            powering_off=known.powering_off,
            rebooting=known.rebooting,
            applications=seen,
            held=dict(known.held),
            kept=self.keeper.seen() if self.keeper is not None else None,
            database=known.database,
        )

    # --- perform ---------------------------------------------------------------------------------------------------

    def _perform(self, decision: Decision) -> Decision:
        """Do what was decided, then say each thing in a line: a program that is down does not wait for the journal.

        What is about to happen is noted first: that a run begins, that a failure was counted; so that an agent which dies
        at any point here is followed by one that neither starts a second copy nor forgets why the first was stopped.
        """
        before, lines = self.memory, list[tuple[str, dict[str, Any]]]()
        releases = [action for action in decision.actions if isinstance(action, GiveUp)]
        if releases and not self._released(releases[0].epoch):
            memory = replace(decision.memory, given_up=self.memory.given_up)
            why = f"{decision.concluded.reason}; its release is not written down yet"
            decision = replace(decision, memory=memory, concluded=replace(decision.concluded, phase=Phase.STOPPING, reason=why))
        self.memory = decision.memory
        (self.doubted.set if self.memory.doubts else self.doubted.clear)()
        starts = [action for action in decision.actions if isinstance(action, Start)]
        for start in starts:
            self.applications[start.name].begin(start.epoch)
        if decision.actions:
            self._note(now=bool(starts))
        for action in decision.actions:
            match action:
                case Start(name, epoch):
                    self.applications[name].start()
                    lines.append(("start", {"application": name, "epoch": epoch}))
                case Stop(name, grace_s, reason, drain):
                    if not self.applications[name].seen().stopping:
                        lines.append(("stop", {"application": name, "grace_s": round(grace_s, 1), "reason": reason}))
                    self.applications[name].stop(grace_s, drain=drain)
                case AskReplacement(name, reason):
                    lines.append(("ask-replacement", {"application": name, "reason": reason}))
                    self.wanted_requests[name] = reason
                    self.told.set()
                case GiveUp():
                    continue
        self._announcer.failures(before, self.memory)
        for event, fields in lines:
            self.log.say(event, **fields)
        return decision

    def _released(self, epoch: int) -> bool:
        """Whether the disk has it that this epoch is given up; else see to it. Nobody hears of it before."""
        if self._releasing is None:
            try:
                self._releasing = self.notebook.release(self.memory.instance, epoch, self._wake_from_afar)
            except Shortage as error:
                self.log.say("give-up-trouble", epoch=epoch, reason=str(error))
            return False
        if not self._releasing.done():
            return False
        trouble, self._releasing = self._releasing.exception(), None
        if trouble is not None:
            self.log.say("give-up-trouble", epoch=epoch, reason=str(trouble))
            return False
        self.log.say("give-up", epoch=epoch)
        return True

    def _wake_from_afar(self) -> None:
        self._loop.call_soon_threadsafe(self._wake.set)

    def _may_leave(self) -> bool:
        """A release that is being written is waited for: RELEASE_WAIT_S, for a disk may hang."""
        if self._finished_at_s is None:
            return False
        return self._releasing is None or self.clock() - self._finished_at_s > RELEASE_WAIT_S

    def _note(self, *, now: bool) -> None:
        """Write down what differs from what was written last. now: a start waits for it."""
        memory, held = self.memory, self.knowledge.held
        applications = {
            name: one.note(counted=memory.counted.get(name, 0), hold=held.get(name), history=memory.histories.get(name, _NO_HISTORY))
            for name, one in self.applications.items()
        }
        notes = Notes(instance=memory.instance, boot=self._boot, was_running=memory.was_running, applications=applications)
        if notes != self._noted:
            self._noted = notes
            self.notebook.write(notes, now=now)

    def _conclude(self, concluded: Concluded) -> None:
        """Publish, and report what is news."""
        before, self.concluded = self.concluded, concluded
        if self._announcer.conclusion(before, concluded):
            self.told.set()

    def _complete(self, began_s: float) -> None:
        self._completed_at_s = self.clock()
        took_s = self._completed_at_s - began_s
        self.tally.cycles += 1
        self.tally.cycle_s_last, self.tally.cycle_s_max = took_s, max(took_s, self.tally.cycle_s_max)
        self.tally.cycle_s_total += took_s
        self._notifier.say("WATCHDOG=1")
        turned, self.turned = self.turned, asyncio.Event()
        turned.set()

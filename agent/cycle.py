"""Observe, decide (core.node), perform: the one loop that changes anything on a node."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from agent.log import Log
from agent.processes import reap_orphans
from agent.state_file import write_given_up
from agent.supervised import Supervised
from agent.systemd import Notifier
from core import ha_port
from core.model import Verdict
from core.node import AskReplacement, Concluded, Decision, GiveUp, Memory, Seen, Snapshot, Start, Stop, decide, next_deadline_s
from core.records import Permit, Phase
from core.settings import NodeSettings

CYCLE_S_MAX = 1.0  # nothing happens for so long: look all the same, and feed the watchdog
STUCK_AFTER_S = 10.0  # without a completed cycle the agent is not alive


@dataclass(slots=True)
class Knowledge:
    """What the watchers saw last; the cycle reads it, nobody else decides on it."""

    permit: Permit | None = None
    terminating: bool = False
    stop_asked: bool = False
    powering_off: bool = False


class Cycle:
    """Woken by every change; one step is synchronous, so that nothing changes between looking and doing."""

    def __init__(
        self, settings: NodeSettings, memory: Memory, *, state_folder: Path, log: Log, notifier: Notifier, clock: Callable[[], float]
    ) -> None:
        self.settings, self.memory = settings, memory
        self._state_folder, self._log, self._notifier, self._clock = state_folder, log, notifier, clock
        self.knowledge = Knowledge()
        self.applications: dict[str, Supervised] = {}
        self.wanted_requests: dict[str, str] = {}  # application -> reason, until the reporter has stored it
        self.told = asyncio.Event()  # set whenever there is something new to report
        self._wake = asyncio.Event()
        self._completed_at_s = clock()
        self.concluded = decide(memory, self._observe(dict.fromkeys(self._names())), settings.assembly).concluded

    def wake(self) -> None:
        self._wake.set()

    async def run(self) -> None:
        """Go on until the agent was told to stop and every application has."""
        while True:
            self._wake.clear()
            snapshot = self.step()
            if self.knowledge.stop_asked and not any(seen.alive for seen in snapshot.applications.values()):
                return
            deadline_s = next_deadline_s(self.memory, snapshot, self.settings.assembly)
            wait_s = CYCLE_S_MAX if deadline_s is None else min(CYCLE_S_MAX, deadline_s - self._clock())
            try:
                async with asyncio.timeout(max(0.0, wait_s)):
                    await self._wake.wait()
            except TimeoutError:
                continue

    def step(self) -> Snapshot:
        """One cycle; what it looked at. The watchdog is fed by its completion alone."""
        snapshot = self._observe(self.applications)
        decision = self._perform(decide(self.memory, snapshot, self.settings.assembly))
        self.memory = decision.memory
        self._conclude(decision.concluded)
        reap_orphans({application.pid for application in self.applications.values() if application.pid is not None})
        self._completed_at_s = self._clock()
        self._notifier.say("WATCHDOG=1")
        return snapshot

    def is_stuck(self) -> bool:
        return self._clock() - self._completed_at_s > STUCK_AFTER_S

    def _names(self) -> list[str]:
        return [application.name for application in self.settings.assembly.applications]

    def _observe(self, applications: Mapping[str, Supervised | None]) -> Snapshot:
        seen = {name: application.seen() if application is not None else Seen() for name, application in applications.items()}
        known = self.knowledge
        return Snapshot(
            now_s=self._clock(),
            permit=known.permit,
            terminating=known.terminating,
            stop_asked=known.stop_asked,
            powering_off=known.powering_off,
            applications=seen,
        )

    def _perform(self, decision: Decision) -> Decision:
        """Do what was decided, and say each thing in a line. An epoch is given up on disk before anybody hears of it."""
        for action in decision.actions:
            match action:
                case Start(name, epoch):
                    self._log.say("start", application=name, epoch=epoch)
                    self.applications[name].start(epoch)
                case Stop(name, grace_s, reason):
                    if not self.applications[name].seen().stopping:
                        self._log.say("stop", application=name, grace_s=round(grace_s, 1), reason=reason)
                    self.applications[name].stop(grace_s)
                case AskReplacement(name, reason):
                    self._log.say("ask-replacement", application=name, reason=reason)
                    self.wanted_requests[name] = reason
                    self.told.set()
                case GiveUp(epoch):
                    try:
                        write_given_up(self._state_folder, self.memory.instance, epoch)
                    except OSError as error:
                        self._log.say("give-up-trouble", epoch=epoch, reason=str(error))
                        memory = replace(decision.memory, given_up=self.memory.given_up)
                        concluded = replace(decision.concluded, phase=Phase.STOPPING, reason=f"cannot write down the release: {error}")
                        return replace(decision, memory=memory, concluded=concluded)
                    self._log.say("give-up", epoch=epoch)
        return decision

    def _conclude(self, concluded: Concluded) -> None:
        """Publish; a changed phase or verdict is news, a changed wait in a reason is not."""
        before, self.concluded = self.concluded, concluded
        if _gist(before) != _gist(concluded):
            self._log.context.update(epoch=concluded.epoch)
            verdicts = {name: verdict.value for name, (verdict, _) in concluded.applications.items()}
            self._log.say("now", phase=concluded.phase, verdict=concluded.verdict, reason=concluded.reason, applications=verdicts)
            self._notifier.say(f"STATUS={concluded.phase.value}, {concluded.verdict.value}: {concluded.reason}")
            self.told.set()

    # --- what the ports tell -----------------------------------------------------------------------------------

    def told_of_node(self) -> ha_port.Told:
        if self.is_stuck():
            return ha_port.Told(Verdict.FAILING, f"no cycle completed for {self._clock() - self._completed_at_s:.0f} s")
        return ha_port.Told(self.concluded.verdict, self.concluded.reason)

    def view(self, application: str | None = None) -> ha_port.View:
        """Of the node, or of one application on its own port."""
        told = {name: ha_port.Told(verdict, reason) for name, (verdict, reason) in self.concluded.applications.items()}
        if application is None:
            return ha_port.View(subject=self.told_of_node(), applications=told, status=self.status())
        mine = {application: told[application]}
        status = {"application": application, **self.status()["applications"][application]}
        return ha_port.View(subject=told[application], applications=mine, status=status)

    def status(self) -> dict[str, Any]:
        concluded = self.concluded
        return {
            "deployable": self.settings.deployable,
            "assembly": self.settings.assembly.name,
            "instance": self.memory.instance,
            "phase": concluded.phase.value,
            "epoch": concluded.epoch,
            "verdict": self.told_of_node().verdict.value,
            "reason": self.told_of_node().reason,
            "applications": {
                name: {"verdict": verdict.value, "reason": reason, "restarts": self.restarts(name), "pid": self.applications[name].pid}
                for name, (verdict, reason) in concluded.applications.items()
            },
        }

    def restarts(self, name: str) -> int:
        return max(0, self.applications[name].seen().run - 1)


def _gist(concluded: Concluded) -> object:
    verdicts = {name: verdict for name, (verdict, _) in concluded.applications.items()}
    return concluded.phase, concluded.epoch, concluded.verdict, verdicts

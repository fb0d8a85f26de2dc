"""A node's one application: a process that becomes ready, ends, fails or hangs as the history says."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from core.model import Verdict
from core.node.decision import Seen

if TYPE_CHECKING:
    from simulation.agent import Agent

STOP_S = 1.0  # how long it takes to stop
LOOP_S = 0.5  # how long one lives that ends at once


@dataclass(slots=True)
class Health:
    """What is wrong with it at present, or with the machine that it is on."""

    never_ready: bool = False
    ends_at_once: bool = False
    failing: bool = False
    busy: bool = False
    never_boots: bool = False


class Application:
    def __init__(self, agent: Agent, ready_s: float) -> None:
        self._agent, self._ready_s = agent, ready_s
        self.health = Health()
        self.seen = Seen()

    @property
    def epoch(self) -> int:
        """The epoch under which it lives; 0 while it does not."""
        return self.seen.epoch if self.seen.alive else 0

    def start(self, epoch: int) -> None:
        agent, run = self._agent, self.seen.run + 1
        self.seen = Seen(run=run, epoch=epoch, alive=True, started_at_s=self._now_s)
        agent.world.watch.started(agent, epoch)
        boots = agent.boots
        if self.health.ends_at_once:
            agent.world.schedule.later(LOOP_S, lambda: self._ends_if(boots, run))
        elif not self.health.never_ready:
            agent.world.schedule.later(self._ready_s, lambda: self._ready_if(boots, run))

    def stop(self, grace_s: float) -> None:
        if not self.seen.stopping or grace_s == 0:
            self.seen = replace(self.seen, stopping=True)
            run = self.seen.run
            self._agent.world.schedule.later(min(grace_s, STOP_S), lambda: self._stopped(run))

    def ends(self, why: str) -> None:
        if not self._agent.machine.powered or not self.seen.alive:
            return
        epoch = self.seen.epoch
        self.seen = replace(self.seen, alive=False, stopping=False, ended=why, ready=False, verdict=Verdict.UNKNOWN, healthy_since_s=None)
        self._agent.world.watch.stopped(self._agent, epoch)
        self._agent.step()

    def lost(self) -> None:
        """Its machine has no power any more."""
        if self.seen.alive:
            self._agent.world.watch.stopped(self._agent, self.seen.epoch)
        self.seen = Seen()

    def health_changed(self) -> None:
        """Probes say what is so, a little later."""
        self._agent.world.schedule.later(self._agent.world.chance.uniform(0.5, 8.0), self._probe)

    @property
    def _now_s(self) -> float:
        return self._agent.world.schedule.now_ms / 1000

    def _ready_if(self, boots: int, run: int) -> None:
        if boots == self._agent.boots and run == self.seen.run and self.seen.alive and not self.health.failing:
            verdict = Verdict.BUSY if self.health.busy else Verdict.HEALTHY
            self.seen = replace(self.seen, ready=True, verdict=verdict, healthy_since_s=self._now_s)
            self._agent.step()

    def _ends_if(self, boots: int, run: int) -> None:
        if boots == self._agent.boots and run == self.seen.run:
            self.ends("exited with status 1")

    def _stopped(self, run: int) -> None:
        """A frozen machine's kernel sees nothing end."""
        if run != self.seen.run or not self.seen.alive or not self._agent.machine.powered:
            return
        if self._agent.machine.frozen:
            self._agent.world.schedule.later(1.0, lambda: self._stopped(run))
            return
        self.ends("stopped")

    def _probe(self) -> None:
        if not self.seen.alive or not self._agent.up:
            return
        if self.health.failing:
            self.seen = replace(self.seen, verdict=Verdict.FAILING, reason="does not answer", healthy_since_s=None)
        elif self.seen.ready or not self.health.never_ready:
            verdict = Verdict.BUSY if self.health.busy else Verdict.HEALTHY
            self.seen = replace(self.seen, ready=True, verdict=verdict, reason="", healthy_since_s=self.seen.healthy_since_s or self._now_s)
        self._agent.step()

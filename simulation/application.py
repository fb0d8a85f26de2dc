"""A node's one application, in agent.supervised's place: a process that becomes ready, ends, fails or hangs as the history says."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from agent.adoption import former_run, mark_of
from agent.notes import Note
from agent.runs import RunIdentity
from agent.supervised import GONE
from core.model import Verdict
from core.node.decision import Hold, Seen
from core.node.supervision import History

if TYPE_CHECKING:
    from simulation.agent import Agent

STOP_S = 1.0  # how long it takes to stop, where it does as it is told
KILL_S = 0.05  # how long the kernel takes
LOOP_S = 0.5  # how long one lives that ends at once
PROBED_S = (0.2, 2.0)  # until one that was adopted has been asked


@dataclass(slots=True)
class Health:
    """What is wrong with it at present, or with the machine that it is on. stubborn: it does not stop when it is asked to."""

    never_ready: bool = False
    ends_at_once: bool = False
    failing: bool = False
    busy: bool = False
    stubborn: bool = False
    never_boots: bool = False


class Application:
    def __init__(self, agent: Agent, ready_s: float) -> None:
        self._agent, self._ready_s = agent, ready_s
        self.health = Health()
        self._seen = Seen()
        self._ready_ms = 0  # when this run is up
        self._cut_off = False  # from its database: it was silent, and this run has not found it again

    # --- as the agent knows it ---------------------------------------------------------------------------------------------

    @property
    def alive(self) -> bool:
        return self._seen.alive

    @property
    def run(self) -> int:
        return self._seen.run

    @property
    def pid(self) -> int | None:
        return self.run if self.alive else None

    def seen(self) -> Seen:
        return self._seen

    def warnings(self) -> dict[str, str]:
        return {}

    def note(self, *, counted: int, hold: Hold | None, history: History) -> Note:
        seen = self._seen
        boot, mark = str(self._agent.boots), mark_of(self._agent.machine.id, self._name, seen.run)
        identity = RunIdentity(pid=seen.run, start_ticks=seen.run, boot_id=boot, cgroup="", mark=mark) if seen.alive else None
        return Note(run=seen.run, epoch=seen.epoch, identity=identity, ready=seen.ready, counted=counted, hold=hold, history=history)

    def restore(self, note: Note | None, living: set[int], *, same_boot: bool, lost: bool) -> None:
        """As agent.supervised does it for an agent that begins: what runs goes on, and is asked anew."""
        former = former_run(note, living, instance=self._agent.machine.id, application=self._name, same_boot=same_boot, lost=lost)
        if former.note is None:
            assert not self.alive, "it runs, and nobody knows"
            self._seen = Seen(run=former.run)
        elif not self.alive:
            ended = GONE if former.note.identity is not None else None
            self._seen = Seen(run=former.run, epoch=former.note.epoch, ended=ended)
        else:
            run, ready, boots = former.run, former.note.ready, self._agent.boots
            self._seen = Seen(run=run, epoch=former.note.epoch, alive=True, started_at_s=self._now_s, ready=ready, adopted=True)
            world = self._agent.world
            asked_s = max((self._ready_ms - world.schedule.now_ms) / 1000, world.chance.uniform(*PROBED_S))
            world.schedule.later(asked_s, lambda: self._probe() if (boots, run) == (self._agent.boots, self.run) else None)

    def begin(self, epoch: int) -> None:
        assert not self.alive, "it runs already"
        self._seen = Seen(run=self._seen.run + 1, epoch=epoch, started_at_s=self._now_s)

    def start(self) -> None:
        agent, run, epoch = self._agent, self._seen.run, self._seen.epoch
        self._seen = replace(self._seen, alive=True)
        agent.world.watch.started(agent, epoch)
        self._cut_off = agent.world.has.databases.silent(agent.machine.place[0])
        boots = agent.boots
        if self.health.ends_at_once:
            agent.world.schedule.later(LOOP_S, lambda: self._ends_if(boots, run))
        elif not self.health.never_ready:
            self._ready_ms = agent.world.schedule.now_ms + int(self._ready_s * 1000)
            agent.world.schedule.later(self._ready_s, lambda: self._ready_if(boots, run))
        agent.changed()

    def stop(self, grace_s: float, *, drain: bool = False) -> None:
        """Only the first call of a run is a change, as there."""
        if not self._seen.alive:
            return
        first, run = not self._seen.stopping, self._seen.run
        takes_s = max(KILL_S, grace_s if self.health.stubborn else min(grace_s, STOP_S))
        waits, lives = self.health.stubborn and grace_s > 0, self._agent.lives  # for an agent that kills it in the end
        if first or grace_s == 0:
            later = self._agent.world.schedule.later
            later(takes_s, lambda: self._stopped(run) if not waits or lives == self._agent.lives else None)
        if first:
            self._seen = replace(self._seen, stopping=True)
            self._agent.changed()

    # --- what happens to it ------------------------------------------------------------------------------------------------

    @property
    def _name(self) -> str:
        return self._agent.assembly.applications[0].name

    @property
    def epoch(self) -> int:
        """The epoch under which it lives; 0 while it does not."""
        return self._seen.epoch if self._seen.alive else 0

    def ends(self, why: str) -> None:
        if not self._agent.machine.powered or not self._seen.alive:
            return
        epoch = self._seen.epoch
        self._seen = replace(self._seen, alive=False, stopping=False, ended=why, ready=False, verdict=Verdict.UNKNOWN, healthy_since_s=None)
        self._agent.world.watch.stopped(self._agent, epoch)
        self._agent.changed()

    def database_silent(self) -> None:
        """Its probes find out a little later."""
        if self.alive:
            self._cut_off = True
            self.health_changed()

    def database_back(self) -> None:
        """Most applications connect again; some hold on to what is dead until they are restarted."""
        run, chance = self.run, self._agent.world.chance
        if self._cut_off and self.alive and chance.random() < 0.8:
            self._agent.world.schedule.later(chance.uniform(0.5, 15.0), lambda: self._connected(run))

    def lost(self) -> None:
        """Its machine has no power any more."""
        if self._seen.alive:
            self._agent.world.watch.stopped(self._agent, self._seen.epoch)
        self._seen = Seen()

    def health_changed(self) -> None:
        """Probes say what is so, a little later."""
        self._agent.world.schedule.later(self._agent.world.chance.uniform(0.5, 8.0), self._probe)

    @property
    def _now_s(self) -> float:
        return self._agent.now_s

    def _ready_if(self, boots: int, run: int) -> None:
        """Whoever is not there to ask finds out later."""
        same = boots == self._agent.boots and run == self._seen.run and self._agent.up
        if same and self._seen.alive and not self.health.failing and not self._cut_off:
            verdict = Verdict.BUSY if self.health.busy else Verdict.HEALTHY
            self._seen = replace(self._seen, ready=True, verdict=verdict, healthy_since_s=self._now_s)
            self._agent.changed()

    def _connected(self, run: int) -> None:
        if run == self.run and not self._agent.world.has.databases.silent(self._agent.machine.place[0]):
            self._cut_off = False
            self._probe()

    def _ends_if(self, boots: int, run: int) -> None:
        if boots == self._agent.boots and run == self._seen.run:
            self.ends("exited with status 1")

    def _stopped(self, run: int) -> None:
        """A frozen machine's kernel sees nothing end."""
        if run != self._seen.run or not self._seen.alive or not self._agent.machine.powered:
            return
        if self._agent.machine.frozen:
            self._agent.world.schedule.later(1.0, lambda: self._stopped(run))
            return
        self.ends("stopped")

    def _probe(self) -> None:
        if not self._seen.alive or not self._agent.machine.thinks or not self._agent.up:
            return
        if self.health.failing or self._cut_off:
            self._seen = replace(self._seen, verdict=Verdict.FAILING, reason="does not answer", healthy_since_s=None)
        elif self._seen.ready or not self.health.never_ready:
            verdict, since_s = Verdict.BUSY if self.health.busy else Verdict.HEALTHY, self._seen.healthy_since_s
            self._seen = replace(self._seen, ready=True, verdict=verdict, reason="", healthy_since_s=since_s or self._now_s)
        self._agent.changed()

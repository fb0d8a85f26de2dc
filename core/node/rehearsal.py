"""What the agent would do, given what was recorded (core.node.observations): the same verdicts and decisions, nothing performed.

What is decided is taken as done: a start gives a run, a stop ends it when its `exit` is recorded or its grace is over. So a
recording of a real incident may be tried with other settings. What was recorded of an application while in the rehearsal it
does not run is left out, and said once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from core.model import Assembly, Verdict
from core.node.decision import AskReplacement, GiveUp, Hold, Memory, Seen, Snapshot, Start, Stop, decide, next_deadline_s
from core.node.observations import BadObservation, OfApplication, OfNode, parse
from core.node.rehearsed_run import RehearsedRun
from core.node.state import Action
from core.node.supervision import penalty_now
from core.records import Permit

# Decisions between two lines: at the ceiling of the waits it is a day of restarts; a gap of years must come to an end.
MOMENTS_MAX = 3000
_NODE = "rehearsal"
_A_MOMENT_S = 1e-6  # after a deadline it is over, however its sum was rounded
_HOW_IT_ENDED = "killed by its stop"


@dataclass(frozen=True, slots=True)
class Told:
    """One thing that would have been done or said. application: "" is the node."""

    at_s: float
    application: str
    what: str

    def __str__(self) -> str:
        return f"{self.at_s:10.1f} s  {self.application or 'the node'}: {self.what}"


def rehearse(assembly: Assembly, lines: Iterable[str]) -> Iterator[Told]:
    """Play a recording; what would be done and said, in its order. Raises BadObservation naming the line."""
    rehearsal = _Rehearsal(assembly)
    for number, line in enumerate(lines, start=1):
        observation = parse(line, number)
        if observation is not None:
            yield from rehearsal.play(observation, number)


class _Rehearsal:
    """The node's memory, its applications' last runs, and the time up to which they were played."""

    def __init__(self, assembly: Assembly) -> None:
        self._assembly = assembly
        self._applications = {application.name: application for application in assembly.applications}
        self._runs: dict[str, RehearsedRun] = {}
        self._memory = Memory(instance=_NODE)
        self._permit = self._permit_of(1, _NODE)
        self._held: dict[str, Hold] = {}
        self._terminating = False
        self._now_s: float | None = None
        self._left_out: set[str] = set()
        self._told: dict[str, tuple[Verdict, int]] = {}

    def _permit_of(self, epoch: int, instance: str) -> Permit:
        return Permit(deployable=_NODE, assembly=self._assembly.name, instance=instance, epoch=epoch, at_ms=0)

    def play(self, observation: OfNode | OfApplication, line: int) -> Iterator[Told]:
        """First what the clock alone brings until then, then the observation."""
        if self._now_s is not None and observation.at_s < self._now_s - _A_MOMENT_S:
            raise BadObservation(f"line {line}: at_s is {observation.at_s:g}, the line before has {self._now_s:g}: time does not go back")
        if isinstance(observation, OfNode):
            yield from self._until(observation.at_s, line)
            self._heed_node(observation)
        elif observation.application not in self._applications:
            raise BadObservation(f"line {line}: application is {observation.application!r}, expected one of {list(self._applications)}")
        else:
            yield from self._until(observation.at_s, line)
            if self._now_s is None:
                yield from self._decide(observation.at_s)  # the first line finds a node that has its permit
            yield from self._heed_application(observation, line)
        yield from self._decide(observation.at_s)

    def _until(self, at_s: float, line: int) -> Iterator[Told]:
        moments = 0
        while (deadline_s := self._next_s()) is not None and deadline_s + _A_MOMENT_S <= at_s:
            yield from self._decide(deadline_s + _A_MOMENT_S)
            moments += 1
            if moments > MOMENTS_MAX:
                raise BadObservation(f"line {line}: at_s is {at_s:g}: more than {MOMENTS_MAX} decisions come before it, use a smaller gap")

    def _next_s(self) -> float | None:
        if self._now_s is None:
            return None
        now_s = self._now_s
        found = [at_s for run in self._runs.values() for at_s in run.deadlines_s()]
        deadline_s = next_deadline_s(self._memory, self._snapshot(now_s), self._assembly)
        found += [deadline_s] if deadline_s is not None else []
        return min((at_s for at_s in found if at_s > now_s), default=None)

    def _heed_node(self, observation: OfNode) -> None:
        self._terminating = self._terminating or observation.terminating
        if observation.permit is not None:
            self._permit = self._permit_of(observation.permit, "another" if observation.other else _NODE)

    def _heed_application(self, observation: OfApplication, line: int) -> Iterator[Told]:
        name, run = observation.application, self._runs.get(observation.application)
        if observation.hold is not None:
            self._held = {other: hold for other, hold in self._held.items() if other != name}
            if observation.hold:
                self._held[name] = Hold()
        elif run is not None and run.alive:
            self._left_out.discard(name)
            yield from (Told(observation.at_s, name, text) for text in run.heed(observation, line))
        elif name not in self._left_out:
            self._left_out.add(name)
            yield Told(observation.at_s, name, "does not run here, so what was recorded of it is left out")

    def _snapshot(self, now_s: float) -> Snapshot:
        return Snapshot(
            now_s=now_s,
            permit=self._permit,
            terminating=self._terminating,
            stop_asked=False,
            powering_off=False,
            applications={name: self._runs[name].seen(now_s) if name in self._runs else Seen() for name in self._applications},
            held=self._held,
        )

    def _decide(self, now_s: float) -> Iterator[Told]:
        """Decide until nothing more follows at this moment."""
        self._now_s = now_s
        for name, run in self._runs.items():
            if run.alive and run.killed_at_s is not None and run.killed_at_s <= now_s:
                run.ended = _HOW_IT_ENDED
                yield Told(now_s, name, "killed: the grace of its stop is over")
        more = True
        while more:
            decision = decide(self._memory, self._snapshot(now_s), self._assembly)
            self._memory = decision.memory
            for name, (verdict, reason) in decision.concluded.applications.items():
                yield from self._tell(name, verdict, reason, now_s)
            for action in decision.actions:
                yield self._perform(action, now_s)
            more = any(not isinstance(action, AskReplacement) for action in decision.actions)
        for name, run in self._runs.items():
            yield from (Told(now_s, name, f"would warn: {text}") for text in run.warnings(now_s))

    def _tell(self, name: str, verdict: Verdict, reason: str, now_s: float) -> Iterator[Told]:
        """A verdict, once in each run until it changes."""
        told = verdict, self._runs[name].number if name in self._runs else 0
        if self._told.get(name) != told:
            self._told[name] = told
            yield Told(now_s, name, verdict.value + (f": {reason}" if reason else ""))

    def _perform(self, action: Action, now_s: float) -> Told:
        """What would be done; and, of it, what the rehearsal does."""
        match action:
            case GiveUp():
                return Told(now_s, "", f"would give up epoch {action.epoch} for good")
            case AskReplacement():
                return Told(now_s, action.name, f"would ask for its node to be replaced: {action.reason}")
            case Start():
                number = self._runs[action.name].number + 1 if action.name in self._runs else 1
                self._runs[action.name] = RehearsedRun(self._applications[action.name], number=number, epoch=action.epoch, now_s=now_s)
                history = self._memory.histories.get(action.name)
                penalty = f", penalty {penalty_now(history, now_s):.1f}" if history is not None and history.penalty else ""
                return Told(now_s, action.name, f"would start run {number} under epoch {action.epoch}{penalty}")
            case Stop():
                run = self._runs[action.name]
                run.killed_at_s = now_s + action.grace_s
                if action.grace_s <= 0:
                    run.ended = _HOW_IT_ENDED
                how = f"would stop it within {action.grace_s:g} s" if action.grace_s > 0 else "would kill it"
                return Told(now_s, action.name, f"{how}{', drained first' if action.drain else ''}: {action.reason}")

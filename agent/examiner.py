"""What is asked and measured of one run, each question in a task of its own, and what all of it means together."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from agent.beat import until_beat_s
from agent.measure import Meter
from agent.probes import ProbeContext, ask
from agent.runs import RunState
from core.application import Application, Probe, ProbeKind
from core.model import Verdict
from core.node import thresholds
from core.node.counters import CountWindow, after_counts, judge_counts
from core.node.health import Outcome, ProbeHealth, ProbeResult, Recent, after_result, busy_since, judge, remember
from core.node.saturation import saturated
from core.node.thresholds import Measures, ThresholdStates

# While a run has not been seen healthy its probes ask so often, so that readiness is noticed at once; a start that takes
# long is asked less often the longer it takes, so that it is noticed within so large a part of the time it took.
STARTING_EVERY_S = 0.05
STARTING_SHARE = 0.05
STARTING_PROGRAM_EVERY_S = 0.5  # a question that starts a program costs the machine something
MEASURE_EVERY_S = 10.0
MEASURE_CLOSELY_S = 1.0  # where a threshold or a counter waits for it
FRESH_S = 0.1  # measures so young excuse a timeout; older ones are taken again, for it may have been stopped since
# How the application's own monitor action counts: one "not running" may be a slip (see core.node.health), two are not.
# How often it is asked is the application's own.
MONITOR = Probe(process="monitor action", every_s=10.0, timeout_s=10.0, rise=1, fall=2)


@dataclass(slots=True)
class Question:
    """A probe, or the run's own monitor action, and all it has answered in this run."""

    name: str
    probe: Probe
    ask: Callable[[], Awaitable[ProbeResult | None]]
    health: ProbeHealth
    recent: tuple[Recent, ...] = ()
    outcomes: Counter[str] = field(default_factory=Counter)

    @property
    def is_awaited(self) -> bool:
        """Whether a good answer is looked out for: not of an adopted one that answered badly, for that may be its end."""
        return self.health.verdict is Verdict.UNKNOWN and not (self.health.ready and self.health.not_good)

    @property
    def is_well(self) -> bool:
        """Healthy, and the last answer too: between any two bad ones lies the whole of its period."""
        return self.health.verdict is Verdict.HEALTHY and not self.health.not_good

    @property
    def starting_every_s(self) -> float:
        costly = self.probe.process == MONITOR.process or self.probe.kind is ProbeKind.COMMAND
        return STARTING_PROGRAM_EVERY_S if costly else STARTING_EVERY_S

    def told(self) -> dict[str, Any]:
        """For people and metrics."""
        return {
            "probe": self.name,
            "verdict": self.health.verdict.value,
            "reason": self.health.reason,
            "in_a_row": self.health.in_a_row,
            "rise": self.probe.rise,
            "fall": self.probe.fall,
            "every_s": self.probe.every_s,
            "took_s": round(self.recent[-1].took_s, 4) if self.recent else None,
            "outcomes": dict(self.outcomes),
        }


class Examiner:
    """Of one run; made when it begins, closed when it ends. `changed` is called when its verdict may have changed."""

    def __init__(
        self,
        application: Application,
        run: RunState,
        *,
        meter: Meter,
        totals: Callable[[], Mapping[str, int]] | None,
        context: ProbeContext,
        ready: bool,
        clock: Callable[[], float],
        changed: Callable[[], None],
    ) -> None:
        """ready: it was healthy before in this run (an adopted one): it is not a starting one, bad results count at once."""
        self._application, self._run, self._meter, self._totals = application, run, meter, totals
        self._clock, self._changed = clock, changed
        self._began_s = self._measured_s = clock()
        self.questions = [
            Question(name_of(probe), probe, lambda probe=probe: ask(probe, context), ProbeHealth(ready=ready))  # type: ignore[misc]  # a default
            for probe in application.probes
        ]
        if application.run.exec is None:
            monitor = own_monitor(application)
            self.questions.append(Question("monitor", monitor, run.monitor, ProbeHealth(ready=ready)))
        self.ready = ready
        self.healthy_since_s: float | None = None
        self.busy_since_s: float | None = None
        self.measures: Measures | None = None
        self.states, self.window = ThresholdStates(), CountWindow()
        loop = asyncio.get_running_loop()
        name = application.name
        self._tasks = [loop.create_task(self._ask(question), name=f"{question.name} of {name}") for question in self.questions]
        self._tasks.append(loop.create_task(self._measure(), name=f"measures of {name}"))
        self.note()

    def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        self._tasks = []

    # --- what it means -------------------------------------------------------------------------------------------

    def parts(self) -> list[tuple[Verdict, str]]:
        """One verdict of each question, of each threshold that is crossed, and of the counters."""
        now_s = self._clock()
        parts = [(question.health.verdict, question.health.reason) for question in self.questions]
        parts += thresholds.verdicts(self.states, self._application.thresholds, now_s=now_s)
        if self._application.counters is not None:
            parts.append(judge_counts(self.window, self._application.counters, now_s=now_s))
        return parts

    def verdict(self) -> tuple[Verdict, str]:
        budget_s = self._application.busy_budget_s
        verdict, reason = judge(self.parts(), busy_since_s=self.busy_since_s, busy_budget_s=budget_s, now_s=self._clock())
        if verdict is Verdict.HEALTHY and not reason:
            reported = (warning for kind, warning in self.warnings().items() if not warning.endswith("cannot be measured here"))
            return verdict, "; ".join(reported)
        return verdict, reason

    def warnings(self) -> dict[str, str]:
        """What is said without doing anything, by subject."""
        return thresholds.warnings(self.states, self._application.thresholds, now_s=self._clock())

    def note(self) -> None:
        """Remember since when it is ready, healthy, busy."""
        now_s, parts = self._clock(), self.parts()
        self.busy_since_s = busy_since(self.busy_since_s, parts, now_s=now_s)
        healthy = self._run.started and self.verdict()[0] is Verdict.HEALTHY
        self.ready = self.ready or healthy
        if not healthy:
            self.healthy_since_s = None
        elif self.healthy_since_s is None:
            self.healthy_since_s = now_s

    # --- asking and measuring ------------------------------------------------------------------------------------

    async def _ask(self, question: Question) -> None:
        """Ask one question for as long as the run lasts."""
        probe = question.probe
        while True:
            asked_at_s = self._clock()
            result = await question.ask()
            if result is not None:
                self._heed(question, result)
            every_s = probe.every_s
            if question.is_awaited:
                growing_s = STARTING_SHARE * (self._clock() - self._began_s)
                every_s = min(every_s, max(question.starting_every_s, growing_s))
            pause_s = asked_at_s + every_s - self._clock()
            if question.is_well and not probe.jitter_s:
                pause_s = until_beat_s(every_s, self._clock())  # together with whatever else comes again and again
            jitter_s = random.uniform(0.0, probe.jitter_s) if probe.jitter_s else 0.0  # noqa: S311  # spreads load, guards nothing
            await asyncio.sleep(max(0.0, pause_s) + jitter_s)

    def _heed(self, question: Question, result: ProbeResult) -> None:
        why = self._why_saturated() if result.outcome is Outcome.TIMEOUT else ""
        before, question.health = question.health, after_result(question.health, result, question.probe, saturated=why)
        question.recent = remember(question.recent, result, now_s=self._clock(), saturated=why)
        question.outcomes[question.recent[-1].outcome.value] += 1
        if question.health.verdict is not before.verdict:
            self.note()
            self._changed()

    def _why_saturated(self) -> str:
        if self.measures is None or self._clock() - self._measured_s > FRESH_S:
            self._take_measures()
        return saturated(self.measures)

    async def _measure(self) -> None:
        closely = self._application.thresholds or self._application.counters is not None
        while True:
            self._take_measures()
            before = self.verdict()[0]
            now_s = self._clock()
            if self.measures is not None:
                self.states = thresholds.after_measures(self.states, self.measures, self._application.thresholds, now_s=now_s)
            if self._application.counters is not None and self._totals is not None:
                interval_s = self._application.counters.interval_s
                self.window = after_counts(self.window, self._totals(), now_s=now_s, interval_s=interval_s)
            if self.verdict()[0] is not before:
                self.note()
                self._changed()
            every_s = MEASURE_CLOSELY_S if closely else MEASURE_EVERY_S
            await asyncio.sleep(until_beat_s(every_s, self._clock()))

    def _take_measures(self) -> None:
        self._measured_s = self._clock()
        self.measures = self._meter.measure(self._run.members(), self._run.cgroup())


def own_monitor(application: Application) -> Probe:
    """Its own monitor action as a probe."""
    every_s = application.monitor_every_s
    return replace(MONITOR, every_s=every_s, timeout_s=min(MONITOR.timeout_s, every_s))


def name_of(probe: Probe) -> str:
    """As the settings have it, for people."""
    if probe.command is not None:
        return f"command {probe.command[0]}"
    if probe.http is not None:
        return probe.http
    return f"{probe.kind.value} {probe.tcp or probe.file or probe.process}"

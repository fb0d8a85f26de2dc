"""One run of an application in a rehearsal: what was recorded of it becomes what a decision sees."""

from __future__ import annotations

from collections.abc import Iterator

from core.application import Application, Probe, RunKind
from core.model import Verdict
from core.node import thresholds
from core.node.counters import CountWindow, after_counts, judge_counts
from core.node.decision import Seen
from core.node.health import Outcome, ProbeHealth, after_result, busy_since, counted_as, judge
from core.node.observations import MONITOR, BadObservation, OfApplication
from core.node.saturation import saturated
from core.node.thresholds import GAP_S, Measures, ThresholdStates

_OWN_MONITOR = Probe(process="monitor action", every_s=10.0, timeout_s=10.0)  # how its own monitor action counts


class RehearsedRun:
    """Alive until its end is recorded, or the grace of its stop is over."""

    def __init__(self, application: Application, *, number: int, epoch: int, now_s: float) -> None:
        probes: list[int | str] = list(range(len(application.probes)))
        if application.run.kind is not RunKind.EXEC:
            probes.append(MONITOR)
        self.number, self.epoch = number, epoch
        self.ended: str | None = None
        self.killed_at_s: float | None = None  # when the grace of its stop is over
        self._application, self._started_at_s = application, now_s
        self._started = application.run.kind is RunKind.EXEC
        self._degraded: str | None = None
        self._healths = {probe: ProbeHealth() for probe in probes}
        self._states, self._window = ThresholdStates(), CountWindow()
        self._measured: tuple[float, Measures] | None = None
        self._busy_since_s: float | None = None
        self._healthy_since_s: float | None = None
        self._ready = False
        self._warned: frozenset[str] = frozenset()

    @property
    def alive(self) -> bool:
        return self.ended is None

    def seen(self, now_s: float) -> Seen:
        parts = [(health.verdict, health.reason) for health in self._healths.values()]
        parts += thresholds.verdicts(self._states, self._application.thresholds, now_s=now_s)
        if self._application.counters is not None:
            parts.append(judge_counts(self._window, self._application.counters, now_s=now_s))
        budget_s = self._application.busy_budget_s
        self._busy_since_s = busy_since(self._busy_since_s, parts, now_s=now_s)
        verdict, reason = judge(parts, busy_since_s=self._busy_since_s, busy_budget_s=budget_s, now_s=now_s)
        healthy = self.alive and self._started and verdict is Verdict.HEALTHY
        self._ready = self._ready or healthy
        if not healthy or self._healthy_since_s is None:
            self._healthy_since_s = now_s if healthy else None
        return Seen(
            run=self.number,
            epoch=self.epoch,
            alive=self.alive,
            stopping=self.alive and self.killed_at_s is not None,
            started_at_s=self._started_at_s,
            ended=self.ended,
            started=self._started,
            degraded=self._degraded,
            ready=self._ready,
            verdict=verdict,
            reason=reason,
            healthy_since_s=self._healthy_since_s,
        )

    def deadlines_s(self) -> Iterator[float]:
        """When the clock alone changes what is seen of it."""
        if self.alive and self.killed_at_s is not None:
            yield self.killed_at_s
        if self.alive and self._busy_since_s is not None:
            yield self._busy_since_s + self._application.busy_budget_s

    def heed(self, observation: OfApplication, line: int) -> Iterator[str]:
        """Take in what was recorded of it; says what is worth saying."""
        now_s = observation.at_s
        if observation.result is not None:
            yield from self._heed_result(observation, line)
        elif observation.measures is not None:
            self._measured = now_s, observation.measures
            self._states = thresholds.after_measures(self._states, observation.measures, self._application.thresholds, now_s=now_s)
        elif observation.counts is not None and self._application.counters is not None:
            interval_s = self._application.counters.interval_s
            self._window = after_counts(self._window, observation.counts, now_s=now_s, interval_s=interval_s)
        elif observation.exit is not None:
            self.ended = observation.exit
            yield f"ended: {observation.exit}"
        self._started = self._started or bool(observation.started) or observation.degraded is not None
        self._degraded = observation.degraded or self._degraded

    def _heed_result(self, observation: OfApplication, line: int) -> Iterator[str]:
        probe, result = observation.probe, observation.result
        if probe is None or result is None or probe not in self._healths:
            raise BadObservation(f"line {line}: probe is {probe!r}, expected one of {list(self._healths)}")
        fresh = self._measured is not None and observation.at_s - self._measured[0] <= GAP_S
        why = saturated(self._measured[1]) if self._measured is not None and fresh else ""
        settings = self._application.probes[probe] if isinstance(probe, int) else _OWN_MONITOR
        self._healths[probe] = after_result(self._healths[probe], result, settings, saturated=why)
        counted = counted_as(result, why)
        if counted.outcome is not Outcome.GOOD:
            yield f"probe {probe} counts as {counted.outcome.value}" + (f": {counted.reason}" if counted.reason else "")

    def warnings(self, now_s: float) -> Iterator[str]:
        """Each once for as long as it lasts."""
        found = thresholds.warnings(self._states, self._application.thresholds, now_s=now_s) if self.alive else {}
        yield from (text for subject, text in found.items() if subject not in self._warned)
        self._warned = frozenset(found)

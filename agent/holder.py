"""What the ports and the local commands see of the agent: it repeats what the last cycle concluded, and passes on what people ask."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from agent import operators
from agent.cycle import Cycle
from agent.examiner import Question
from core.model import Verdict
from core.node import ha_port
from core.node.decision import Hold
from core.node.supervision import History, penalty_now
from core.node.thresholds import name as name_of_threshold
from core.records import Phase

SERVING = (Phase.STARTING, Phase.RUNNING)


class NodeHolder:
    """agent.ports.Holder. A view is built when it is asked for, once a cycle: many may ask, nothing changes in between."""

    def __init__(self, cycle: Cycle) -> None:
        self._cycle = cycle
        self._views: dict[str | None, ha_port.View] = {}
        self._of: tuple[object, bool] = (None, False)

    # --- looking -------------------------------------------------------------------------------------------------

    def view(self, application: str | None = None) -> ha_port.View:
        of = (self._cycle.tally.cycles, self.is_stuck())
        if of != self._of:
            self._of = of
            self._views.clear()
        if application not in self._views:
            self._views[application] = self._view(application)
        return self._views[application]

    def is_stuck(self) -> bool:
        return self._cycle.is_stuck()

    def status(self) -> dict[str, Any]:
        cycle, concluded, node = self._cycle, self._cycle.concluded, self._told_of_node()
        tally = asdict(cycle.tally)
        answered_at_s = tally.pop("table_answered_at_s")
        return {
            "deployable": cycle.settings.deployable,
            "assembly": cycle.settings.assembly.name,
            "instance": cycle.memory.instance,
            "phase": concluded.phase.value,
            "epoch": concluded.epoch,
            "verdict": node.verdict.value,
            "reason": node.reason,
            "in_a_row": node.in_a_row,
            "fall": node.fall,
            "held": node.held,
            "applications": {name: self._status_of(name) for name in concluded.applications},
            **({"state": cycle.keeper.told()} if cycle.keeper is not None else {}),
            "agent": {
                **{key: round(value, 6) if isinstance(value, float) else value for key, value in tally.items()},
                "table_age_s": None if answered_at_s is None else round(cycle.clock() - answered_at_s, 1),
                "state": cycle.notebook.trouble,
            },
        }

    def why(self, application: str) -> dict[str, Any]:
        cycle = self._cycle
        held = cycle.applications[application]
        now_s, history, examiner = cycle.clock(), cycle.memory.histories.get(application, History()), held.examiner
        return {
            "application": application,
            **self._status_of(application),
            "probes": [self._question(question, now_s) for question in examiner.questions] if examiner is not None else [],
            "thresholds": self._thresholds(application),
            "counters": self._counters(application),
            "history": {
                "failures_ago_s": [round(now_s - at_s, 1) for at_s in history.failed_at_s],
                "in_a_row": history.in_a_row,
                "next_start_in_s": None if history.retry_at_s is None else round(max(0.0, history.retry_at_s - now_s), 1),
                "last": history.last,
                "asks": history.asks,
                "tolerated": held.application.tolerance.failures,
                "window_s": held.application.tolerance.window_s,
            },
        }

    def _view(self, application: str | None) -> ha_port.View:
        told = {name: self._told_of(name) for name in self._cycle.concluded.applications}
        serves = self._cycle.concluded.phase in SERVING and self._cycle.concluded.epoch > 0
        if application is None:
            return ha_port.View(subject=self._told_of_node(), applications=told, status=self.status(), serves=serves)
        status = {"application": application, **self._status_of(application)}
        mine = {application: told[application]}
        return ha_port.View(subject=told[application], applications=mine, status=status, serves=serves)

    def _told_of_node(self) -> ha_port.Told:
        if self.is_stuck():
            return ha_port.Told(Verdict.FAILING, f"no cycle completed for {self._cycle.stuck_for_s:.0f} s")
        concluded = self._cycle.concluded
        every = [self._told_of(name) for name in concluded.applications]
        nearest = max(every, key=lambda told: told.in_a_row / told.fall)
        held = bool(every) and all(told.held for told in every)
        return ha_port.Told(concluded.verdict, concluded.reason, nearest.in_a_row, nearest.fall, held)

    def _told_of(self, name: str) -> ha_port.Told:
        verdict, reason = self._cycle.concluded.applications[name]
        examiner = self._cycle.applications[name].examiner
        questions = examiner.questions if examiner is not None and verdict is not Verdict.UNKNOWN else []
        nearest = max(questions, key=lambda question: question.health.in_a_row / question.probe.fall, default=None)
        in_a_row, fall = (nearest.health.in_a_row, nearest.probe.fall) if nearest is not None else (0, 1)
        return ha_port.Told(verdict, reason, in_a_row, fall, name in self._cycle.knowledge.held)

    def _status_of(self, name: str) -> dict[str, Any]:
        cycle, held = self._cycle, self._cycle.applications[name]
        told = self._told_of(name)
        history = cycle.memory.histories.get(name, History())
        return {
            "verdict": told.verdict.value,
            "reason": told.reason,
            "in_a_row": told.in_a_row,
            "fall": told.fall,
            "restarts": cycle.restarts(name),
            **held.told(),
            "penalty": round(penalty_now(history, cycle.clock()), 3),
            "held": told.held,
        }

    def _question(self, question: Question, now_s: float) -> dict[str, Any]:
        recent = [
            {"ago_s": round(now_s - one.at_s, 2), "outcome": one.outcome.value, "reason": one.reason, "took_s": round(one.took_s, 4)}
            for one in question.recent
        ]
        return {**question.told(), "recent": recent}

    def _thresholds(self, application: str) -> list[dict[str, Any]]:
        held = self._cycle.applications[application]
        states = held.examiner.states.states if held.examiner is not None else ()
        told = []
        for index, threshold in enumerate(held.application.thresholds):
            state = states[index] if index < len(states) else None
            told.append(
                {
                    "threshold": name_of_threshold(threshold),
                    "percent": threshold.percent,
                    "amount": threshold.amount,
                    "for_s": threshold.for_s,
                    "then": threshold.then.value,
                    "value": state.value if state is not None else None,
                    "crossed": state.over if state is not None else False,
                }
            )
        return told

    def _counters(self, application: str) -> dict[str, Any] | None:
        held = self._cycle.applications[application]
        if held.application.counters is None:
            return None
        samples = held.examiner.window.samples if held.examiner is not None else ()
        return {
            "interval_s": held.application.counters.interval_s,
            "rules": [asdict(rule) for rule in held.application.counters.rules],
            "totals": dict(samples[-1][1]) if samples else {},
            "seen_for_s": round(samples[-1][0] - samples[0][0], 1) if samples else 0.0,
        }

    # --- acting --------------------------------------------------------------------------------------------------

    async def offline(self, application: str | None) -> str:
        return await operators.take_down(self._cycle, application, Hold(hard=False, at_ms=operators.now_ms()))

    async def clean(self, application: str | None) -> str:
        return await operators.take_down(self._cycle, application, Hold(hard=True, at_ms=operators.now_ms()))

    async def online(self, application: str | None) -> str:
        return await operators.bring_up(self._cycle, application)

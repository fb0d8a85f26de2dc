"""Writes the record of decisions beside the incident, without holding it up: what cannot be written is said and left."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from core.policy import Policy
from core.recovery.incident import incident_id
from core.recovery.snapshot import View
from core.recovery.steps import Decision, Open, Tell
from core.report.trace import Decided, decided, decided_item, together
from lambdas.adapters import log, table
from lambdas.adapters.clients import WorldFailed

BEFORE_MAX = 10  # before an incident is opened a look or two are taken; where none is opened they are nobody's


@dataclass
class Recorder:
    """One call's decisions, kept until there is time to write them: while something is waited for, and at the end.

    driver: the call. One that dies loses what it has not written yet: what it did between two waits.
    """

    driver: str
    made: int = 0
    before: list[Decided] = field(default_factory=list)
    unwritten: list[Decided] = field(default_factory=list)
    last: Decided | None = None
    run: Decided | None = None

    def add(self, view: View, decision: Decision, policy: Policy) -> None:
        """Of a decision that is about to be performed."""
        incident = _whose(view, decision)
        one = decided(view, decision, policy, incident=incident, driver=self.driver, number=self.made)
        self.made += 1
        if not incident:
            self.before = [*self.before, one][-BEFORE_MAX:]
            return
        self.unwritten += [replace(earlier, incident=incident) for earlier in self.before]
        self.before = []
        if self.run is not None and self.run.goes_on_in(one):
            self.run = together(self.run, one)
        elif self.run is None and self.last is not None and self.last.goes_on_in(one):
            self.run = one
        else:
            self._end_run()
            self.unwritten.append(one)
            self.last = one

    def write(self) -> None:
        """All but a wait that still goes on."""
        for one in self.unwritten:
            try:
                table.put(decided_item(one))
            except WorldFailed as error:
                log.say("record", f"a decision is not recorded: {error}", incident=one.incident, rule=one.rule)
        self.unwritten = []

    def close(self) -> None:
        """The call ends."""
        self._end_run()
        self.write()

    def _end_run(self) -> None:
        if self.run is not None:
            self.unwritten.append(self.run)
            self.run = None


def _whose(view: View, decision: Decision) -> str:
    """The incident's id; "" for what is decided while there is none, and before one."""
    if view.incident is not None and (not view.incident.ended or isinstance(decision.step, Tell)):
        return view.incident.id
    return incident_id(view.now_ms, decision.step.instance) if isinstance(decision.step, Open) else ""

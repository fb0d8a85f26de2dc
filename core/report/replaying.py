"""The stored inputs of an incident decided again: where other settings, or today's rules, would have chosen another step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from core.policy import Policy
from core.recovery.machine import next_step
from core.recovery.snapshot import View
from core.report.trace import Decided, kind_of, overridden, reason_of

EVERY_MS = 1000  # how finely the time of a repeated wait is gone through
SPAN_MAX_MS = 3_600_000  # an incident ends after an hour


@dataclass(frozen=True, slots=True, kw_only=True)
class Differs:
    """The first step that would have been another. before: how many stored steps would have been the same. at_ms: when it comes."""

    step: Decided
    at_ms: int
    before: int
    other_rule: str
    other_step: str
    other_reason: str


def first_difference(steps: Sequence[Decided], settings: Mapping[str, Any]) -> Differs | None:
    """settings: what is to be other than it was. With none, the rules of today are compared with those of then. Raises NotPlain."""
    for number, step in enumerate(steps):
        other = overridden(step.policy, settings)
        for view in _moments(step):
            if settings and _rule(view, step.policy, step.woken_by) != (step.rule, step.step):
                continue  # what is between two stored inputs is not known well enough to judge by
            decision = next_step(view, other, woken_by=step.woken_by)
            if (decision.rule, kind_of(decision.step)) != (step.rule, step.step):
                return Differs(
                    step=step,
                    at_ms=view.now_ms,
                    before=number,
                    other_rule=decision.rule,
                    other_step=kind_of(decision.step),
                    other_reason=reason_of(decision.step),
                )
    return None


def _rule(view: View, policy: Policy, woken_by: str) -> tuple[str, str]:
    decision = next_step(view, policy, woken_by=woken_by)
    return decision.rule, kind_of(decision.step)


def _moments(step: Decided) -> Iterator[View]:
    """What was seen; of a wait that was repeated, at each second of it."""
    if step.count > 1:
        begin_ms = max(step.at_ms, step.last_ms - SPAN_MAX_MS)
        yield from (replace(step.view, now_ms=now_ms) for now_ms in range(begin_ms, step.last_ms, EVERY_MS))
    yield step.view

"""What a rule is asked about: one assembly as it is seen now, its latest incident, and what several rules want to know worked out once."""

from __future__ import annotations

from dataclasses import dataclass

from core.policy import Policy
from core.records import Look
from core.recovery.incident import Cause, Incident, State
from core.recovery.outlook import FAILING, Inside, failing_since_ms, inside
from core.recovery.snapshot import View

# An assembly that never failed is like one whose last failure is solved and told.
NEVER_FAILED = Incident(
    deployable="", assembly="", id="", revision=0, instance="", epoch=0, state=State.RECOVERED, cause=Cause.NONE, reason="", woken_by="",
    failed_ms=0, opened_ms=0, state_ms=0,
)  # fmt: skip


@dataclass(slots=True, eq=False)
class Case:
    """incident: the latest, ended or not. node: the one that is or may be suspected, "" before any was permitted."""

    view: View
    policy: Policy
    incident: Incident
    node: str
    _inside: Inside | None = None
    _fails_outside: bool | None = None
    _two_signals: bool | None = None

    @property
    def inside(self) -> Inside:
        """The first signal: what the node says of itself."""
        if self._inside is None:
            self._inside = inside(self.view, self.node, self.policy)
        return self._inside

    @property
    def last_look(self) -> Look | None:
        """The latest look of any kind."""
        fresh = self.view.fresh.get(self.node)
        if fresh is not None:
            return fresh.look
        kept = self.view.looks.get(self.node)
        return kept.looks[-1] if kept is not None and kept.looks else None

    @property
    def fails_outside(self) -> bool:
        """The second signal, as of the latest look."""
        if self._fails_outside is None:
            look = self.last_look
            self._fails_outside = look is not None and look.verdict is FAILING
        return self._fails_outside

    @property
    def two_signals(self) -> bool:
        """Bad inside, failing outside for long enough that one hiccup is not enough, and in a look taken right now."""
        if self._two_signals is None:
            self._two_signals = self.inside.is_bad and self.fails_for_long
        return self._two_signals

    @property
    def fails_for_long(self) -> bool:
        """Failing from outside in the latest look, and in those before it for long enough that it is no hiccup."""
        if not self.fails_outside:
            return False
        looks = self.view.looks.get(self.node)
        since_ms = failing_since_ms(looks) if looks is not None else None
        return looks is not None and since_ms is not None and looks.looks[-1].at_ms - since_ms >= self.policy.looks_failing_s * 1000

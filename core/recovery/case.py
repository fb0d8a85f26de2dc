"""What a rule is asked about: one assembly as it is seen now, its latest incident, and what several rules want to know worked out once."""

from __future__ import annotations

from dataclasses import dataclass, field

from core.policy import Policy
from core.records import Look
from core.recovery.incident import Cause, Incident, State
from core.recovery.outlook import FAILING, Inside, inside, why
from core.recovery.snapshot import View

# An assembly that never failed is like one whose last failure is solved and told.
NEVER_FAILED = Incident(
    deployable="", assembly="", id="", revision=0, instance="", epoch=0, state=State.RECOVERED, cause=Cause.NONE, reason="", woken_by="",
    failed_ms=0, opened_ms=0, state_ms=0,
)  # fmt: skip


@dataclass(slots=True, eq=False)
class Case:
    """incident: the latest, ended or not. node: the one that is or may be suspected, "" before any was permitted.

    The rest is there once it was weighed (`weigh`). inside: the first signal, what the node says of itself. look: the latest of any kind.
    fails_outside: the second signal, as of that look; fails_for_long: and in the kept ones for long enough that it is no hiccup.
    two_signals: bad inside, failing outside for long enough, and in a look taken right now.
    Of a confirmed one that is not paid for: down, assemblies that went down, and made, replacements, both within the budget's window.
    """

    view: View
    policy: Policy
    incident: Incident
    node: str
    inside: Inside = field(init=False)
    look: Look | None = field(init=False)
    fails_outside: bool = field(init=False)
    fails_for_long: bool = field(init=False)
    two_signals: bool = field(init=False)
    down: int = field(init=False)
    made: int = field(init=False)

    def weigh(self) -> None:
        """What reports and looks say of the node."""
        view, node = self.view, self.node
        kept, fresh = view.looks.get(node), view.fresh.get(node)
        self.inside = inside(view, node, self.policy)
        self.look = fresh.look if fresh is not None else kept.looks[-1] if kept is not None and kept.looks else None
        self.fails_outside = self.look is not None and self.look.verdict is FAILING
        span_ms = kept.failing_ms if kept is not None and self.fails_outside else None
        self.fails_for_long = span_ms is not None and span_ms >= self.policy.looks_failing_s * 1000
        self.two_signals = self.inside.is_bad and self.fails_for_long

    def why(self) -> str:
        """The first signal in words."""
        return why(self.inside, self.view, self.node)

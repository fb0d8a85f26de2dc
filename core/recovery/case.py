"""What a rule is asked about: one assembly as it is seen now, its latest incident, and what several rules want to know worked out once."""

from __future__ import annotations

from dataclasses import dataclass, field

from core.policy import Policy
from core.recovery.incident import Cause, Incident, State
from core.recovery.outlook import why
from core.recovery.seen import SILENT, Inside, Seen
from core.recovery.snapshot import View

# An assembly that never failed is like one whose last failure is solved and told.
NEVER_FAILED = Incident(
    deployable="", assembly="", id="", revision=0, instance="", epoch=0, state=State.RECOVERED, cause=Cause.NONE, reason="", woken_by="",
    failed_ms=0, opened_ms=0, state_ms=0,
)  # fmt: skip


@dataclass(slots=True, eq=False)
class Case:
    """incident: the latest, ended or not. node: the one that is or may be suspected, "" before any was permitted.

    seen: what is seen of that node. The rest is there once it was weighed (`weigh`). inside: the first signal, what the node says of
    itself. fails_for_long: the second, the latest look fails and the kept ones did for long enough that it is no hiccup.
    two_signals: bad inside, failing outside for long enough, and in a look taken right now.
    """

    view: View
    policy: Policy
    incident: Incident
    node: str
    seen: Seen
    inside: Inside = field(init=False)
    fails_for_long: bool = field(init=False)
    two_signals: bool = field(init=False)

    def weigh(self) -> None:
        """What reports and looks say of the node."""
        seen, policy = self.seen, self.policy
        self.inside = inside = SILENT if seen.silent_ms > policy.report_silent_ms else seen.says
        self.fails_for_long = for_long = seen.failing_ms >= policy.looks_failing_ms
        self.two_signals = for_long and inside.is_bad

    def why(self) -> str:
        """The first signal in words."""
        seen = self.seen
        return why(SILENT if seen.silent_ms > self.policy.report_silent_ms else seen.says, self.view, self.node)

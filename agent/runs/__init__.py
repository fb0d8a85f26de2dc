"""How applications are run: programs as child processes or transient units, units of systemd, OCF agents, init scripts.

Whoever holds an application starts or adopts a run here and asks nothing about its kind afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping

from agent.runs import children
from agent.runs.orphans import adopt_orphans, reap_orphans
from agent.runs.state import MARK, CannotTell, Changed, RunIdentity, RunState
from core.application import Application, RunKind

__all__ = ["MARK", "CannotTell", "Changed", "RunIdentity", "RunState", "adopt", "adopt_orphans", "reap_orphans", "start"]


def start(application: Application, *, environment: Mapping[str, str], mark: str, changed: Changed) -> RunState:
    """Begin a run; `changed` is called when it has ended, or come up. Raises OSError: it cannot be started."""
    if application.run.kind is RunKind.EXEC:
        return children.start(application, environment=environment, mark=mark, changed=changed)
    raise OSError(f"run.{application.run.kind.value} is not available")


def adopt(application: Application, former: RunIdentity | None, *, mark: str, changed: Changed, since_ticks: int = 0) -> RunState | None:
    """Take over a run of a former agent; None: nothing of it lives (what it left has been cleaned).

    former: None when the agent died between saying that it starts this run and knowing its pid. since_ticks (agent.runs.proc.ticks_now):
    when it said so, 0 if unknown; nothing older can be of this run. Raises CannotTell.
    """
    if application.run.kind is RunKind.EXEC:
        return children.adopt(application, former, mark=mark, changed=changed, since_ticks=since_ticks)
    raise CannotTell(f"run.{application.run.kind.value} is not available")

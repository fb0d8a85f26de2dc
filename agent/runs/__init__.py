"""How applications are run: programs as child processes or transient units, units of systemd, OCF agents, init scripts.

Whoever holds an application starts or adopts a run here and asks nothing about its kind afterwards.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from types import MappingProxyType

from agent.output import opened
from agent.runs import children, managed, systemd
from agent.runs.children import clear
from agent.runs.lsb import Lsb
from agent.runs.ocf import Ocf
from agent.runs.orphans import adopt_orphans, reap_orphans
from agent.runs.state import MARK, CannotTell, Changed, RunIdentity, RunState
from agent.runs.systemd import Transient, Unit
from core.application import Application, RunKind

__all__ = ["MARK", "CannotTell", "Changed", "RunIdentity", "RunState", "adopt", "adopt_orphans", "clear", "reap_orphans", "start"]


def start(application: Application, *, environment: Mapping[str, str], mark: str, changed: Changed) -> RunState:
    """Begin a run; `changed` is called when it has come up, or ended. Raises OSError: it cannot be started."""
    match application.run.kind:
        case RunKind.EXEC if systemd.is_running():
            return managed.start(application, _transient(application, environment, mark), mark=mark, changed=changed)
        case RunKind.EXEC:
            return children.start(application, environment=environment, mark=mark, changed=changed)
        case RunKind.OCF:
            return managed.start(application, Ocf(application, environment), mark=mark, changed=changed)
        case RunKind.LSB:
            return managed.start(application, Lsb(application, environment), mark=mark, changed=changed)
        case RunKind.SYSTEMD:
            return managed.start(application, _unit(application), mark=mark, changed=changed)


def adopt(
    application: Application,
    former: RunIdentity | None,
    *,
    mark: str,
    changed: Changed,
    since_ticks: int = 0,
    environment: Mapping[str, str] = MappingProxyType({}),
) -> RunState | None:
    """Take over a run of a former agent; None: nothing of it lives (what it left has been cleaned).

    former: None when the agent died between saying that it starts this run and knowing its pid. since_ticks (agent.runs.proc.ticks_now):
    when it said so, 0 if unknown; nothing older can be of this run. environment: as for a start, for actions. Raises CannotTell.
    """
    told = environment or {"PATH": os.environ.get("PATH", os.defpath), **dict(application.environment)}
    match application.run.kind:
        case RunKind.EXEC if systemd.is_running():
            return managed.adopt(application, former, _transient(application, told, mark), mark=mark, changed=changed)
        case RunKind.EXEC:
            return children.adopt(application, former, mark=mark, changed=changed, since_ticks=since_ticks)
        case RunKind.OCF:
            return managed.adopt(application, former, Ocf(application, told), mark=mark, changed=changed)
        case RunKind.LSB:
            return managed.adopt(application, former, Lsb(application, told), mark=mark, changed=changed)
        case RunKind.SYSTEMD:
            return managed.adopt(application, former, _unit(application), mark=mark, changed=changed)


def _unit(application: Application) -> Unit:
    assert application.run.systemd is not None, f"{application.name} runs by {application.run.kind}"
    return Unit(application, application.run.systemd)


def _transient(application: Application, environment: Mapping[str, str], mark: str) -> Transient:
    """A unit whose log cannot be opened would not start at all: its output goes to the journal then, as the run says."""
    with opened(application.output) as (file, _):
        return Transient(application, environment, mark, application.output.file if file is not None else None)

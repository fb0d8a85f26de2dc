"""The command probe: a program of the application's, run as its user; 0 is well, some exits are busy, any other is failing."""

from __future__ import annotations

import os

from agent.off_loop import Shortage
from agent.probes.child import STUCK_MAX, Child, stuck
from agent.probes.context import Busy, ProbeContext, Shortfall, Wrong
from agent.probes.file import DEADLINE_SHARE, LOOKS
from agent.probes.users import RunAs, run_as
from core.application import Probe

REASON_CHARS_MAX = 200
_OOM_SIGNAL = -9


async def ask_command(probe: Probe, context: ProbeContext) -> None:
    """Run it to its end; its first line of output is the reason.

    What hinders us from running it (not there, not permitted, no processes left) tells nothing of the application, nor does
    a SIGKILL that is not ours: the kernel's, when memory is short. Raises Wrong, Busy, Shortfall; killed with its whole
    group when cancelled, which is what happens at the deadline.
    """
    assert probe.command is not None, "the model sees to it"
    if stuck() >= STUCK_MAX:
        raise Shortfall(f"not run: {STUCK_MAX} commands that were killed hang in the kernel")
    try:
        run = await LOOKS.run(("command", probe.command, context.user), lambda: _prepared(probe, context), DEADLINE_SHARE * probe.timeout_s)
        child = Child(probe.command, environment=context.environment, directory=context.directory, run_as=run)
    except TimeoutError:
        raise
    except (OSError, Shortage, LookupError, ValueError) as error:
        raise Shortfall(f"cannot be run: {error}") from error
    try:
        status = await child.ended
    finally:
        child.kill()
    if child.in_vain:
        raise Shortfall(f"cannot be run: {child.first_line()[:REASON_CHARS_MAX]}")
    if status == 0:
        return
    line = child.first_line()[:REASON_CHARS_MAX]
    text = _words(status) + (f": {line}" if line else "")
    if status is None or status == _OOM_SIGNAL:
        raise Shortfall(text)
    if status in probe.busy_exits:
        raise Busy(text)
    raise Wrong(text)


def _prepared(probe: Probe, context: ProbeContext) -> RunAs:
    """Off the loop: what a dead disk or a dead directory service would hang in. Starting the program touches no more than this."""
    assert probe.command is not None, "the model sees to it"
    os.stat(context.directory)
    if "/" in probe.command[0]:
        with open(probe.command[0], "rb") as program:
            program.read(1)
    return run_as(context.user)


def _words(status: int | None) -> str:
    if status is None:
        return "somebody else was given its exit status"
    return f"exit status {status}" if status >= 0 else f"killed by signal {-status}"

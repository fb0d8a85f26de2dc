"""Ask a probe once, and put what came of it into one result."""

from __future__ import annotations

import asyncio
import errno
import time
from collections.abc import Awaitable, Callable

from agent.probes.addresses import check_address
from agent.probes.command import ask_command
from agent.probes.context import Busy, ProbeContext, Shortfall, Wrong
from agent.probes.file import ask_file
from agent.probes.http import ask_http, header_of
from agent.probes.process import ask_process
from agent.probes.tcp import ask_tcp
from core.application import Probe, ProbeKind
from core.node.health import Outcome, ProbeResult
from core.settings import BadSettings

# Our own shortage, not the application's failure.
_OURS = {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS, errno.EADDRNOTAVAIL}
_ASK: dict[ProbeKind, Callable[[Probe, ProbeContext], Awaitable[None]]] = {
    ProbeKind.TCP: ask_tcp,
    ProbeKind.HTTP: ask_http,
    ProbeKind.COMMAND: ask_command,
    ProbeKind.FILE: ask_file,
    ProbeKind.PROCESS: ask_process,
}


def check_probe(probe: Probe) -> None:
    """Raises BadSettings: what cannot be asked, or not on this node."""
    check_address(probe)
    if probe.header is not None:
        try:
            header_of(probe.header)
        except ValueError as error:
            raise BadSettings(f"probe {probe.http!r}: header {error}") from error
    if probe.file is not None and not probe.file.startswith("/"):
        raise BadSettings(f"probe file {probe.file!r}: expected an absolute path")


async def ask(probe: Probe, context: ProbeContext | None = None) -> ProbeResult:
    """Ask once. Never raises for what the application does; cancelled only by the caller."""
    began_s = time.monotonic()
    outcome, why = await _outcome(probe, context or ProbeContext())
    return ProbeResult(outcome, f"{_name(probe)}: {why}" if why else "", time.monotonic() - began_s)


async def _outcome(probe: Probe, context: ProbeContext) -> tuple[Outcome, str]:
    try:
        async with asyncio.timeout(probe.timeout_s):
            await _ASK[probe.kind](probe, context)
    except TimeoutError:
        return Outcome.TIMEOUT, f"no answer in {probe.timeout_s:g} s"
    except Wrong as error:
        return Outcome.BAD, str(error)
    except Busy as error:
        return Outcome.BUSY, str(error)
    except Shortfall as error:
        return Outcome.UNKNOWN, str(error)
    except OSError as error:
        return (Outcome.UNKNOWN if error.errno in _OURS else Outcome.BAD), _words(error)
    return Outcome.GOOD, ""


def _name(probe: Probe) -> str:
    if probe.http is not None:
        return probe.http
    if probe.command is not None:
        return f"command {probe.command[0]}"
    return f"{probe.kind.value} {probe.tcp or probe.file or probe.process}"


def _words(error: OSError) -> str:
    return (error.strerror or str(error) or type(error).__name__) if error.errno else str(error) or type(error).__name__

"""How a service ended, in systemd's words, and whether that end leads to a restart."""

from __future__ import annotations

import signal

from lab.machines.unit import Unit

# systemd.service(5), SuccessExitStatus=: these end a service cleanly besides exit code 0.
_CLEAN_SIGNALS = frozenset((signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGPIPE))
# systemd.service(5), table "Exit causes and the effect of the Restart= settings".
_RESTART_ON = {
    "success": {"always", "on-success"},
    "exit-code": {"always", "on-failure"},
    "signal": {"always", "on-failure", "on-abnormal", "on-abort"},
    "timeout": {"always", "on-failure", "on-abnormal"},
    "watchdog": {"always", "on-failure", "on-abnormal", "on-watchdog"},
    "protocol": {"always", "on-failure"},
    "resources": {"always", "on-failure"},
}


def result_of(unit: Unit, code: int) -> str:
    """success, exit-code or signal, from a return code as subprocess gives it (negative: a signal)."""
    if code == 0 or code in unit.success or (code < 0 and -code in _CLEAN_SIGNALS and unit.type != "oneshot"):
        return "success"
    return "exit-code" if code > 0 else "signal"


def restarts(unit: Unit, result: str) -> bool:
    return unit.restart in _RESTART_ON.get(result, set())


def how(code: int) -> str:
    """As systemd writes it of a main process that ended."""
    if code >= 0:
        return f"code=exited, status={code}"
    try:
        name = signal.Signals(-code).name.removeprefix("SIG")
    except ValueError:
        name = str(-code)
    return f"code={'dumped' if -code == signal.SIGABRT else 'killed'}, status={-code}/{name}"

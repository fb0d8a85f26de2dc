"""Adapter: telling systemd how we are, and asking it whether the machine is going down for good.

https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html
"""

from __future__ import annotations

import os
import socket
import subprocess

POWER_OFF_TARGETS = ("poweroff.target", "halt.target")
ASK_TIMEOUT_S = 2.0


class Notifier:
    """sd_notify without the library. Does nothing where systemd does not listen."""

    def __init__(self, path: str | None) -> None:
        self._address = None if not path else "\0" + path[1:] if path.startswith("@") else path

    def say(self, *assignments: str) -> None:
        """For example say("READY=1", "STATUS=waiting for a permit"). Never blocks, never fails: systemd may be busy."""
        if self._address is None:
            return
        message = "\n".join(assignment.replace("\n", " ")[:400] for assignment in assignments).encode()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as mouth:
            mouth.setblocking(False)
            try:
                mouth.sendto(message, self._address)
            except OSError:
                return


def notifier_from_environment() -> Notifier:
    return Notifier(os.environ.get("NOTIFY_SOCKET"))


def is_powering_off() -> bool:
    """True when systemd has a job to power off or halt: the machine's disk and processes will not come back by themselves.

    A reboot is not that, nor is a restart of the agent; neither gives the permit up. Unknown counts as no. Blocks up to 2 s.
    """
    try:
        jobs = subprocess.run(
            ["systemctl", "list-jobs", "--no-legend", "--plain"], capture_output=True, text=True, timeout=ASK_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return any(target in line.split() for line in jobs.stdout.splitlines() for target in POWER_OFF_TARGETS)

"""Adapter: telling systemd how we are, and asking it whether the machine goes down.

https://www.freedesktop.org/software/systemd/man/latest/sd_notify.html
"""

from __future__ import annotations

import os
import socket
import subprocess
from enum import Enum

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


class GoingDown(Enum):
    """What becomes of the machine."""

    NO = "no"  # the agent alone is stopped or restarted: its applications live on
    COMES_BACK = "comes back"  # reboot: applications end, the disk and the permit stay
    FOR_GOOD = "for good"  # power off, halt: what runs here will not come back by itself


# systemd.special(7). Only a job to start one of them says so: `poweroff.target stop` would be somebody changing their mind.
_TARGETS = {
    **dict.fromkeys(("poweroff.target", "halt.target", "exit.target"), GoingDown.FOR_GOOD),
    **dict.fromkeys(("reboot.target", "kexec.target", "soft-reboot.target"), GoingDown.COMES_BACK),
}


def going_down() -> GoingDown:
    """Whether systemd is taking the machine down, by its jobs; blocks up to 2 s.

    Unknown counts as no: applications then live on, and end with the machine if it ends. Where a job to power off and one
    to reboot meet, it is for good.
    """
    try:
        jobs = subprocess.run(
            ["systemctl", "list-jobs", "--no-legend", "--plain"], capture_output=True, text=True, timeout=ASK_TIMEOUT_S, check=False
        )
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return GoingDown.NO
    found = {_TARGETS[unit] for unit, kind in map(_job, jobs.stdout.splitlines()) if kind == "start" and unit in _TARGETS}
    return max(found, key=list(GoingDown).index, default=GoingDown.NO)


def _job(line: str) -> tuple[str, str]:
    """Unit and type of a line of systemctl list-jobs: number, unit, type, state."""
    words = line.split()
    return (words[1], words[2]) if len(words) >= 4 else ("", "")

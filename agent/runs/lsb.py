"""Applications that an init script starts and stops (Linux Standard Base Core 5.0, generic part, 22.2, init script actions)."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence

from agent.runs.actions import Acted
from agent.runs.manager import START, STOP, Came, Refused, Scripted
from agent.runs.ocf_codes import reason
from core.application import Application
from core.node.health import Outcome, ProbeResult

STATUS_TIMEOUT_S = 10.0
STATUS_WORDS = {
    0: "running",
    1: "dead, and its pid file exists",
    2: "dead, and its lock file exists",
    3: "not running",
    4: "unknown",
}
ACTION_WORDS = {
    0: "done",
    1: "failed, or unspecified",
    2: "an argument is not valid",
    3: "the script does not know this action",
    4: "not permitted",
    5: "the program is not installed",
    6: "the program is not configured",
    7: "the program is not running",
}
_PIDFILE = re.compile(rb"^#\s*pidfile:\s*(/\S+)\s*$|^\s*PIDFILE=[\"']?(/[^\s\"'$]+)[\"']?\s*$", re.MULTILINE)
_SCRIPT_BYTES_MAX = 1 << 16


class Lsb(Scripted):
    """agent.runs.manager.Manager."""

    monitor_action = "status"

    def __init__(self, application: Application, environment: Mapping[str, str]) -> None:
        assert application.run.lsb is not None, f"{application.name} runs by {application.run.kind}"
        self._application, self._told, self.program = application, environment, application.run.lsb
        self.user, self.directory = application.user, application.directory or "/"

    async def prepare(self) -> None:
        """Raises Refused."""
        if not os.access(self.program, os.X_OK):
            raise Refused(f"run.lsb is {self.program}: there is no such script, or it may not be executed")

    def command(self, action: str) -> Sequence[str]:
        return (self.program, action)

    def environment(self, action: str) -> Mapping[str, str]:
        """Debian's init scripts hand themselves over to systemctl where systemd runs; here the script itself is meant."""
        return {**self._told, "_SYSTEMCTL_SKIP_REDIRECT": "1", "SYSTEMCTL_SKIP_REDIRECT": "1"}

    def timeout_s(self, action: str) -> float:
        """The script says nothing of the kind."""
        if action == START:
            return self._application.start_timeout_s
        return self._application.stop_timeout_s if action == STOP else STATUS_TIMEOUT_S

    def came(self, acted: Acted) -> Came:
        """Started already counts as started: the standard asks scripts for it."""
        return Came() if acted.status == 0 else Came(trouble=words_for(START, acted))

    def stop_trouble(self, acted: Acted) -> str | None:
        """A stop of what does not run is a success by the standard; scripts that say so instead are taken at their word."""
        return None if acted.status in (0, 7) else words_for(STOP, acted)

    def judged(self, acted: Acted) -> ProbeResult:
        """A script without a status action, or one that cannot tell, tells nothing."""
        if acted.status is None:
            return ProbeResult(Outcome.TIMEOUT, words_for("status", acted), acted.took_s)
        if acted.status == 0:
            return ProbeResult(Outcome.GOOD, "", acted.took_s)
        outcome = Outcome.BAD if acted.status in (1, 2, 3) else Outcome.UNKNOWN
        return ProbeResult(outcome, words_for("status", acted), acted.took_s)

    def is_stopped(self, acted: Acted) -> bool:
        """Dead with its pid file left is dead too."""
        return acted.status in (1, 2, 3)

    def pids(self) -> list[int]:
        """By the pid file that the script names (`# pidfile: PATH`, or a plain PIDFILE=PATH); none otherwise."""
        try:
            with open(self.program, "rb") as script:
                match = _PIDFILE.search(script.read(_SCRIPT_BYTES_MAX))
            if match is None:
                return []
            with open(match[1] or match[2], "rb") as file:
                return [pid for pid in (int(word) for word in file.read(64).split()[:1]) if pid > 1]
        except (OSError, ValueError):
            return []


def words_for(action: str, acted: Acted) -> str:
    """For example `status: exit status 3 (not running)`."""
    if acted.status is None:
        return f"{action}: no end within {acted.took_s:.1f} s, killed"
    if acted.status < 0:
        return f"{action}: killed by signal {-acted.status}"
    meaning = (STATUS_WORDS if action == "status" else ACTION_WORDS).get(acted.status, "not a status of the standard")
    why = reason(acted.said)
    return f"{action}: exit status {acted.status} ({meaning})" + (f": {why}" if why else "")

"""What the exit statuses of resource agents mean (OCF resource agent API 1.1; resource-agents, heartbeat/ocf-returncodes)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum

from agent.runs.actions import Acted
from core.node.health import Outcome, ProbeResult


class Code(IntEnum):
    SUCCESS = 0
    GENERIC = 1
    ARGS = 2
    UNIMPLEMENTED = 3
    PERMISSION = 4
    INSTALLED = 5
    CONFIGURED = 6
    NOT_RUNNING = 7
    PROMOTED = 8
    FAILED_PROMOTED = 9
    DEGRADED = 190
    DEGRADED_PROMOTED = 191


WORDS: Mapping[int, str] = {
    Code.SUCCESS: "done, or active",
    Code.GENERIC: "failed, or undetermined",
    Code.ARGS: "a parameter is not valid on this machine",
    Code.UNIMPLEMENTED: "the agent does not know this action",
    Code.PERMISSION: "not permitted",
    Code.INSTALLED: "something it needs is not installed on this machine",
    Code.CONFIGURED: "its parameters are not valid anywhere",
    Code.NOT_RUNNING: "cleanly stopped",
    Code.PROMOTED: "active and promoted",
    Code.FAILED_PROMOTED: "promoted and failed",
    Code.DEGRADED: "active, but degraded",
    Code.DEGRADED_PROMOTED: "active and promoted, but degraded",
}
ACTIVE = frozenset({Code.SUCCESS, Code.PROMOTED, Code.DEGRADED, Code.DEGRADED_PROMOTED})
DEGRADED = frozenset({Code.DEGRADED, Code.DEGRADED_PROMOTED})
_REASON = "ocf-exit-reason:"  # how an agent says why, on a line of its own (heartbeat/ocf-shellfuncs.in)
REASON_CHARS_MAX = 200


def words_for(action: str, acted: Acted) -> str:
    """For example `start: exit status 5 (something it needs is not installed on this machine): no such binary`."""
    if acted.status is None:
        return f"{action}: no end within {acted.took_s:.1f} s, killed"
    if acted.status < 0:
        return f"{action}: killed by signal {-acted.status}"
    meaning = WORDS.get(acted.status, "not a status of the standard")
    why = reason(acted.said)
    return f"{action}: exit status {acted.status} ({meaning})" + (f": {why}" if why else "")


def reason(said: str) -> str:
    """Why, as the agent says it: the last exit reason, else its last line."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    reasons = [line.partition(_REASON)[2].strip() for line in lines if _REASON in line]
    return (reasons or lines or [""])[-1][:REASON_CHARS_MAX]


def judged(acted: Acted) -> ProbeResult:
    """A monitor action as a probe. Degraded is active, which its own words say; an unknown action tells nothing of the application."""
    if acted.status is None:
        return ProbeResult(Outcome.TIMEOUT, words_for("monitor", acted), acted.took_s)
    if acted.status in ACTIVE:
        said = words_for("monitor", acted) if acted.status in DEGRADED else ""
        return ProbeResult(Outcome.GOOD, said, acted.took_s)
    outcome = Outcome.UNKNOWN if acted.status == Code.UNIMPLEMENTED else Outcome.BAD
    return ProbeResult(outcome, words_for("monitor", acted), acted.took_s)

"""One node while it is drilled: its server process, its agent, and what the agent says of itself at its HA port."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lab.drills.cloud import wait_for
from lab.drills.stage import Stage

_STATUS_BYTES_MAX = 262144
_ASKED = 3  # times: on a busy machine an answer may be late
_STATUS_S = 1.0


@dataclass(frozen=True, slots=True)
class Process:
    """pid: in the lab's namespace. started_at: seconds since the epoch, to one clock tick."""

    pid: int
    argv: tuple[str, ...]
    started_at: float


class Node:
    """Everything here asks anew. What is not there at the moment is None, never an error."""

    def __init__(self, stage: Stage, instance: str) -> None:
        self.stage, self.instance = stage, instance
        self.port = stage.slot.node_port or stage.slot.ports[0]

    def do(self, verb: str, **arguments: Any) -> dict[str, Any]:
        """A verb of the lab's control on this machine. Raises LookupError with the lab's words."""
        return self.stage.cloud.control(verb, instance=self.instance, **arguments)

    def server(self) -> Process | None:
        """What listens on the clients' port."""
        return self._process("listener", port=self.port)

    def agent(self) -> Process | None:
        return self._process("agent")

    def _process(self, verb: str, **arguments: Any) -> Process | None:
        try:
            found = self.do(verb, **arguments)
        except LookupError:
            return None
        return Process(int(found["pid"]), tuple(found["argv"]), float(found["started_at"]))

    def holders(self) -> set[int]:
        """Whoever has the clients' port open."""
        return {int(process["pid"]) for process in self.do("holders", port=self.port)["processes"]}

    def signal(self, process: Process, name: str) -> float:
        """When it was sent, seconds since the epoch."""
        return float(self.do("signal", pid=process.pid, signal=name)["at"])

    def must(self, look: Callable[[], Process | None], what: str) -> Process:
        """Raises LookupError when it is not there within a few seconds: then there is nothing to break."""
        wait_for(lambda: look() is not None, timeout_s=10, every_s=0.1)
        found = look()
        if found is None:
            raise LookupError(f"{self.instance} has no {what} to break")
        return found

    def another_server(self, old: Process, *, within_s: float) -> Process | None:
        """The process that took the place of an old one, as soon as it listens."""
        return self._another(self.server, old, within_s)

    def another_agent(self, old: Process, *, within_s: float) -> Process | None:
        return self._another(self.agent, old, within_s)

    def _another(self, look: Callable[[], Process | None], old: Process, within_s: float) -> Process | None:
        seen: list[Process] = []

        def there() -> bool:
            found = look()
            seen[:] = [found] if found is not None and found.pid != old.pid else []
            return bool(seen)

        return seen[0] if wait_for(there, timeout_s=within_s, every_s=0.05) else None

    # --- what the agent says -------------------------------------------------------------------------

    def status(self) -> dict[str, Any] | None:
        """The answer to `status` at the node's HA port; None when there is none in time."""
        report = next((r for r in self.stage.reports() if r["sk"] == f"REPORT#{self.instance}"), None)
        return None if report is None else ask_status(str(report["address"]), int(report["ha_port"]))

    def own_ports(self) -> tuple[int, ...]:
        """Where the agent itself answers; empty when it never reported."""
        report = next((r for r in self.stage.reports() if r["sk"] == f"REPORT#{self.instance}"), None)
        return () if report is None else (int(report["ha_port"]), int(report["http_port"]))

    def of_applications(self, key: str) -> list[Any]:
        """One value of each application's status; empty when the agent does not answer, also not a second and a third time."""
        status = next((told for _ in range(_ASKED) if (told := self.status()) is not None), {})
        return [application.get(key) for application in status.get("applications", {}).values()]

    def restarts(self) -> int | None:
        counts = self.of_applications("restarts")
        return sum(int(count) for count in counts) if counts else None

    def penalty(self) -> float | None:
        """The largest of its applications'; None when the agent does not answer."""
        penalties = [float(penalty or 0.0) for penalty in self.of_applications("penalty")]
        return max(penalties) if penalties else None

    def is_well(self) -> bool:
        status = self.status()
        return status is not None and status.get("verdict") == "healthy"

    @property
    def unwell_until(self) -> float:
        """When it was last seen unwell without a restart, seconds since the epoch; 0: never."""
        return self.stage.unwell_until

    def journal(self) -> str:
        """What the agent has written so far."""
        path = self.stage.journal.parent / "machines" / self.instance / "journal-understudy-agent.log"
        return path.read_text(errors="replace") if path.exists() else ""


def ask_status(address: str, port: int) -> dict[str, Any] | None:
    """One `status` on a fresh connection; None for anything but a line of JSON within a second."""
    try:
        with socket.create_connection((address, port), timeout=_STATUS_S) as connection:
            connection.sendall(b"status\r\n")
            data = b""
            while not data.endswith(b"\n") and len(data) < _STATUS_BYTES_MAX:
                part = connection.recv(65536)
                if not part:
                    return None
                data += part
        value = json.loads(data)
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None

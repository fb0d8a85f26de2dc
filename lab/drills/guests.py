"""What the agents on the machines said, as lines of the journal's shape; pure but for reading the files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

_AGENT = "machines/*/journal-understudy-agent.log"
_PLAIN = ("at", "event", "node", "epoch")  # told otherwise, or in every line


def told(event: Mapping[str, Any]) -> str:
    """One line of an agent's log as a sentence."""
    kind = str(event.get("event"))
    match kind:
        case "now":
            reason = f": {event['reason']}" if event.get("reason") else ""
            return f"is {event.get('phase')}, {event.get('verdict')}{reason}"
        case "start":
            return f"starts {event.get('application')} under epoch {event.get('epoch')}"
        case "permit":
            return f"reads the permit: epoch {event.get('permit_epoch')} is {event.get('named')}'s"
        case "ready":
            return "is up and waits for its permit"
    rest = ", ".join(f"{key} {value}" for key, value in event.items() if key not in _PLAIN and value not in ("", None))
    return f"{kind.replace('-', ' ')}: {rest}" if rest else kind.replace("-", " ")


def line_of(text: str) -> dict[str, Any] | None:
    """A line of an agent's log in the journal's shape; None for what an application printed."""
    try:
        event = json.loads(text)
        at = datetime.strptime(event["at"], "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC).timestamp()
    except (ValueError, KeyError, TypeError):
        return None
    return {"kind": "event", "at": at, "who": "agent", "what": f"{event.get('node', '')} {told(event)}".strip()}


class Guests:
    """Reads on from where it stopped, over all machines; a file that was rotated is read from its start."""

    def __init__(self, lab_dir: Path) -> None:
        self._lab_dir = lab_dir
        self._offsets: dict[Path, int] = {}

    def new_lines(self) -> list[dict[str, Any]]:
        found = []
        for path in sorted(self._lab_dir.glob(_AGENT)):
            offset = self._offsets.get(path, 0)
            with path.open("rb") as file:
                offset = 0 if file.seek(0, 2) < offset else offset
                file.seek(offset)
                data = file.read(1 << 20)
            whole = data[: data.rfind(b"\n") + 1]
            self._offsets[path] = offset + len(whole)
            found += [line for text in whole.decode(errors="replace").splitlines() if (line := line_of(text)) is not None]
        return found

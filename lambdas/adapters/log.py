"""One line of JSON for each thing that was done; CloudWatch Logs keeps what a function prints."""

from __future__ import annotations

import json
from typing import Any


def say(who: str, what: str, **data: Any) -> None:
    """Never a secret, never a whole item; long values are cut."""
    line = {"who": who, "what": what[:1000], **{k: v[:1000] if isinstance(v, str) else v for k, v in data.items()}}
    print(json.dumps(line, default=str, separators=(",", ":")), flush=True)

"""What a template may ask for that this lab cannot give: told before anything is deployed, rather than found out on a machine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SETTINGS_BYTES_MAX = 4 << 20


def refusals(cdk_out: Path) -> list[str]:
    """One sentence for each setting of an application that cannot work on the lab's machines; from the agents' published settings."""
    return [f"{assembly}/{app['name']} runs as the user {app['user']}: {_WHY}" for assembly, app in _applications(cdk_out) if _others(app)]


_WHY = "a machine of the lab has one user, root, for one id is mapped into the lab. Play a copy of the file without it"


def _others(application: dict[str, Any]) -> bool:
    return application.get("user") not in (None, "", "root", "0")


def _applications(cdk_out: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """(assembly's name, application) of each settings file among the template's assets."""
    for path in sorted(cdk_out.glob("asset.*.json")):
        if path.stat().st_size > SETTINGS_BYTES_MAX:
            continue
        try:
            value = json.loads(path.read_bytes())
        except ValueError:
            continue  # an artifact of the user's own that only has that name
        assembly = value.get("assembly") if isinstance(value, dict) else None
        if not isinstance(assembly, dict) or not isinstance(assembly.get("applications"), list):
            continue
        for application in assembly["applications"]:
            if isinstance(application, dict) and "name" in application:
                yield str(assembly.get("name", "?")), application

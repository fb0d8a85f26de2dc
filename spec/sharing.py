"""What a deployable on a shared foundation may not say for itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from spec.problems import Finding

OWN = "own"


def check_shared(data: Any) -> Iterator[Finding]:
    """What a shared foundation settles for all of its deployables, they do not settle for themselves."""
    name = data.get("deployable") if isinstance(data, dict) else None
    if isinstance(name, str) and name.endswith("-foundation"):
        yield ("deployable",), name, "ends as the stack of a shared foundation does", "choose another name"
    if not isinstance(data, dict) or data.get("foundation", OWN) == OWN:
        return
    foundation = data["foundation"]
    for key, remedy in (
        ("notify", f"leave it out: those whom {foundation}'s file names are told"),
        ("dashboard", f"leave it out, and ask for it in {foundation}'s file: one screen for all"),
    ):
        if data.get(key) not in (None, [], {}, False):
            yield (key,), None, f"belongs to the foundation {foundation}", remedy
    network = data.get("network")
    network = network if isinstance(network, dict) else {}
    if "cidr" in network:
        yield ("network", "cidr"), network["cidr"], f"belongs to the foundation {foundation}", "leave it out: its file says it for all"

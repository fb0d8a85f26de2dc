"""What a deployable on a shared foundation may not say for itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from spec.problems import Finding

OWN = "own"
_UNBUILT = "is not built yet on a shared foundation"


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
        ("dashboard", f"leave it out: what it would show is {foundation}'s"),
    ):
        if data.get(key) not in (None, [], {}, False):
            yield (key,), None, f"belongs to the foundation {foundation}", remedy
    network = data.get("network")
    network = network if isinstance(network, dict) else {}
    for key in ("cidr", "egress"):
        if key in network:
            yield ("network", key), network[key], f"belongs to the foundation {foundation}", "leave it out: its file says it for all"
    own = "write foundation: own"
    if data.get("database") is not None:
        yield ("database",), None, _UNBUILT, own
    assemblies = data.get("assemblies")
    for index, assembly in enumerate(assemblies if isinstance(assemblies, list) else ()):
        for section, key, built in (("front", "kind", ("none", "elastic_ip", "dns")), ("state", "keep", ("none",))):
            found = assembly.get(section) if isinstance(assembly, dict) else None
            value = found.get(key, "none") if isinstance(found, dict) else "none"
            zone = found.get("zone") if isinstance(found, dict) else None
            if isinstance(zone, dict) and zone.get("public") is True:
                yield ("assemblies", index, section, "zone", "public"), True, _UNBUILT, f"choose a private zone, or {own}"
            if value not in built:
                yield ("assemblies", index, section, key), value, _UNBUILT, f"choose {' or '.join(built)}, or {own}"

"""What lives in one zone, and what that costs: said before it is deployed."""

from __future__ import annotations

from collections.abc import Iterator

from core.model import Assembly, Deployable, FrontKind


def bound(assembly: Assembly) -> Iterator[str]:
    """What of an assembly lives in one zone."""
    if assembly.front.kind is FrontKind.NETWORK_INTERFACE:
        yield "its network interface"
    if assembly.state.on_volume:
        yield "its volume"


def zone_words(deployable: Deployable) -> Iterator[tuple[str, str]]:
    """(assembly, what it means in words) for each one that is bound to a zone."""
    for assembly in deployable.assemblies:
        things = list(bound(assembly))
        if things:
            yield (
                assembly.name,
                f"{' and '.join(things)} {'lives' if len(things) == 1 else 'live'} in one zone: while that zone is down, or has no "
                "capacity for its instance types, nothing can take its place; it waits for the zone",
            )

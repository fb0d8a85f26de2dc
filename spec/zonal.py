"""What lives in one zone, and so asks for a network of one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from spec.problems import Finding, KeyPath

Assemblies = list[tuple[int, dict[str, Any]]]
ZONES = 2  # what a file has that does not say how many: spec.schema.NetworkSection


def check_zones(data: dict[str, Any], assemblies: Assemblies) -> Iterator[Finding]:
    """An interface belongs to a subnet, and a subnet lies in one zone, as a volume does: a node elsewhere could never be given it.

    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-eni.html ("in the same Availability Zone"),
    https://docs.aws.amazon.com/ebs/latest/userguide/ebs-attaching-volume.html
    """
    network = data.get("network")
    zones = network.get("zones", ZONES) if isinstance(network, dict) else ZONES
    bound = next(_bound(assemblies), None)
    if bound is None or zones == 1 or isinstance(zones, bool) or not isinstance(zones, int):
        return
    place: KeyPath = ("network", "zones") if isinstance(network, dict) else ("network",)
    yield (
        place,
        zones,
        f"is too many: {bound} lives in one zone, and a node in another one could never hold it",
        "write network: {zones: 1}, and know that the service is down while that zone is; or choose what may cross zones",
    )


def _bound(assemblies: Assemblies) -> Iterator[str]:
    for _, assembly in assemblies:
        front = assembly.get("front")
        if isinstance(front, dict) and front.get("kind") == "network_interface":
            yield f"the network interface of {assembly.get('name')}"
        state = assembly.get("state")
        if isinstance(state, dict) and state.get("keep") == "ebs":
            yield f"the volume of {assembly.get('name')}"

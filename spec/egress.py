"""How nodes reach beyond the table and the bucket, as the deployable file says it, and what does not go with it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from core.model import Deployable, Egress, FrontKind, Network
from spec.problems import Finding
from spec.sharing import OWN

SAID = (
    "how nodes reach beyond the table and the bucket: none; public_ip, an address of its own for each; or nat, a NAT gateway in each zone"
)


def check_egress(data: Any) -> Iterator[Finding]:
    """Behind a NAT gateway no node has a public address, and none can bear an Elastic IP that anybody reaches; a public name needs one.

    https://docs.aws.amazon.com/vpc/latest/userguide/VPC_Internet_Gateway.html: an address works in a subnet with a route to the gateway.
    """
    if not isinstance(data, dict):
        return
    network, foundation = data.get("network"), data.get("foundation", OWN)
    another = "write network.egress: {}, or" if foundation == OWN else "stand on a foundation whose file says network.egress: {}, or"
    egress = network.get("egress", "none") if isinstance(network, dict) else "none"
    assemblies = data.get("assemblies")
    for index, assembly in enumerate(assemblies if isinstance(assemblies, list) else ()):
        front = assembly.get("front") if isinstance(assembly, dict) else None
        if not isinstance(front, dict):
            continue
        if egress == "nat" and front.get("kind") == "elastic_ip":
            remedy = f"{another.format('public_ip or none')} choose another front"
            yield ("assemblies", index, "front", "kind"), "elastic_ip", "leads nowhere behind a NAT gateway (network.egress: nat)", remedy
        zone = front.get("zone")
        if egress != "public_ip" and isinstance(zone, dict) and zone.get("public") is True:
            path = ("assemblies", index, "front", "zone", "public")
            remedy = f"{another.format('public_ip')} choose kind: elastic_ip, whose address stays"
            yield path, True, "needs nodes with public addresses of their own", remedy


def way_out(deployable: Deployable) -> str:
    """In words, for whoever reads what the file means."""
    held = any(assembly.front.kind is FrontKind.ELASTIC_IP for assembly in deployable.assemblies)
    # An address of its own is a way out too: prefix lists cannot be named without a look-up.
    exception = ", except that the node with the Elastic IP reaches any address on port 443"
    return way_out_of(deployable.network) + (exception if held and deployable.network.egress is Egress.NONE else "")


def way_out_of(network: Network) -> str:
    """The same of a network alone."""
    match network.egress:
        case Egress.NAT:
            return f"out by {network.zones} NAT gateway{'' if network.zones == 1 else 's'}, one in each zone"
        case Egress.PUBLIC_IP:
            return "out by a public address of each node's own, which nobody can come in by but by its front"
        case Egress.NONE:
            return "no way out"

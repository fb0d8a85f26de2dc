"""What a way out costs a month: nothing, an address for each node, or a NAT gateway in each zone."""

from __future__ import annotations

from collections.abc import Iterator

from core.estimate.lines import HOURS_A_MONTH, Group, Line, Paid, Pricing, Rates
from core.model import Deployable, Egress, FrontKind, Network


def egress(deployable: Deployable, rates: Rates) -> Iterator[Line]:
    yield from gateways(deployable.network, rates)
    if deployable.network.egress is Egress.PUBLIC_IP:
        pricing = Pricing(rates, Group.YOURS)
        for assembly in deployable.assemblies:
            # An Elastic IP takes the place of the node's own address: https://docs.aws.amazon.com/vpc/latest/userguide/vpc-eips.html
            if assembly.front.kind is not FrontKind.ELASTIC_IP:
                how = "1, the node's own, while it runs"
                yield pricing.line("public address", assembly.name, HOURS_A_MONTH, "public_ipv4_hour", how, paid=Paid.ASSEMBLY)


def gateways(network: Network, rates: Rates) -> Iterator[Line]:
    """Of a shared foundation they are the foundation's, and paid for once."""
    pricing = Pricing(rates, Group.YOURS)
    if network.egress is Egress.NAT:
        how = f"1 in each of {network.zones} zones, without what each GB through them costs"
        yield pricing.line("NAT gateways", "way out", HOURS_A_MONTH * network.zones, "nat_gateway_hour", how)
        how = f"1 for each of {network.zones} NAT gateways"
        yield pricing.line("public address", "way out", HOURS_A_MONTH * network.zones, "public_ipv4_hour", how)

"""What a caller inside the VPC can reach: services that have an endpoint there, and all of them by a way to the internet.

https://docs.aws.amazon.com/vpc/latest/privatelink/gateway-endpoints.html for those on its subnet's route table, and, for an interface
endpoint with private DNS names, https://docs.aws.amazon.com/vpc/latest/privatelink/privatelink-access-aws-services.html
"""

from __future__ import annotations

from ipaddress import IPv4Address, ip_address, ip_network
from typing import Any

from moto.backends import get_backend

from lab.world import ACCOUNT, REGION

_ANYWHERE = "0.0.0.0/0"


def _ec2() -> Any:
    return get_backend("ec2")[ACCOUNT][REGION]


def subnet_of(address: str) -> Any | None:
    """The deployed subnet (never the default VPC's) that an address lies in; None for callers outside."""
    try:
        ip = ip_address(address)
    except ValueError:
        return None
    if not isinstance(ip, IPv4Address) or ip.is_loopback:
        return None
    ec2 = _ec2()
    for zone in list(ec2.subnets.values()):
        for subnet in list(zone.values()):
            vpc = ec2.vpcs.get(subnet.vpc_id)
            if vpc is not None and not vpc.is_default and ip in ip_network(subnet.cidr_block):
                return subnet
    return None


def _route_tables_of(subnet: Any) -> list[Any]:
    """The table associated with the subnet, or else the VPC's main one."""
    tables = [table for table in list(_ec2().route_tables.values()) if table.vpc_id == subnet.vpc_id]
    own = [table for table in tables if subnet.id in {link.get("SubnetId") for link in table.associations}]
    return own or [table for table in tables if table.main_association_id]


def reachable_services(subnet: Any) -> set[str]:
    """Services with a gateway endpoint on the subnet's route table ("dynamodb", "s3"), or an interface endpoint in its VPC."""
    tables = {table.id for table in _route_tables_of(subnet)}
    return {
        endpoint.service_name.rsplit(".", 1)[-1]
        for endpoint in list(_ec2().vpc_end_points.values())
        if endpoint.vpc_id == subnet.vpc_id and (tables & set(endpoint.route_table_ids or ()) or _named(endpoint))
    }


def _named(endpoint: Any) -> bool:
    """Whether the service's own name leads to it, from all of the VPC."""
    return endpoint.vpc_endpoint_type == "Interface" and str(endpoint.private_dns_enabled).lower() == "true"


def _gets_out(subnet: Any, address: str) -> bool:
    """By the default route: a NAT gateway takes whoever stands behind it, an internet gateway those with a public address.

    https://docs.aws.amazon.com/vpc/latest/userguide/vpc-nat-gateway.html and VPC_Internet_Gateway.html
    """
    for route in [route for table in _route_tables_of(subnet) for route in list(table.routes)]:
        if route.destination_cidr_block != _ANYWHERE:
            continue
        if route.nat_gateway is not None:
            return bool(route.nat_gateway.state == "available")
        if route.gateway is not None:
            return any(nic.public_ip for nic in list(_ec2().enis.values()) if nic.private_ip_address == address)
    return False


def why_unreachable(address: str, service: str) -> str | None:
    """One line if a packet of this caller would never arrive at the service, else None."""
    subnet = subnet_of(address)
    if subnet is None:
        return None
    reachable = reachable_services(subnet)
    if service in reachable or (service and _gets_out(subnet, address)):
        return None
    return f"{address} in {subnet.id} has no route to {service or 'this path'}: gateway endpoints there are {sorted(reachable) or 'none'}"

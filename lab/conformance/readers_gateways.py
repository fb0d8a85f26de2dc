"""Reads AWS::EC2::NatGateway back."""

from __future__ import annotations

from lab.conformance.live import Live, Read, only, reader, some


@reader("AWS::EC2::NatGateway")
def nat_gateway(read: Read) -> Live:
    found = only(read.api("ec2").describe_nat_gateways(NatGatewayIds=[read.physical_id])["NatGateways"], read.physical_id)
    addresses = found.get("NatGatewayAddresses", [])
    given = {"AllocationId": addresses[0]["AllocationId"]} if addresses and "AllocationId" in addresses[0] else {}
    return Live({**some(found, "SubnetId", "ConnectivityType", "Tags"), **given}, {"NatGatewayId": read.physical_id})

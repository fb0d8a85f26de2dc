"""Reads network interfaces back."""

from __future__ import annotations

from lab.conformance.live import Live, Read, only, reader, some


@reader("AWS::EC2::NetworkInterface")
def network_interface(read: Read) -> Live:
    found = only(read.api("ec2").describe_network_interfaces(NetworkInterfaceIds=[read.physical_id])["NetworkInterfaces"], read.physical_id)
    properties = {
        **some(found, "SubnetId", "Description", "PrivateIpAddress"),
        "GroupSet": [group["GroupId"] for group in found["Groups"]],
        "Tags": found.get("TagSet", []),
    }
    return Live(properties, {"Id": read.physical_id, "PrimaryPrivateIpAddress": found["PrivateIpAddress"]})

"""Reads volumes back."""

from __future__ import annotations

from lab.conformance.live import Live, Read, only, reader, some


@reader("AWS::EC2::Volume")
def volume(read: Read) -> Live:
    found = only(read.api("ec2").describe_volumes(VolumeIds=[read.physical_id])["Volumes"], read.physical_id)
    return Live(some(found, "AvailabilityZone", "VolumeType", "Size", "Encrypted", "Tags"), {"VolumeId": read.physical_id})

"""Elastic IP fronts: read first, written only on difference, tried from outside."""

from __future__ import annotations

import socket

from lambdas.adapters.clients import calling, client
from lambdas.adapters.environment import FrontAddress

TRY_TIMEOUT_S = 1.5


def holder(front: FrontAddress) -> str | None:
    """The instance that the address is associated with. Trust this alone: an instance's own public address may be stale."""
    with calling(f"describe the address {front.address}"):
        answer = client("ec2").describe_addresses(AllocationIds=[front.allocation_id])
    return next((a["InstanceId"] for a in answer["Addresses"] if a.get("InstanceId")), None)


def associate(front: FrontAddress, instance: str) -> None:
    """Move it, from whomever has it."""
    with calling(f"associate {front.address} with {instance}"):
        client("ec2").associate_address(AllocationId=front.allocation_id, InstanceId=instance, AllowReassociation=True)


def accepts(front: FrontAddress) -> bool:
    """Does every port of the front accept a connection, as a client would make it."""
    for port in front.ports:
        try:
            with socket.create_connection((front.address, port), timeout=TRY_TIMEOUT_S):
                pass
        except OSError:
            return False
    return True

"""The fixed address that clients use."""

from __future__ import annotations

from aws_cdk import Tags
from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from core import names
from core.model import Assembly, FrontKind


class ElasticIpFront(Construct):
    """An address that belongs to the deployable, not to a node; only move_front ties it to one."""

    def __init__(self, scope: Construct, id_: str, *, deployable: str, assembly: Assembly) -> None:
        super().__init__(scope, id_)
        eip = ec2.CfnEIP(self, "Address", domain="vpc")
        Tags.of(eip).add(names.TAG_DEPLOYABLE, deployable)
        Tags.of(eip).add(names.TAG_ASSEMBLY, assembly.name)
        self.address = eip.ref
        self.allocation_id = eip.attr_allocation_id
        self.ports = assembly.front.ports


def front_for(scope: Construct, id_: str, *, deployable: str, assembly: Assembly) -> ElasticIpFront | None:
    if assembly.front.kind is FrontKind.NONE:
        return None
    return ElasticIpFront(scope, id_, deployable=deployable, assembly=assembly)


def front_settings(front: ElasticIpFront | None) -> dict[str, object]:
    """An assembly's entry in the functions' environment (core.names.ENV_FRONTS)."""
    if front is None:
        return {"kind": FrontKind.NONE.value, "allocation_id": "", "address": "", "ports": []}
    return {
        "kind": FrontKind.ELASTIC_IP.value,
        "allocation_id": front.allocation_id,
        "address": front.address,
        "ports": list(front.ports),
    }

"""What clients connect to: an object for each kind of front, and what each asks of the stack around it.

An object says where clients find it, who may come in by it, how a neighbour's nodes reach it, what the functions are told
of it, and which permissions it takes to see and to move it. A further kind is a further class and a row of `front_for`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Protocol

from aws_cdk import Aws, RemovalPolicy, Tags
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_route53 as route53
from constructs import Construct

from core import names
from core.model import Assembly, Deployable, FrontKind, Record
from core.watching.fleet import ARN_BYTES, UNKNOWN_BYTES
from stacks import permissions as may
from stacks.balancer import BalancerFront
from stacks.foundation import Standing
from stacks.front_interface import InterfaceFront
from stacks.network import NodeNetwork


class Front(Protocol):
    """where: what clients connect to. address: when that is an address which stays, so that it may stand in user data.

    clients: who may come in, beside the assemblies that reach it; None: not by the node's own security group.
    """

    ports: tuple[int, ...]
    where: str
    address: str | None
    clients: ec2.IPeer | None

    def settings(self) -> dict[str, object]:
        """Its entry in the functions' environment (core.names.ENV_FRONTS)."""

    def to_see(self) -> list[iam.PolicyStatement]:
        """What it takes to read who holds it."""

    def to_move(self) -> list[iam.PolicyStatement]:
        """What it takes, besides, to put it on another node."""


class ElasticIpFront(Construct):
    """An address that belongs to the deployable, not to a node; only move_front ties it to one."""

    def __init__(self, scope: Construct, id_: str, *, deployable: str, assembly: Assembly) -> None:
        super().__init__(scope, id_)
        eip = ec2.CfnEIP(self, "Address", domain="vpc")
        Tags.of(eip).add(names.TAG_DEPLOYABLE, deployable)
        Tags.of(eip).add(names.TAG_ASSEMBLY, assembly.name)
        self._deployable = deployable
        self._allocation_id = eip.attr_allocation_id
        self.where: str = eip.ref
        self.address: str | None = eip.ref
        self.clients: ec2.IPeer | None = ec2.Peer.any_ipv4()
        self.ports = assembly.front.ports

    def settings(self) -> dict[str, object]:
        return {
            "kind": FrontKind.ELASTIC_IP.value,
            "allocation_id": self._allocation_id,
            "address": self.address,
            "ports": list(self.ports),
        }

    def to_see(self) -> list[iam.PolicyStatement]:
        return [may.describe("ec2:DescribeAddresses")]

    def to_move(self) -> list[iam.PolicyStatement]:
        return [may.move_our_addresses(self._deployable)]


class DnsFront(Construct):
    """A name whose one record only move_front writes: the template holds none, so that no deploy sets it back.

    A zone made here is of exactly that name and hides no other one from the network. It is kept when the stack goes, for
    Route 53 deletes no zone that still holds a record (https://docs.aws.amazon.com/Route53/latest/APIReference/API_DeleteHostedZone.html).
    """

    address: str | None = None

    def __init__(self, scope: Construct, id_: str, *, deployable: str, assembly: Assembly, network: NodeNetwork) -> None:
        super().__init__(scope, id_)
        record = assembly.front.record
        assert record is not None, "spec gives every front of kind dns a name"
        self._record: Record = record
        self._deployable, self._assembly = deployable, assembly.name
        self._zone = record.zone or self._make_zone(record.name, network)
        self.where: str = record.name
        self.clients: ec2.IPeer | None = ec2.Peer.any_ipv4() if record.public else ec2.Peer.ipv4(network.cidr)
        self.ports = assembly.front.ports

    def _make_zone(self, name: str, network: NodeNetwork) -> str:
        zone = route53.CfnHostedZone(
            self,
            "Zone",
            name=name,
            vpcs=[route53.CfnHostedZone.VPCProperty(vpc_id=network.vpc.vpc_id, vpc_region=Aws.REGION)],
            hosted_zone_config=route53.CfnHostedZone.HostedZoneConfigProperty(
                comment=f"Understudy: where clients find {self._deployable}/{self._assembly}"
            ),
            hosted_zone_tags=[
                route53.CfnHostedZone.HostedZoneTagProperty(key=names.TAG_DEPLOYABLE, value=self._deployable),
                route53.CfnHostedZone.HostedZoneTagProperty(key=names.TAG_ASSEMBLY, value=self._assembly),
            ],
        )
        zone.apply_removal_policy(RemovalPolicy.RETAIN)
        return zone.attr_id

    def settings(self) -> dict[str, object]:
        return {
            "kind": FrontKind.DNS.value,
            "name": self._record.name,
            "zone": self._zone,
            "ttl": round(self._record.ttl_s),
            "ports": list(self.ports),
            **({"public": True} if self._record.public else {}),
        }

    def to_see(self) -> list[iam.PolicyStatement]:
        return [may.read_records(self._zone), may.describe("ec2:DescribeInstances")]

    def to_move(self) -> list[iam.PolicyStatement]:
        return [may.write_one_record(self._zone, self._record.name), may.follow_changes()]


def front_for(
    scope: Construct, id_: str, *, deployable: Deployable, assembly: Assembly, network: NodeNetwork, foundation: Standing
) -> Front | None:
    match assembly.front.kind:
        case FrontKind.NONE:
            return None
        case FrontKind.ELASTIC_IP:
            return ElasticIpFront(scope, id_, deployable=deployable.name, assembly=assembly)
        case FrontKind.DNS:
            return DnsFront(scope, id_, deployable=deployable.name, assembly=assembly, network=network)
        case FrontKind.NETWORK_INTERFACE:
            return InterfaceFront(scope, id_, deployable=deployable.name, assembly=assembly, network=network)
        case FrontKind.ALB | FrontKind.NLB:
            return BalancerFront(scope, id_, deployable=deployable.name, assembly=assembly, network=network, foundation=foundation)


def unknown_bytes(fronts: Mapping[str, Front | None]) -> int:
    """How much longer their settings will be than what stands here for the ids and addresses that only CloudFormation knows."""
    longer = 0
    for front in fronts.values():
        each = ARN_BYTES if isinstance(front, BalancerFront) else UNKNOWN_BYTES
        longer += each * json.dumps(front_settings(front)).count("${Token[")
    return longer


def front_settings(front: Front | None) -> dict[str, object]:
    """An assembly's entry in the functions' environment (core.names.ENV_FRONTS)."""
    if front is None:
        return {"kind": FrontKind.NONE.value, "allocation_id": "", "address": "", "ports": []}
    return front.settings()

"""A front that is a fixed private address: a network interface of its own, which move_front attaches to one node after the other."""

from __future__ import annotations

from aws_cdk import Tags
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from constructs import Construct

from core import names
from core.model import Assembly, FrontKind
from stacks import permissions as may
from stacks.network import NodeNetwork


class InterfaceFront(Construct):
    """Its address lives in one subnet and so in one zone; spec refuses a network of two.

    It goes with the stack: the address is one of the stack's own network, which could not be deleted while it stood in it.
    Clients come in by its own security group, so that nothing is open to them at the node's own address.
    """

    clients: ec2.IPeer | None = None

    def __init__(self, scope: Construct, id_: str, *, deployable: str, assembly: Assembly, network: NodeNetwork) -> None:
        super().__init__(scope, id_)
        group = ec2.SecurityGroup(
            self, "Group", vpc=network.vpc, description=f"Clients of {deployable}/{assembly.name}", allow_all_outbound=False
        )
        for port in assembly.front.ports:
            group.add_ingress_rule(ec2.Peer.ipv4(network.cidr), ec2.Port.tcp(port), "clients, by the front")
        [subnet] = network.subnets
        interface = ec2.CfnNetworkInterface(
            self,
            "Interface",
            subnet_id=subnet.subnet_id,
            group_set=[group.security_group_id],
            description=f"Where clients find {deployable}/{assembly.name}",
        )
        Tags.of(interface).add(names.TAG_DEPLOYABLE, deployable)
        Tags.of(interface).add(names.TAG_ASSEMBLY, assembly.name)
        self._deployable, self._id = deployable, interface.attr_id
        self.where: str = interface.attr_primary_private_ip_address
        self.address: str | None = self.where
        self.ports = assembly.front.ports

    def settings(self) -> dict[str, object]:
        return {"kind": FrontKind.NETWORK_INTERFACE.value, "interface": self._id, "address": self.address, "ports": list(self.ports)}

    def to_see(self) -> list[iam.PolicyStatement]:
        return [may.describe("ec2:DescribeInstances", "ec2:DescribeNetworkInterfaces")]

    def to_move(self) -> list[iam.PolicyStatement]:
        return [may.move_our_interfaces(self._deployable)]

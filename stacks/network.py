"""Where nodes live: one VPC, its zones, and free ways to the table and the bucket."""

from __future__ import annotations

from dataclasses import dataclass

from aws_cdk import Annotations, Fn
from aws_cdk import aws_ec2 as ec2
from constructs import Construct, IDependable

from core.model import Egress, Network


@dataclass(frozen=True, slots=True, kw_only=True)
class Within:
    """A network that was made elsewhere. gateway_subnet_ids: where nodes are behind gateways, the public subnets beside theirs."""

    vpc_id: str
    cidr: str
    zones: list[str]
    subnet_ids: list[str]
    egress: Egress
    gateway_subnet_ids: list[str]

    def found(self, scope: Construct) -> ec2.IVpc:
        # What makes routes is the stack that made the subnets.
        Annotations.of(scope).acknowledge_warning("@aws-cdk/aws-ec2:noSubnetRouteTableId")
        public, private = (self.gateway_subnet_ids, self.subnet_ids) if self.egress is Egress.NAT else (self.subnet_ids, [])
        return ec2.Vpc.from_vpc_attributes(
            scope,
            "Vpc",
            vpc_id=self.vpc_id,
            vpc_cidr_block=self.cidr,
            availability_zones=self.zones,
            public_subnet_ids=public or None,
            private_subnet_ids=private or None,
        )


def zones_of(network: Network) -> list[str]:
    return [Fn.select(index, Fn.get_azs()) for index in range(network.zones)]


class NodeNetwork(Construct):
    """Where nodes are, and how they get out. subnets: the nodes'. public_subnets: those with a way to and from the internet.

    With no egress nodes stand in public subnets without a public address, for a front brings its own: a node speaks to the table and
    the bucket only, and gateway endpoints cost nothing. With addresses of their own they stand there too; behind NAT gateways they do not.
    Zones are whatever the region lists first, so that synth asks no account.
    """

    def __init__(self, scope: Construct, id_: str, network: Network, *, within: Within | None = None) -> None:
        """within: a network that is there already; none is made then."""
        super().__init__(scope, id_)
        self.vpc: ec2.IVpc
        if within is not None:
            self.cidr, self.vpc = within.cidr, within.found(self)
        else:
            self.cidr, self.vpc = network.cidr, self._make(network)
        self.public_subnets = self.vpc.public_subnets
        self.subnets = self.vpc.private_subnets if network.egress is Egress.NAT else self.public_subnets
        self._egress = network.egress

    def _make(self, network: Network) -> ec2.Vpc:
        vpc = ec2.Vpc(
            self,
            "Vpc",
            ip_addresses=ec2.IpAddresses.cidr(network.cidr),
            availability_zones=zones_of(network),
            nat_gateways=network.zones if network.egress is Egress.NAT else 0,
            subnet_configuration=_subnets(network.egress),
            # Emptying the default group takes a custom resource, and nothing of ours is ever in it.
            restrict_default_security_group=False,
        )
        for name, service in (("S3", ec2.GatewayVpcEndpointAwsService.S3), ("DynamoDb", ec2.GatewayVpcEndpointAwsService.DYNAMODB)):
            vpc.add_gateway_endpoint(name, service=service)
        return vpc

    def security_group(self, scope: Construct, id_: str, description: str) -> ec2.SecurityGroup:
        """A group that may reach the endpoints and nothing else.

        The endpoints' prefix lists have an id per region that only a look-up could tell; HTTPS to
        anywhere stands for them. Without a public address there is no other way out than they; but the node that
        holds an Elastic IP front has one, and reaches any address on 443 while it does. `egress: none` promises a node
        no way out, not a wall: one that must not talk to the internet needs a front in private subnets.
        """
        group = ec2.SecurityGroup(scope, id_, vpc=self.vpc, description=description, allow_all_outbound=False)
        group.add_egress_rule(ec2.Peer.any_ipv4(), ec2.Port.tcp(443), "the table and the bucket, by their gateway endpoints")
        return group

    def node_group(self, scope: Construct, id_: str, description: str) -> ec2.SecurityGroup:
        """The same for nodes, who may go wherever they have a way to when the file gives them one."""
        group = self.security_group(scope, id_, description)
        if self._egress is not Egress.NONE:
            for port in (ec2.Port.all_tcp(), ec2.Port.all_udp()):
                group.add_egress_rule(ec2.Peer.any_ipv4(), port, "the way out that the file gives")
        return group


def _subnets(egress: Egress) -> list[ec2.SubnetConfiguration]:
    public = ec2.SubnetType.PUBLIC
    if egress is Egress.NAT:
        return [
            ec2.SubnetConfiguration(name="Gateway", subnet_type=public, map_public_ip_on_launch=False),
            ec2.SubnetConfiguration(name="Node", subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS),
        ]
    return [ec2.SubnetConfiguration(name="Node", subnet_type=public, map_public_ip_on_launch=egress is Egress.PUBLIC_IP)]


def way(scope: Construct, mine: tuple[str, ec2.SecurityGroup], theirs: tuple[str, ec2.SecurityGroup], port: int) -> list[IDependable]:
    """From one assembly's nodes, (name, group), to another's, by a TCP port."""
    (my_name, my_group), (their_name, their_group) = mine, theirs
    out, into = (f"To-{their_name}-{port}", f"the front of {their_name}"), (f"Into-{their_name}-{port}", f"nodes of {my_name}")
    return let_through(scope, my_group, their_group, port, out=out, into=into)


def let_through(
    scope: Construct, mine: ec2.ISecurityGroup, theirs: ec2.ISecurityGroup, port: int, *, out: tuple[str, str], into: tuple[str, str]
) -> list[IDependable]:
    """From one group to another by a TCP port. out, into: each rule's id and description.

    The rules are resources of their own: two groups that name each other in themselves would be a circle
    (https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-securitygroup.html).
    """
    (out_id, going), (into_id, coming) = out, into
    return [
        ec2.CfnSecurityGroupEgress(
            scope,
            out_id,
            group_id=mine.security_group_id,
            destination_security_group_id=theirs.security_group_id,
            description=going,
            ip_protocol="tcp",
            from_port=port,
            to_port=port,
        ),
        ec2.CfnSecurityGroupIngress(
            scope,
            into_id,
            group_id=theirs.security_group_id,
            source_security_group_id=mine.security_group_id,
            description=coming,
            ip_protocol="tcp",
            from_port=port,
            to_port=port,
        ),
    ]

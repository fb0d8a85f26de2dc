"""A VPC of somebody else's, as our parts look at a network."""

from __future__ import annotations

from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from core.model import Egress
from stacks.network import NodeNetwork


class GivenNetwork(NodeNetwork):
    """Makes nothing. Its subnets must reach DynamoDB and S3: by gateway endpoints, which are free, or by any way out.

    Like a deployable's network it makes security groups that let nodes out to HTTPS alone.
    """

    def __init__(self, scope: Construct, id_: str, vpc: ec2.IVpc, subnets: ec2.SubnetSelection | None) -> None:
        Construct.__init__(self, scope, id_)
        chosen = subnets or ec2.SubnetSelection()
        self.vpc = vpc
        self.cidr = vpc.vpc_cidr_block
        self.public_subnets = vpc.public_subnets
        self._egress = Egress.NONE  # ways out of our own making: whatever the subnets have is theirs
        self.subnets = vpc.select_subnets(
            availability_zones=chosen.availability_zones,
            one_per_az=chosen.one_per_az,
            subnet_filters=chosen.subnet_filters,
            subnet_group_name=chosen.subnet_group_name,
            subnets=chosen.subnets,
            subnet_type=chosen.subnet_type,
        ).subnets

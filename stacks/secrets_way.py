"""The way to Secrets Manager for nodes that have none out of their network: an endpoint in every zone, for a node may start in either.

https://docs.aws.amazon.com/secretsmanager/latest/userguide/vpc-endpoint-overview.html
"""

from __future__ import annotations

from aws_cdk import Aws
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from constructs import Construct

from stacks.network import NodeNetwork

HTTPS = 443


def secrets_way(scope: Construct, *, whose: str, network: NodeNetwork, secrets: list[str]) -> tuple[ec2.SecurityGroup, ec2.CfnVPCEndpoint]:
    """The endpoint, and the security group through which it is reached, which lets nobody in yet. secrets: all that can be read by it.

    It answers to the service's own name in all of the network, so that a network has room for one:
    https://docs.aws.amazon.com/vpc/latest/privatelink/manage-dns-names.html
    """
    security = ec2.SecurityGroup(
        scope, "SecretsAccess", vpc=network.vpc, description=f"The way to the secret of {whose}", allow_all_outbound=False
    )
    endpoint = ec2.CfnVPCEndpoint(
        scope,
        "Secrets",
        vpc_id=network.vpc.vpc_id,
        service_name=f"com.amazonaws.{Aws.REGION}.secretsmanager",
        vpc_endpoint_type="Interface",
        subnet_ids=[subnet.subnet_id for subnet in network.subnets],
        security_group_ids=[security.security_group_id],
        private_dns_enabled=True,
        policy_document=iam.PolicyDocument(
            statements=[
                iam.PolicyStatement(
                    principals=[iam.AnyPrincipal()],
                    actions=["secretsmanager:GetSecretValue"],
                    resources=secrets,
                    conditions={"StringEquals": {"aws:PrincipalAccount": Aws.ACCOUNT_ID}},
                )
            ]
        ),
    )
    return security, endpoint

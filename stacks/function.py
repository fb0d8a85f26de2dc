"""One function with what every function of ours has: a log that ends, a role of its own, a place in the network or none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from stacks import permissions as may
from stacks.handlers import Handler
from stacks.network import NodeNetwork

LOG_KEPT = logs.RetentionDays.ONE_MONTH


@dataclass(frozen=True, slots=True)
class Place:
    """In the nodes' subnets, behind a security group."""

    network: NodeNetwork
    security: ec2.SecurityGroup


def make_function(
    scope: Construct,
    handler: Handler,
    statements: Sequence[iam.PolicyStatement],
    *,
    code: lambda_.Code,
    environment: Mapping[str, str],
    place: Place | None = None,
) -> lambda_.Function:
    """Named after its handler; its role is made here, and may write its log and what the statements say."""
    name = camel_of(handler)
    log = logs.LogGroup(scope, f"{name}Log", retention=LOG_KEPT, removal_policy=RemovalPolicy.DESTROY)
    role = iam.Role(scope, f"{name}Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    for statement in (may.write_log(log.log_group_arn), *statements):
        role.add_to_policy(statement)
    return lambda_.Function(
        scope,
        name,
        runtime=lambda_.Runtime.PYTHON_3_14,
        architecture=lambda_.Architecture.ARM_64,
        handler=f"lambdas.{handler.module}.handler",
        code=code,
        role=role,
        log_group=log,
        memory_size=handler.memory_mb,
        recursive_loop=lambda_.RecursiveLoop.ALLOW if handler.loops else None,
        timeout=Duration.seconds(handler.timeout_s),
        environment=dict(environment),
        vpc=place.network.vpc if place else None,
        vpc_subnets=ec2.SubnetSelection(subnets=place.network.subnets) if place else None,
        security_groups=[place.security] if place else None,
        # No public address there, and none is wanted: it speaks to nodes, a database, the table's endpoint.
        allow_public_subnet=True if place else None,
    )


def camel_of(handler: Handler) -> str:
    """move_front -> MoveFront."""
    return "".join(part.capitalize() for part in handler.module.split("_"))

"""A group that keeps exactly one machine with its applications running, for a stack of somebody's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import jsii
from aws_cdk import Duration
from aws_cdk import aws_autoscaling as autoscaling
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from constructs import Construct

from core import names
from stacks.balancer import BalancerFront
from stacks.front import Front as MadeFront
from stacks.own.foundation import Foundation
from stacks.own.props import Application, Front, Image, State, Tolerance, given


@jsii.implements(ec2.IConnectable, iam.IGrantable)
class SingletonAssembly(Construct):
    """One node at a time, watched, restarted, replaced and never run twice.

    Public: foundation, assembly_name, role, security_group, connections, launch_template, auto_scaling_group (also
    `node.default_child`), front_address, table and permit_key: the item that says which instance may run.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        vpc: ec2.IVpc,
        applications: Sequence[Application],
        instance_types: Sequence[ec2.InstanceType],
        state: State,
        foundation: Foundation | None = None,
        assembly_name: str | None = None,
        vpc_subnets: ec2.SubnetSelection | None = None,
        image: Image | str = Image.DEBIAN_12,
        front: Front | None = None,
        health_check_grace_period: Duration | None = None,
        ha_port: int | None = None,
        http_port: int | None = None,
        tolerance: Tolerance | None = None,
        after: Sequence[SingletonAssembly] = (),
        reaches: Sequence[SingletonAssembly] = (),
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        """state: said rather than assumed, for it is what a replacement finds again. foundation: left out, one of its own.

        instance_types: of one architecture, tried in order when capacity is short. assembly_name: left out, the id in small
        letters. health_check_grace_period: how long a new node may take to have everything up. after: who must serve before
        a node of this one is let in. reaches: whose fronts its nodes may talk to. settings: whatever else a deployable file
        says of an assembly, in its words. Raises spec.SpecError with every reason why this cannot be.
        """
        super().__init__(scope, id_)
        self.assembly_name = assembly_name or id_.lower()
        self.foundation = foundation or Foundation(self, "Foundation", vpc=vpc, deployable_name=self.assembly_name, vpc_subnets=vpc_subnets)
        self._stands(vpc, foundation, vpc_subnets)
        ports = given(port=ha_port, http=http_port)
        assembly = self.foundation.join(
            self.node.path,
            {
                "name": self.assembly_name,
                "image": str(image),
                "instances": [kind.to_string() for kind in instance_types],
                "front": dict((front or Front.none()).said),
                "state": dict(state.said),
                "applications": [application.words(Path.cwd()) for application in applications],
                "after": [other.assembly_name for other in after],
                "reaches": [other.assembly_name for other in reaches],
                **given(start_grace=health_check_grace_period, tolerance=tolerance.words() if tolerance else None),
                **({"ha": ports} if ports else {}),
                **(settings or {}),
            },
        )
        self._node, front_made = self.foundation.node_of(self, assembly)
        self._offer(front_made)
        self._keep_one(front_made, reaches)

    def _stands(self, vpc: ec2.IVpc, foundation: Foundation | None, vpc_subnets: ec2.SubnetSelection | None) -> None:
        """Raises ValueError where it would not be on its foundation's network."""
        if self.foundation.vpc is not vpc:
            raise ValueError(f"{self.node.path}: vpc is another one than its foundation's: the prober would not reach its nodes")
        if foundation is not None and vpc_subnets is not None:
            raise ValueError(f"{self.node.path}: vpc_subnets are the foundation's: say them there")

    def _offer(self, made: MadeFront | None) -> None:
        """What others see of it."""
        node = self._node
        self.role: iam.IRole = node.role
        self.security_group: ec2.ISecurityGroup = node.security_group
        self._connections = ec2.Connections(security_groups=[node.security_group])
        self.launch_template: ec2.CfnLaunchTemplate = node.launch_template
        self.front_address: str | None = made.where if made else None
        self.table: dynamodb.ITable = self.foundation.table
        self.permit_key = {names.PK: names.permit_pk(self.foundation.deployable_name, self.assembly_name), names.SK: names.CURRENT}

    def _keep_one(self, made: MadeFront | None, reaches: Sequence[SingletonAssembly]) -> None:
        """The group comes last: it launches its first node the moment it exists."""
        ways = self._node.open_ways({other.assembly_name: other._node for other in reaches})
        balancer = [made] if isinstance(made, BalancerFront) else []
        self._node.keep_one(after=[self.foundation, *balancer, *ways])
        self.auto_scaling_group = cast(autoscaling.CfnAutoScalingGroup, self._node.node.find_child("Group"))
        self.node.default_child = self.auto_scaling_group

    # Properties of the class, for that is where jsii looks for what an interface asks of it.
    @property
    def connections(self) -> ec2.Connections:
        return self._connections

    @property
    def grant_principal(self) -> iam.IPrincipal:
        return self.role

    def metric_healthy(self, *, period: Duration | None = None, statistic: str = "Minimum", label: str | None = None) -> cloudwatch.Metric:
        """1 while it serves, 0 while it fails or is silent, seen from outside every ten seconds."""
        return cloudwatch.Metric(
            namespace=names.METRIC_NAMESPACE,
            metric_name=names.METRIC_HEALTHY,
            dimensions_map={names.DIM_DEPLOYABLE: self.foundation.deployable_name, names.DIM_ASSEMBLY: self.assembly_name},
            period=period or Duration.minutes(1),
            statistic=statistic,
            label=label,
        )

    def grant_read_permit(self, grantee: iam.IGrantable) -> iam.Grant:
        """Which instance may run at the moment, and under which epoch."""
        return iam.Grant.add_to_principal(
            grantee=grantee,
            actions=["dynamodb:GetItem"],
            resource_arns=[self.table.table_arn],
            conditions={"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": [self.permit_key[names.PK]]}},
        )

    def add_to_role_policy(self, statement: iam.PolicyStatement) -> None:
        """What its applications may do in AWS, beside what every node may."""
        self.role.add_to_principal_policy(statement)

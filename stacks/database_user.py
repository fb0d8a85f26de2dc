"""The user whom IAM lets into the database, made at deploy: one function reads the managed secret, another in the VPC uses it.

Two, for none can do both: without a way out of the network the secret is out of reach from inside it, and the database from outside.
The secret goes from one to the other in the call itself, which AWS encrypts and nothing writes down: it stands in no template, in no event
of the stack and in no log.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from aws_cdk import CfnCustomResource, Tags
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from core import names
from stacks import permissions as may
from stacks.function import Place, make_function
from stacks.handlers import HAND_SECRET, MAKE_USER, Handler
from stacks.network import NodeNetwork, let_through

# CloudFormation's own hour would hide that a function of ours died: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudformation-customresource.html
ANSWERED_WITHIN_S = 360


class DatabaseUser(Construct):
    """Made again whenever what it is told changes, such as the database's host after a restore; then too it only adds what lacks."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        deployable: str,
        network: NodeNetwork,
        way_in: ec2.SecurityGroup,
        port: int,
        told: Mapping[str, str],
        archive: Path,
    ) -> None:
        """told: engine, host, port, name, user and the secret's ARN. way_in: the database's security group."""
        super().__init__(scope, id_)
        self._deployable, self._network = deployable, network
        self._code = lambda_.Code.from_asset(str(archive))
        security = ec2.SecurityGroup(
            self, "Access", vpc=network.vpc, description=f"Who makes the user of the database of {deployable}", allow_all_outbound=False
        )
        out, into = ("ToDatabase", "the database"), ("IntoDatabase", "who makes its user")
        ways = let_through(self, security, way_in, port, out=out, into=into)
        maker = self._function(MAKE_USER, [may.be_in_a_vpc()], security=security)
        role = maker.role
        assert role is not None, "every function here was given a role"
        kept = iam.Policy(self, "OnlyLambdaItself", roles=[role], statements=[may.only_lambda_itself(maker.function_arn)])
        hander = self._function(
            HAND_SECRET,
            [
                may.allow("secretsmanager:GetSecretValue", on=[told["secret"]]),
                may.allow("lambda:InvokeFunction", on=[maker.function_arn]),
            ],
            environment={names.ENV_FUNCTION_MAKE_USER: maker.function_name},
        )
        self.made = CfnCustomResource(self, "User", service_token=hander.function_arn, service_timeout=ANSWERED_WITHIN_S)
        for word, value in told.items():
            self.made.add_property_override(word, value)
        self.made.node.add_dependency(*ways, kept, maker, hander)

    def _function(
        self,
        handler: Handler,
        statements: Sequence[iam.PolicyStatement],
        *,
        environment: Mapping[str, str] | None = None,
        security: ec2.SecurityGroup | None = None,
    ) -> lambda_.Function:
        """security: of one in the nodes' subnets. A failure fails the deploy, so that no alarm is needed to see it."""
        place = Place(self._network, security) if security else None
        function = make_function(self, handler, statements, code=self._code, environment=environment or {}, place=place)
        Tags.of(function).add(names.TAG_DEPLOYABLE, self._deployable)
        return function

"""What a deployable finds of a foundation that it shares, and what it brings along so that the functions there look after it.

The two stacks meet in parameters of Systems Manager, which are free: the foundation says where its parts are, the deployable says
what is to be watched. Neither holds the other as an export would. docs/decisions/a-shared-foundation.md
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

from aws_cdk import Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk import aws_ssm as ssm
from constructs import Construct, IDependable

from core import names
from core.model import Deployable, Egress
from core.watching.fleet import check_parameter, fleet_to_json
from core.watching.register import DATABASE, FLEET, FRONTS, VOLUMES
from stacks import permissions as may
from stacks.balancer import BalancerFront
from stacks.front import Front, front_settings, unknown_bytes
from stacks.network import Within, zones_of
from stacks.volume import VolumeState

# The last parts of the parameters' names.
TABLE, BUCKET, TOPIC, VPC, CIDR, PROBER, RECOVER = "table", "bucket", "topic", "vpc", "cidr", "prober-group", "recover-assembly"
SECRETS = "database-secrets"  # the security group of the way to Secrets Manager, where the foundation's file asks for one
ROLES = {"admit_node": "admit-role", "move_front": "front-role", "recover_assembly": "recover-role", "tick": "tick-role"}


def subnet(index: int, egress: Egress) -> str:
    """One of the nodes'. Its name says the way out: who takes the network for another one finds none."""
    return f"subnet-{index + 1}" + ("" if egress is Egress.NONE else f"-{egress.value}")


def gateway_subnet(index: int) -> str:
    """One of the public subnets beside those of nodes behind gateways."""
    return f"gateway-subnet-{index + 1}"


class JoinedFoundation(Construct):
    """The parts of a foundation, by its name; their values are read when the stack is deployed."""

    def __init__(self, scope: Construct, id_: str, foundation: str) -> None:
        super().__init__(scope, id_)
        self._name = foundation
        self.table: dynamodb.ITable = dynamodb.Table.from_table_name(self, "Table", self.find(TABLE))
        self.bucket: s3.IBucket = s3.Bucket.from_bucket_name(self, "Bucket", self.find(BUCKET))
        self.topic: sns.ITopic = sns.Topic.from_topic_arn(self, "Topic", self.find(TOPIC))
        self.prober: ec2.ISecurityGroup = ec2.SecurityGroup.from_security_group_id(self, "Prober", self.find(PROBER))
        self.recover: lambda_.IFunction = lambda_.Function.from_function_attributes(
            self, "Recover", function_arn=self.find(RECOVER), same_environment=True
        )

    def find(self, what: str) -> str:
        return ssm.StringParameter.value_for_string_parameter(self, names.foundation_parameter(self._name, what))

    def role(self, module: str) -> iam.IRole:
        """Of one of the functions, once for each."""
        return iam.Role.from_role_name(self, name_of(module), self.find(ROLES[module]))

    def secrets_way(self) -> str:
        """The security group of its way to Secrets Manager. Without one CloudFormation refuses the deploy, by the parameter's name."""
        return self.find(SECRETS)

    def network(self, deployable: Deployable) -> Within:
        """As many of its zones as the deployable asks for, with the subnets that face the internet where it has such a balancer."""
        network = deployable.network
        facing = any(assembly.front.balancer is not None and not assembly.front.balancer.internal for assembly in deployable.assemblies)
        gateways = range(network.zones) if facing and network.egress is Egress.NAT else ()
        return Within(
            vpc_id=self.find(VPC),
            cidr=self.find(CIDR),
            zones=zones_of(network),
            subnet_ids=[self.find(subnet(index, network.egress)) for index in range(network.zones)],
            egress=network.egress,
            gateway_subnet_ids=[self.find(gateway_subnet(index)) for index in gateways],
        )


class Registration(Construct):
    """The deployable's entry in the register, and the leave that only its own stack can name."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        deployable: Deployable,
        joined: JoinedFoundation,
        cidr: str,
        fronts: Mapping[str, Front | None],
        volumes: Mapping[str, VolumeState],
        database: str | None = None,
    ) -> None:
        """database: the instance's name."""
        super().__init__(scope, id_)
        self._deployable, self._joined = deployable, joined
        assert deployable.foundation is not None, "only a deployable that shares a foundation registers"
        path = f"{names.register_path(deployable.foundation)}/{deployable.name}"
        placed = replace(deployable, network=replace(deployable.network, cidr=cidr))
        settings = {name: front_settings(front) for name, front in fronts.items()}
        check_parameter(deployable.name, json.dumps(settings, separators=(",", ":")), unknown_bytes=unknown_bytes(fronts))
        told = {FLEET: fleet_to_json(placed), FRONTS: Stack.of(self).to_json_string(settings)}
        if volumes:
            told[VOLUMES] = Stack.of(self).to_json_string({name: volume.volume_id for name, volume in volumes.items()})
        if database is not None:
            told[DATABASE] = database
        for name, text in told.items():
            ssm.CfnParameter(self, name.capitalize(), type="String", name=f"{path}/{name}", value=text)
        moved: list[Front | VolumeState] = [front for front in fronts.values() if front is not None]
        moved += volumes.values()
        to_see = [statement for each in moved for statement in each.to_see()]
        fencing = [statement for front in fronts.values() if isinstance(front, BalancerFront) for statement in front.to_fence()]
        at_database = [may.on_databases([database], "DescribeDBInstances", "RebootDBInstance")] if database is not None else []
        self._allow("admit_node", [may.signal_our_stack()])
        self._allow("move_front", [*to_see, *(statement for each in moved for statement in each.to_move())])
        self._allow("recover_assembly", [*fencing, *at_database])
        self._allow("tick", to_see)

    def _allow(self, module: str, statements: Sequence[iam.PolicyStatement]) -> None:
        """A policy of the deployable's name: two of the same name on one role would be one."""
        if statements:
            name = f"{names.PRODUCT}-{self._deployable.name}"
            iam.Policy(self, f"{name_of(module)}May", policy_name=name, roles=[self._joined.role(module)], statements=list(statements))

    def look_at(self, assembly: str, nodes: ec2.ISecurityGroup, ports: Sequence[int]) -> list[IDependable]:
        """Let the prober out to an assembly's nodes, by rules of this stack: they go with it."""
        return [
            ec2.CfnSecurityGroupEgress(
                self,
                f"{assembly}-{port}",
                group_id=self._joined.prober.security_group_id,
                destination_security_group_id=nodes.security_group_id,
                description=f"look at nodes of {self._deployable.name}/{assembly}",
                ip_protocol="tcp",
                from_port=port,
                to_port=port,
            )
            for port in ports
        ]


def name_of(module: str) -> str:
    """move_front -> MoveFront."""
    return "".join(part.capitalize() for part in module.split("_"))

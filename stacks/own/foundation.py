"""What watches and recovers the assemblies of somebody's own stack: table, bucket, topic, functions, alarms."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsii
from aws_cdk import Annotations, AspectPriority, Aspects, Duration, IAspect
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from constructs import Construct, IConstruct

from core import names
from core.model import Assembly, Deployable
from core.report.operating import readable
from core.watching.fleet import fleet_file
from core.zonal import zone_words
from spec import SpecError
from spec.document import Document
from spec.load import check
from stacks import foundation as kept
from stacks import permissions as may
from stacks.alarms import Alarms
from stacks.assembly import NodeAssembly
from stacks.bundle import agent_bundle, lambdas_bundle
from stacks.contents import Stage
from stacks.front import Front, front_for
from stacks.functions import Functions, told_of
from stacks.kept_state import state_rules
from stacks.own.network import GivenNetwork
from stacks.reach import reach_of
from stacks.volume import VolumeState, volume_for
from stacks.volume_events import wake_for_volumes
from stacks.wakes import Wakes


class Foundation(Construct):
    """One for the assemblies that together give one service: they know each other's start order and fronts.

    Its functions name what they may touch, assembly by assembly, so they are made when the app is synthesized: then all
    assemblies are there. Public: deployable_name, vpc, table, bucket, topic.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        vpc: ec2.IVpc,
        deployable_name: str,
        vpc_subnets: ec2.SubnetSelection | None = None,
        alarm_emails: Sequence[str] = (),
    ) -> None:
        """vpc_subnets: where nodes and the prober live; left out, as ec2.IVpc.select_subnets chooses.

        alarm_emails: who is told when the ladder ends; AWS asks each to confirm.
        """
        super().__init__(scope, id_)
        self.vpc = vpc
        self.deployable_name = deployable_name
        self._said: list[Mapping[str, Any]] = []
        self._deployable = Deployable(name=deployable_name, assemblies=(), notify=tuple(alarm_emails))
        self._network = GivenNetwork(self, "Network", vpc, vpc_subnets)
        self._kept = kept.Foundation(self, "Kept", reach_of(self._deployable))
        self.table: dynamodb.ITable = self._kept.table
        self.bucket: s3.IBucket = self._kept.bucket
        self.topic: sns.ITopic = self._kept.topic
        self._prober = self._network.security_group(self, "ProberGroup", "The prober: it asks nodes from outside")
        self._fronts: dict[str, Front | None] = {}
        self._volumes: dict[str, VolumeState] = {}
        self._operators: list[iam.IGrantable] = []
        # Gone with this process: CDK copies an asset the moment it is made.
        self._staging = tempfile.TemporaryDirectory(prefix="understudy-")
        folder = Path(self._staging.name)
        self._stage = Stage(agent_bundle(folder / "agent.zip"), folder, Path.cwd())
        Aspects.of(self).add(_WhenAllAreThere(self), priority=AspectPriority.MUTATING)

    # --- for its assemblies -----------------------------------------------------------------------

    def join(self, path: str, said: Mapping[str, Any]) -> Assembly:
        """Check an assembly, as a deployable file would say it, beside those that have joined.

        path: of its construct, to name it when something is wrong. Raises spec.SpecError.
        """
        zones = min(2, len({subnet.availability_zone for subnet in self._network.subnets}))
        file = {
            "deployable": self.deployable_name,
            "network": {"zones": zones},
            "notify": list(self._deployable.notify),
            "assemblies": [*self._said, said],
        }
        try:
            found = check(Document(file, {}, ()), Path.cwd() / self.deployable_name).deployable
        except SpecError as error:  # there is no file that could be named
            raise SpecError(path, error.problems) from None
        self._said.append(said)
        # The range of a VPC that this app makes is known to CloudFormation alone.
        self._deployable = replace(found, network=replace(found.network, cidr=self._network.cidr))
        return self._deployable.assemblies[-1]

    def node_of(self, scope: Construct, assembly: Assembly) -> tuple[NodeAssembly, Front | None]:
        """All of an assembly but its group."""
        front = front_for(scope, "Front", deployable=self._deployable, assembly=assembly, network=self._network, foundation=self._kept)
        self._fronts[assembly.name] = front
        volume = volume_for(scope, "State", deployable=self._deployable, assembly=assembly, network=self._network)
        if volume is not None:
            self._volumes[assembly.name] = volume
        node = NodeAssembly(
            scope,
            "Node",
            deployable=self._deployable,
            assembly=assembly,
            network=self._network,
            foundation=self._kept,
            fronts=self._fronts,
            prober=self._prober,
            stage=self._stage,
            volume=volume,
        )
        for name, words in zone_words(self._deployable):
            if name == assembly.name:
                Annotations.of(node).add_warning_v2("understudy:one-zone", f"{name}: {words}")
        return node, front

    def watch(self) -> None:
        """Make what watches and recovers all that have joined."""
        reach = reach_of(self._deployable)
        for rule in state_rules(self._deployable):
            self._kept.bucket.add_lifecycle_rule(**rule)
        for operator in self._operators:
            readable_now = readable(self.deployable_name, [assembly.name for assembly in self._deployable.assemblies])
            operator.grant_principal.add_to_principal_policy(may.read_items(self.table.table_arn, readable_now))
        functions = Functions(
            self,
            "Functions",
            reach=reach,
            environment=told_of(self, self._deployable, self._fronts),
            network=self._network,
            foundation=self._kept,
            fronts=self._fronts,
            archive=lambdas_bundle(self._stage.folder / "lambdas.zip", fleet_file(self._deployable)).path,
            volumes=self._volumes,
            prober=self._prober,
        )
        Wakes(self, "Wakes", reach=reach, foundation=self._kept, functions=functions)
        wake_for_volumes(
            self,
            "VolumeEvents",
            volumes=self._volumes.values(),
            recover=functions.recover_assembly,
            dead_letters=self._kept.dead_letters,
        )
        Alarms(self, "Alarms", reach=reach, foundation=self._kept, functions=functions)

    # --- for whoever has a stack ------------------------------------------------------------------

    def metric_sweeps(self, *, period: Duration | None = None, statistic: str = "Sum", label: str | None = None) -> cloudwatch.Metric:
        """Completed looks at all nodes, six a minute; that there are none is the watcher's silence."""
        return cloudwatch.Metric(
            namespace=names.METRIC_NAMESPACE,
            metric_name=names.METRIC_SWEEPS,
            dimensions_map={names.DIM_DEPLOYABLE: self.deployable_name},
            period=period or Duration.minutes(1),
            statistic=statistic,
            label=label,
        )

    def grant_read_evidence(self, grantee: iam.IGrantable) -> iam.Grant:
        """What was kept of nodes before they were replaced."""
        return self.bucket.grant_read(grantee, f"evidence/{self.deployable_name}/*")

    def grant_operate(self, grantee: iam.IGrantable) -> iam.Grant:
        """What `understudy operator-policy` prints of a deployable's own stack: read all that is said of its assemblies, see who is told,
        and write an operator's word (pause, maintenance, priority), which the functions heed. Nothing of EC2 or Auto Scaling is in it.
        """
        self._operators.append(grantee)  # which assemblies there are is known when the app is synthesized
        evidence = self.bucket.arn_for_objects(f"evidence/{self.deployable_name}/*")
        for action, on in (("s3:GetObject", evidence), ("sns:ListSubscriptionsByTopic", self.topic.topic_arn)):
            grantee.grant_principal.add_to_principal_policy(may.allow(action, on=[on]))
        return iam.Grant.add_to_principal(
            grantee=grantee,
            actions=["dynamodb:PutItem"],
            resource_arns=[self.table.table_arn],
            conditions={"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": [names.intent_pk(self.deployable_name)]}},
        )


@jsii.implements(IAspect)
class _WhenAllAreThere:
    """Called for the foundation first, when the whole tree stands and nothing is synthesized yet; for its children in vain."""

    def __init__(self, foundation: Foundation) -> None:
        self._foundation: Foundation | None = foundation

    def visit(self, node: IConstruct) -> None:
        foundation, self._foundation = self._foundation, None
        if foundation is not None:
            foundation.watch()

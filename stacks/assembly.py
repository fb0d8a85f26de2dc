"""One assembly: a node's security group, role, contents and launch template, and the group that keeps exactly one of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from aws_cdk import Annotations
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from constructs import Construct, IDependable

from core import names
from core.model import Assembly, Deployable
from core.state_words import kept_words
from stacks import permissions as may
from stacks.balancer import BalancerFront
from stacks.contents import Contents, Stage, contents_of
from stacks.database import SharedDatabase
from stacks.file_system import files_for
from stacks.foundation import Standing
from stacks.front import Front
from stacks.group import group_of_one
from stacks.kept_state import may_keep_state
from stacks.launch import launch_template
from stacks.network import NodeNetwork, way
from stacks.volume import VolumeState


class NodeAssembly(Construct):
    """Each part has a file of its own; here they meet."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        deployable: Deployable,
        assembly: Assembly,
        network: NodeNetwork,
        foundation: Standing,
        fronts: Mapping[str, Front | None],
        prober: ec2.ISecurityGroup,
        stage: Stage,
        database: SharedDatabase | None = None,
        volume: VolumeState | None = None,
    ) -> None:
        """fronts: every assembly's, by name; this one's is what its clients use, the others' are its neighbours."""
        super().__init__(scope, id_)
        self._deployable = deployable
        self._assembly = assembly
        self._network = network
        self._foundation = foundation
        self._front = fronts[assembly.name]
        self._neighbours = {name: fronts[name] for name in _neighbours_of(assembly)}
        self._database = database if assembly.database is not None else None
        self._files = files_for(self, "Kept", deployable=deployable, assembly=assembly, network=network)
        self._security = self._security_group(prober)
        contents = contents_of(
            self,
            deployable=deployable,
            assembly=assembly,
            foundation=foundation,
            front=self._front,
            neighbours=self._neighbours,
            stage=stage,
            database=self._database,
            volume=volume,
            files=self._files,
        )
        # The CDK's command line prints it at synth and at each deploy.
        Annotations.of(self).add_info_v2("understudy:state", f"{assembly.name}: {kept_words(assembly.state)}")
        self._role = self._node_role(contents)
        self._template = launch_template(
            self, deployable=deployable, assembly=assembly, role=self._role, security=self._security, script=contents.script
        )

    def _security_group(self, prober: ec2.ISecurityGroup) -> ec2.SecurityGroup:
        assembly = self._assembly
        group = self._network.node_group(self, "NodeGroup", f"Nodes of {self._deployable.name}/{assembly.name}")
        for port in (assembly.ha_port, assembly.http_port):
            group.add_ingress_rule(prober, ec2.Port.tcp(port), "the prober's looks")
        if self._front is not None and self._front.clients is not None:
            for port in self._front.node_ports if isinstance(self._front, BalancerFront) else self._front.ports:
                group.add_ingress_rule(self._front.clients, ec2.Port.tcp(port), "clients, by the front")
        for name, front in self._reached():
            if front.address is not None:
                for port in front.ports:
                    group.add_egress_rule(ec2.Peer.ipv4(f"{front.address}/32"), ec2.Port.tcp(port), f"the front of {name}")
        return group

    def _reached(self) -> Iterator[tuple[str, Front]]:
        for name in self._assembly.reaches:
            front = self._neighbours[name]
            assert front is not None, "spec refuses to reach what has no front"
            yield name, front

    def open_ways(self, nodes: Mapping[str, NodeAssembly]) -> list[IDependable]:
        """Let its nodes go to those neighbours' nodes whose front leads to the node itself, or to their balancers. nodes: all, by name."""
        to_database = self._database.open_way(self, self._assembly.name, self._security) if self._database is not None else []
        to_files = self._files.open_way(self, self._assembly.name, self._security) if self._files is not None else []
        return [*to_database, *to_files] + [
            rule
            for name, front in self._reached()
            for door in [front.door if isinstance(front, BalancerFront) else nodes[name]._security]
            for port in (front.ports if front.address is None else ())
            for rule in way(self, (self._assembly.name, self._security), (name, door), port)
        ]

    def _node_role(self, contents: Contents) -> iam.Role:
        """Say everything to one table and do nothing else; no deletes, no EC2, nothing of another assembly."""
        names_of = (self._deployable.name, self._assembly.name)
        table = self._foundation.table.table_arn
        role = iam.Role(self, "NodeRole", assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"))
        for statement in (
            may.write_items(table, [names.node_pk(*names_of)]),
            may.items(table, [names.permit_pk(*names_of)], "GetItem"),
            may.allow("s3:GetObject", on=[asset.bucket.arn_for_objects(asset.s3_object_key) for asset in contents.assets]),
            may.evidence(self._foundation.bucket.bucket_arn, *names_of),
            *(self._database.to_connect() if self._database is not None else []),
            *([self._files.to_mount()] if self._files is not None else []),
            *may_keep_state(self._foundation.bucket.bucket_arn, self._deployable, self._assembly),
        ):
            role.add_to_policy(statement)
        return role

    def keep_one(self, after: Sequence[IDependable]) -> str:
        """Make the group, last of all, and give its name: its first instance is launched the moment it exists."""
        group = group_of_one(
            self,
            deployable=self._deployable,
            assembly=self._assembly,
            network=self._network,
            template=self._template,
            after=[self._security, self._role, *after],
        )
        return group.ref

    @property
    def security_group(self) -> ec2.SecurityGroup:
        return self._security

    @property
    def role(self) -> iam.Role:
        return self._role

    @property
    def launch_template(self) -> ec2.CfnLaunchTemplate:
        return self._template


def _neighbours_of(assembly: Assembly) -> Iterator[str]:
    """The assemblies whose fronts its nodes must know: those it talks to, and those that host names mean."""
    told = [host_name.of for host_name in assembly.host_names if host_name.of is not None]
    yield from dict.fromkeys([*assembly.reaches, *told])

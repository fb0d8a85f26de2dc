"""One assembly: what a node is made of, and the group that keeps exactly one of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from aws_cdk import Aws, Fn, Tags
from aws_cdk import aws_autoscaling as autoscaling
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3_assets as s3_assets
from aws_cdk import aws_ssm as ssm
from constructs import Construct, IDependable

from core import names
from core.hosts import neighbours_to_text
from core.model import Assembly, Deployable
from core.settings import node_settings_to_json
from stacks import permissions as may
from stacks.bootstrap import Item, release_of, user_data
from stacks.bundle import Published, artifact_bundle, published
from stacks.foundation import Foundation
from stacks.front import Front
from stacks.network import NodeNetwork, way
from stacks.rollout import roll_out

# https://wiki.debian.org/Cloud/AmazonEC2Image: Debian publishes its newest image's id under these names.
IMAGES = {"debian-12": "/aws/service/debian/release/12/latest/{architecture}"}
ROOT_DEVICE = "/dev/xvda"  # of Debian's images
ROOT_GB = 16
# Long enough for a boot and for a predecessor that is slow to die; admit_node keeps it alive while that goes on.
LAUNCH_HEARTBEAT_S = 600
TERMINATE_HEARTBEAT_S = 180


class LaunchKeywords(TypedDict, total=False):
    """What a group launches, as keywords of its construct: one of the two."""

    launch_template: autoscaling.CfnAutoScalingGroup.LaunchTemplateSpecificationProperty
    mixed_instances_policy: autoscaling.CfnAutoScalingGroup.MixedInstancesPolicyProperty


@dataclass(frozen=True, slots=True)
class Stage:
    """What was built for the stack: the agent's archive, a folder to build more in, and where artifacts lie."""

    agent: Published
    folder: Path
    artifacts: Path


class NodeAssembly(Construct):
    """A node's security group, role, user data and launch template, and a group with min = max = 1."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        deployable: Deployable,
        assembly: Assembly,
        network: NodeNetwork,
        foundation: Foundation,
        fronts: Mapping[str, Front | None],
        prober: ec2.SecurityGroup,
        stage: Stage,
    ) -> None:
        """fronts: every assembly's, by name; this one's is what its clients use, the others' are its neighbours."""
        super().__init__(scope, id_)
        self._deployable = deployable
        self._assembly = assembly
        self._network = network
        self._foundation = foundation
        self._front = fronts[assembly.name]
        self._neighbours = {name: fronts[name] for name in _neighbours_of(assembly)}
        self._stage = stage
        self._assets: list[s3_assets.Asset] = []
        self._security = self._security_group(prober)
        script = self._user_data()
        self._role = self._node_role()
        self._template = self._launch_template(script)

    def _security_group(self, prober: ec2.SecurityGroup) -> ec2.SecurityGroup:
        assembly = self._assembly
        group = self._network.security_group(self, "NodeGroup", f"Nodes of {self._deployable.name}/{assembly.name}")
        for port in (assembly.ha_port, assembly.http_port):
            group.add_ingress_rule(prober, ec2.Port.tcp(port), "the prober's looks")
        if self._front is not None:
            for port in self._front.ports:
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
        """Let its nodes go to those neighbours' nodes whose front leads to the node's own address. nodes: all, by name."""
        return [
            rule
            for name, front in self._reached()
            for port in (front.ports if front.address is None else ())
            for rule in way(self, (self._assembly.name, self._security), (name, nodes[name]._security), port)
        ]

    def _user_data(self) -> str:
        """Publish what the node needs and say where each part goes."""
        settings = self._stage.folder / f"{self._assembly.name}.agent.json"
        settings.write_text(node_settings_to_json(self._deployable, self._assembly.name))
        parts = [("agent", "zip", self._stage.agent), ("agent.json", "file", published(settings))]
        release = release_of([part.sha256 for _, _, part in parts])
        items = [self._publish(name, part, kind, f"{names.NODE_HOME}/{release}/{name}") for name, kind, part in parts]
        for application in self._assembly.applications:
            if application.install is not None:
                archive = self._stage.folder / f"{self._assembly.name}.{application.name}.zip"
                part = artifact_bundle(archive, self._stage.artifacts / application.install.source)
                items.append(self._publish(f"Artifact-{application.name}", part, "zip", application.install.to))
        neighbours = neighbours_to_text({name: front.address for name, front in self._neighbours.items() if front and front.address})
        return user_data(
            bucket=self._assets[0].s3_bucket_name,
            region=Aws.REGION,
            suffix=Aws.URL_SUFFIX,
            release=release,
            items=items,
            environment=(
                (names.ENV_TABLE, self._foundation.table.table_name),
                (names.ENV_BUCKET, self._foundation.bucket.bucket_name),
                ("UNDERSTUDY_SETTINGS", f"{names.NODE_HOME}/current/agent.json"),
                # The address stays while nodes come and go, so it may stand in what every node of the assembly boots with.
                *([(names.ENV_FRONT, self._front.address)] if self._front and self._front.address else []),
                *([(names.ENV_NEIGHBOURS, neighbours)] if neighbours else []),
            ),
        )

    def _publish(self, id_: str, part: Published, kind: str, to: str) -> Item:
        asset = s3_assets.Asset(self, id_, path=str(part.path))
        self._assets.append(asset)
        return Item(key=asset.s3_object_key, sha256=part.sha256, size=part.size, kind=kind, to=to)

    def _node_role(self) -> iam.Role:
        """Say everything to one table and do nothing else; no deletes, no EC2, nothing of another assembly."""
        names_of = (self._deployable.name, self._assembly.name)
        table = self._foundation.table.table_arn
        role = iam.Role(self, "NodeRole", assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"))
        for statement in (
            may.write_items(table, [names.node_pk(*names_of)]),
            may.items(table, [names.permit_pk(*names_of)], "GetItem"),
            may.allow("s3:GetObject", on=[asset.bucket.arn_for_objects(asset.s3_object_key) for asset in self._assets]),
            may.evidence(self._foundation.bucket.bucket_arn, *names_of),
        ):
            role.add_to_policy(statement)
        return role

    def _launch_template(self, script: str) -> ec2.CfnLaunchTemplate:
        kind = ec2.CfnLaunchTemplate
        instance_type = self._assembly.instances[0]
        tags = {names.TAG_DEPLOYABLE: self._deployable.name, names.TAG_ASSEMBLY: self._assembly.name}
        profile = iam.CfnInstanceProfile(self, "NodeProfile", roles=[self._role.role_name])
        return kind(
            self,
            "Template",
            launch_template_data=kind.LaunchTemplateDataProperty(
                image_id=self._image(instance_type),
                instance_type=instance_type,
                iam_instance_profile=kind.IamInstanceProfileProperty(arn=profile.attr_arn),
                security_group_ids=[self._security.security_group_id],
                metadata_options=kind.MetadataOptionsProperty(
                    http_endpoint="enabled", http_tokens="required", http_put_response_hop_limit=1
                ),
                block_device_mappings=[
                    kind.BlockDeviceMappingProperty(
                        device_name=ROOT_DEVICE,
                        ebs=kind.EbsProperty(volume_type="gp3", volume_size=ROOT_GB, encrypted=True, delete_on_termination=True),
                    )
                ],
                # The group tags its instances; what hangs on them is tagged here. An address is moved
                # to an instance by its interface, so move_front's condition needs the tag there too.
                tag_specifications=[
                    kind.TagSpecificationProperty(
                        resource_type=resource, tags=[{"key": key, "value": value} for key, value in tags.items()]
                    )
                    for resource in ("network-interface", "volume")
                ],
                user_data=Fn.base64(script),
            ),
        )

    def _image(self, instance_type: str) -> str:
        """The image that is newest when the stack is deployed: what was drilled is what a replacement boots."""
        architecture = ec2.InstanceType(instance_type).architecture
        word = "arm64" if architecture == ec2.InstanceArchitecture.ARM_64 else "amd64"
        name = IMAGES[self._assembly.image].format(architecture=word)
        return ssm.StringParameter.value_for_typed_string_parameter_v2(self, name, ssm.ParameterValueType.AWS_EC2_IMAGE_ID)

    def keep_one(self, after: Sequence[IDependable]) -> str:
        """Make the group, last of all, and give its name: its first instance is launched the moment it exists.

        The hooks stand in the group itself: a hook that is a resource of its own comes after the
        group, and the first instance slips by it.
        """
        deployable, assembly = self._deployable.name, self._assembly
        hook = autoscaling.CfnAutoScalingGroup.LifecycleHookSpecificationProperty
        metadata = names.hook_metadata(deployable, assembly.name)
        group = autoscaling.CfnAutoScalingGroup(
            self,
            "Group",
            min_size="1",
            max_size="1",
            desired_capacity="1",
            vpc_zone_identifier=[subnet.subnet_id for subnet in self._network.subnets],
            **self._what_to_launch(),
            health_check_type="EC2",
            health_check_grace_period=round(assembly.start_grace_s),
            lifecycle_hook_specification_list=[
                hook(
                    lifecycle_hook_name=names.LAUNCH_HOOK,
                    lifecycle_transition="autoscaling:EC2_INSTANCE_LAUNCHING",
                    heartbeat_timeout=LAUNCH_HEARTBEAT_S,
                    default_result="ABANDON",
                    notification_metadata=metadata,
                ),
                hook(
                    lifecycle_hook_name=names.TERMINATE_HOOK,
                    lifecycle_transition="autoscaling:EC2_INSTANCE_TERMINATING",
                    heartbeat_timeout=TERMINATE_HEARTBEAT_S,
                    default_result="CONTINUE",
                    notification_metadata=metadata,
                ),
            ],
        )
        Tags.of(group).add(names.TAG_DEPLOYABLE, deployable)
        Tags.of(group).add(names.TAG_ASSEMBLY, assembly.name)
        roll_out(group, self._deployable, assembly)
        group.node.add_dependency(self._security, self._role, *after)
        return group.ref

    def _what_to_launch(self) -> LaunchKeywords:
        """The template alone, or with the instance types to try in the file's order when capacity is short.

        https://docs.aws.amazon.com/autoscaling/ec2/userguide/allocation-strategies.html ("prioritized")
        """
        kind = autoscaling.CfnAutoScalingGroup
        template = kind.LaunchTemplateSpecificationProperty(
            launch_template_id=self._template.ref, version=self._template.attr_latest_version_number
        )
        types = self._assembly.instances
        if len(types) == 1:
            return {"launch_template": template}
        return {
            "mixed_instances_policy": kind.MixedInstancesPolicyProperty(
                launch_template=kind.LaunchTemplateProperty(
                    launch_template_specification=template,
                    overrides=[kind.LaunchTemplateOverridesProperty(instance_type=instance_type) for instance_type in types],
                ),
                instances_distribution=kind.InstancesDistributionProperty(
                    on_demand_allocation_strategy="prioritized", on_demand_percentage_above_base_capacity=100
                ),
            )
        }


def _neighbours_of(assembly: Assembly) -> Iterator[str]:
    """The assemblies whose fronts its nodes must know: those it talks to, and those that host names mean."""
    told = [host_name.of for host_name in assembly.host_names if host_name.of is not None]
    yield from dict.fromkeys([*assembly.reaches, *told])

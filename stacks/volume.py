"""State that is kept on a volume: one of its own in the one zone, retained, with a snapshot each day."""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import RemovalPolicy, Stack, Tags
from aws_cdk import aws_dlm as dlm
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from constructs import Construct

from core import names
from core.model import Assembly, Deployable
from stacks import permissions as may
from stacks.network import NodeNetwork

SNAPSHOT_EVERY_H = 24
SNAPSHOT_AT = "03:00"  # UTC
SNAPSHOTS_KEPT = 7


class VolumeState(Construct):
    """Its file system is the agent's affair; move_front attaches it to the permit's holder, before anything starts there."""

    def __init__(self, scope: Construct, id_: str, *, deployable: str, assembly: Assembly, network: NodeNetwork) -> None:
        super().__init__(scope, id_)
        assert assembly.state.size_gb is not None, "spec gives every volume a size"
        [subnet] = network.subnets
        volume = ec2.CfnVolume(
            self,
            "Volume",
            availability_zone=subnet.availability_zone,
            volume_type="gp3",
            size=assembly.state.size_gb,
            encrypted=True,
        )
        volume.apply_removal_policy(RemovalPolicy.RETAIN)
        for key, value in (
            (names.TAG_DEPLOYABLE, deployable),
            (names.TAG_ASSEMBLY, assembly.name),
            (names.TAG_VOLUME, f"{deployable}/{assembly.name}"),
        ):
            Tags.of(volume).add(key, value)
        self._deployable = deployable
        self.volume_id: str = volume.ref
        self._take_snapshots(f"{deployable}/{assembly.name}")

    def _take_snapshots(self, name: str) -> None:
        """https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-dlm-lifecyclepolicy.html"""
        role = iam.Role(self, "SnapshotRole", assumed_by=iam.ServicePrincipal("dlm.amazonaws.com"))
        for statement in may.take_snapshots(self._deployable, name):
            role.add_to_policy(statement)
        kind = dlm.CfnLifecyclePolicy
        policy = kind(
            self,
            "Snapshots",
            description="Understudy snapshots of " + name.replace("/", " "),
            execution_role_arn=role.role_arn,
            state="ENABLED",
            policy_details=kind.PolicyDetailsProperty(
                resource_types=["VOLUME"],
                target_tags=[{"key": names.TAG_VOLUME, "value": name}],
                schedules=[
                    kind.ScheduleProperty(
                        name="daily",
                        create_rule=kind.CreateRuleProperty(interval=SNAPSHOT_EVERY_H, interval_unit="HOURS", times=[SNAPSHOT_AT]),
                        retain_rule=kind.RetainRuleProperty(count=SNAPSHOTS_KEPT),
                        copy_tags=True,
                    )
                ],
            ),
        )
        policy.node.add_dependency(role)

    def to_see(self) -> list[iam.PolicyStatement]:
        return [may.describe("ec2:DescribeInstances", "ec2:DescribeVolumes")]

    def to_move(self) -> list[iam.PolicyStatement]:
        return [may.move_our_volumes(self._deployable)]


def volume_for(scope: Construct, id_: str, *, deployable: Deployable, assembly: Assembly, network: NodeNetwork) -> VolumeState | None:
    """None where the state is kept on no volume."""
    if not assembly.state.on_volume:
        return None
    return VolumeState(scope, id_, deployable=deployable.name, assembly=assembly, network=network)


def volumes_settings(stack: Stack, volumes: Mapping[str, VolumeState]) -> dict[str, str]:
    """The functions' variable that names them, where there are any (core.names.ENV_VOLUMES)."""
    if not volumes:
        return {}
    return {names.ENV_VOLUMES: stack.to_json_string({name: volume.volume_id for name, volume in volumes.items()})}

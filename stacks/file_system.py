"""State that is kept on EFS: a file system of its own, encrypted, with a way to it in every zone, and a backup each day."""

from __future__ import annotations

from aws_cdk import RemovalPolicy, Tags
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_efs as efs
from aws_cdk import aws_iam as iam
from constructs import Construct, IDependable

from core import names
from core.model import Assembly, Deployable
from core.state import Keep
from stacks import permissions as may
from stacks.network import NodeNetwork, let_through

NFS = 2049


class FileState(Construct):
    """Whoever mounts it speaks TLS and is let in by its own role, through the one access point: the file system's policy lets nobody in
    by itself, and refuses who speaks in the clear.

    https://docs.aws.amazon.com/efs/latest/ug/iam-access-control-nfs-efs.html
    """

    def __init__(self, scope: Construct, id_: str, *, deployable: str, assembly: Assembly, network: NodeNetwork) -> None:
        super().__init__(scope, id_)
        name = f"{deployable}/{assembly.name}"
        self._files = efs.CfnFileSystem(
            self,
            "Files",
            encrypted=True,
            performance_mode="generalPurpose",
            throughput_mode="elastic",
            backup_policy=efs.CfnFileSystem.BackupPolicyProperty(status="ENABLED"),
            file_system_policy=_only_by_tls(),
            file_system_tags=[
                efs.CfnFileSystem.ElasticFileSystemTagProperty(key=key, value=value)
                for key, value in (
                    ("Name", f"{names.PRODUCT} {name}"),
                    (names.TAG_DEPLOYABLE, deployable),
                    (names.TAG_ASSEMBLY, assembly.name),
                )
            ],
        )
        self._files.apply_removal_policy(RemovalPolicy.RETAIN)
        # Owned by root at first: the agent hands it to the program's user, whose number is the image's affair.
        self._point = efs.CfnAccessPoint(
            self,
            "Point",
            file_system_id=self._files.ref,
            root_directory=efs.CfnAccessPoint.RootDirectoryProperty(
                path="/state", creation_info=efs.CfnAccessPoint.CreationInfoProperty(owner_uid="0", owner_gid="0", permissions="0750")
            ),
        )
        Tags.of(self._point).add(names.TAG_DEPLOYABLE, deployable)
        self._security = ec2.SecurityGroup(self, "Access", vpc=network.vpc, description=f"The files of {name}", allow_all_outbound=False)
        self._ways = [
            efs.CfnMountTarget(
                self,
                f"Way{index}",
                file_system_id=self._files.ref,
                subnet_id=subnet.subnet_id,
                security_groups=[self._security.security_group_id],
            )
            for index, subnet in enumerate(network.subnets, 1)
        ]

    @property
    def where(self) -> str:
        """What a node mounts, as agent.file_system reads it."""
        return f"{self._files.ref}:{self._point.attr_access_point_id}"

    def to_mount(self) -> iam.PolicyStatement:
        """As root, for it is root's agent that hands the folder over; through this access point alone."""
        return may.allow(
            "elasticfilesystem:ClientMount",
            "elasticfilesystem:ClientWrite",
            "elasticfilesystem:ClientRootAccess",
            on=[self._files.attr_arn],
            when={"StringEquals": {"elasticfilesystem:AccessPointArn": self._point.attr_arn}},
        )

    def open_way(self, scope: Construct, assembly: str, nodes: ec2.SecurityGroup) -> list[IDependable]:
        """Let the assembly's nodes in; gives what must stand before there are any."""
        return [
            *self._ways,
            self._point,
            *let_through(scope, nodes, self._security, NFS, out=("ToFiles", "the kept files"), into=("IntoFiles", f"nodes of {assembly}")),
        ]


def _only_by_tls() -> iam.PolicyDocument:
    """With a policy there is no way in but by a permission, and this one gives none."""
    return iam.PolicyDocument(
        statements=[
            iam.PolicyStatement(
                effect=iam.Effect.DENY,
                principals=[iam.AnyPrincipal()],
                actions=["elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite", "elasticfilesystem:ClientRootAccess"],
                conditions={"Bool": {"aws:SecureTransport": "false"}},
            )
        ]
    )


def files_for(scope: Construct, id_: str, *, deployable: Deployable, assembly: Assembly, network: NodeNetwork) -> FileState | None:
    """None where the state is kept elsewhere."""
    if assembly.state.keep is not Keep.EFS:
        return None
    return FileState(scope, id_, deployable=deployable.name, assembly=assembly, network=network)

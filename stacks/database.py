"""The database that assemblies share: one RDS instance, kept when the stack goes, and the ways to it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from aws_cdk import CfnDeletionPolicy, RemovalPolicy, Tags
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_rds as rds
from constructs import Construct, IDependable

from core import names
from core.database import MASTER_USER, Auth, Database, Engine, whereabouts_to_text
from core.model import Deployable, Egress
from stacks import permissions as may
from stacks.database_user import DatabaseUser
from stacks.network import NodeNetwork, let_through
from stacks.secrets_way import HTTPS, secrets_way

# Who signs its certificate; the agent's bundle holds the roots of every region.
# https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.SSL.html
CA = "rds-ca-rsa2048-g1"
# https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/PostgreSQL.Concepts.General.SSL.html#PostgreSQL.Concepts.General.SSL.Requiring and
# https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/mysql-ssl-connections.require-ssl.html, mariadb-ssl-connections.require-ssl.html
TLS_ONLY = {
    Engine.POSTGRES: {"rds.force_ssl": "1"},
    Engine.MARIADB: {"require_secure_transport": "1"},
    Engine.MYSQL: {"require_secure_transport": "ON"},
}
# What a person asks for first when it fails; general and slow logs take parameters that cost.
# https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_LogAccess.Procedural.UploadtoCloudWatch.html
LOGS = {Engine.POSTGRES: ("postgresql", "upgrade"), Engine.MARIADB: ("error",), Engine.MYSQL: ("error",)}


class SharedDatabase(Construct):
    """In the nodes' subnets, with no public address; closed to all but the assemblies that reach it.

    It has a name of its own making: CloudFormation cannot replace a thing that has one, so that no edit of the file swaps the
    database for an empty one. Its password is made and kept by RDS and stands nowhere here.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        deployable: Deployable,
        database: Database,
        network: NodeNetwork,
        shared_way: Callable[[], str] | None = None,
    ) -> None:
        """shared_way: on a shared foundation, asks for the security group of its way to Secrets Manager."""
        super().__init__(scope, id_)
        self._database, self._deployable, self._network = database, deployable.name, network
        self._user: DatabaseUser | None = None
        # RDS allows no two hyphens in a row.
        self.identifier = re.sub("-+", "-", f"{names.PRODUCT}-{deployable.name}")
        self.security = ec2.SecurityGroup(
            self, "Access", vpc=network.vpc, description=f"The database of {deployable.name}", allow_all_outbound=False
        )
        written = [self._log(kind) for kind in LOGS[database.engine]]
        self._instance = self._make(deployable.name, network)
        self._instance.node.add_dependency(*written)
        self._endpoint: ec2.CfnVPCEndpoint | None = None
        self._shared_way: str | None = None
        if database.auth is Auth.SECRET and deployable.network.egress is Egress.NONE:
            if shared_way is not None:
                self._shared_way = shared_way()
            else:
                self._endpoint = self._secrets_endpoint(deployable, network)
        self.port = database.engine.port

    def _make(self, deployable: str, network: NodeNetwork) -> rds.CfnDBInstance:
        database = self._database
        about = f"{names.PRODUCT}: {deployable}"
        subnets = rds.CfnDBSubnetGroup(
            self, "Subnets", db_subnet_group_description=about, subnet_ids=[subnet.subnet_id for subnet in network.subnets]
        )
        parameters = rds.CfnDBParameterGroup(
            self, "Parameters", description=f"{about}: TLS only", family=database.family, parameters=TLS_ONLY[database.engine]
        )
        instance = rds.CfnDBInstance(
            self,
            "Instance",
            db_instance_identifier=self.identifier,
            db_name=database.name,
            engine=database.engine.value,
            engine_version=database.version,
            # A minor version may come with a restart; it comes when the file says so.
            auto_minor_version_upgrade=False,
            db_instance_class=database.instance,
            multi_az=database.multi_az,
            port=str(database.engine.port),
            storage_type="gp3",
            allocated_storage=str(database.storage_gb),
            storage_encrypted=True,
            backup_retention_period=database.backups_days,
            copy_tags_to_snapshot=True,
            delete_automated_backups=False,
            deletion_protection=True,
            master_username=MASTER_USER,
            manage_master_user_password=True,
            enable_iam_database_authentication=database.auth is Auth.IAM,
            ca_certificate_identifier=CA,
            publicly_accessible=False,
            db_subnet_group_name=subnets.ref,
            db_parameter_group_name=parameters.ref,
            vpc_security_groups=[self.security.security_group_id],
            enable_cloudwatch_logs_exports=list(LOGS[database.engine]),
        )
        Tags.of(instance).add(names.TAG_DEPLOYABLE, deployable)
        # Should somebody take the protection off and the stack away, a last snapshot stays.
        instance.cfn_options.deletion_policy = CfnDeletionPolicy.SNAPSHOT
        instance.cfn_options.update_replace_policy = CfnDeletionPolicy.SNAPSHOT
        return instance

    def _log(self, kind: str) -> logs.LogGroup:
        """Made before RDS does, which would keep it for ever."""
        name = f"/aws/rds/instance/{self.identifier}/{kind}"
        return logs.LogGroup(
            self, f"Log-{kind}", log_group_name=name, retention=logs.RetentionDays.ONE_MONTH, removal_policy=RemovalPolicy.DESTROY
        )

    def _secrets_endpoint(self, deployable: Deployable, network: NodeNetwork) -> ec2.CfnVPCEndpoint:
        """Only this secret can be read by it."""
        security, endpoint = secrets_way(self, whose=deployable.name, network=network, secrets=[self._secret_arn])
        security.add_ingress_rule(ec2.Peer.ipv4(network.cidr), ec2.Port.tcp(HTTPS), "nodes that read it")
        return endpoint

    @property
    def _secret_arn(self) -> str:
        return self._instance.attr_master_user_secret_secret_arn

    @property
    def where(self) -> str:
        """What a node finds it by, as its environment has it."""
        secret = self._secret_arn if self._database.auth is Auth.SECRET else None
        return whereabouts_to_text(host=self._instance.attr_endpoint_address, port=self._instance.attr_endpoint_port, secret=secret)

    def to_connect(self) -> list[iam.PolicyStatement]:
        """What a node needs to find out its password, or for its tokens to be taken.

        The key that AWS keeps for the service of secrets takes no permission of its own:
        https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html
        """
        if self._database.auth is Auth.IAM:
            return [may.enter_database(self._instance.attr_dbi_resource_id, self._database.user)]
        return [may.allow("secretsmanager:GetSecretValue", on=[self._secret_arn])]

    @property
    def needs_driver(self) -> bool:
        """Whether who makes its user needs one that speaks to it: PostgreSQL's protocol is our own page."""
        return self._database.engine is not Engine.POSTGRES

    def make_user(self, archive: Path) -> None:
        """With `auth: iam`, have the user made whom tokens are for; the first node waits for that. archive: stacks.bundle.users_bundle."""
        if self._database.auth is not Auth.IAM:
            return
        told = {
            "engine": self._database.engine.value,
            "host": self._instance.attr_endpoint_address,
            "port": self._instance.attr_endpoint_port,
            "name": self._database.name,
            "user": self._database.user,
            "secret": self._secret_arn,
        }
        self._user = DatabaseUser(
            self,
            "User",
            deployable=self._deployable,
            network=self._network,
            way_in=self.security,
            port=self.port,
            told=told,
            archive=archive,
        )

    def _into_shared_way(self, scope: Construct, assembly: str, nodes: ec2.SecurityGroup) -> list[IDependable]:
        """A foundation's endpoint lets in those alone who have a database."""
        if self._shared_way is None:
            return []
        return [
            ec2.CfnSecurityGroupIngress(
                scope,
                "IntoSecrets",
                group_id=self._shared_way,
                source_security_group_id=nodes.security_group_id,
                description=f"nodes of {self._deployable}/{assembly}",
                ip_protocol="tcp",
                from_port=HTTPS,
                to_port=HTTPS,
            )
        ]

    def open_way(self, scope: Construct, assembly: str, nodes: ec2.SecurityGroup) -> list[IDependable]:
        """Let an assembly's nodes in; gives what must stand before there are any."""
        return [
            *([self._endpoint] if self._endpoint is not None else []),
            *([self._user] if self._user is not None else []),
            *self._into_shared_way(scope, assembly, nodes),
            *let_through(
                scope,
                nodes,
                self.security,
                self.port,
                out=("ToDatabase", "the database"),
                into=("IntoDatabase", f"nodes of {assembly}"),
            ),
        ]

"""The stack of a foundation that several deployables share; their stacks find its parts by its name."""

from __future__ import annotations

from pathlib import Path

from aws_cdk import Aws, CfnOutput, Stack
from aws_cdk import aws_ssm as ssm
from constructs import Construct, IDependable

from core import names
from core.model import Egress, SharedFoundation
from stacks import access_logs, joined
from stacks.alarms import Alarms
from stacks.bundle import lambdas_bundle
from stacks.dashboard import Dashboard
from stacks.foundation import Foundation
from stacks.functions import Functions, role_of
from stacks.network import NodeNetwork
from stacks.reach import reach_of_all
from stacks.secrets_way import secrets_way
from stacks.volume_events import let_rules_wake
from stacks.wakes import Wakes

# RDS names what it manages so: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-secrets-manager.html
SECRETS_OF_DATABASES = f"arn:{Aws.PARTITION}:secretsmanager:{Aws.REGION}:{Aws.ACCOUNT_ID}:secret:rds!db-*"


class FoundationStack(Stack):
    """Table, bucket, topic, functions and the network of all nodes on it; protected from being deleted under them."""

    def __init__(self, scope: Construct, foundation: SharedFoundation, *, staging: Path) -> None:
        """staging: an empty folder that lives until synth ends."""
        super().__init__(
            scope,
            names.foundation_stack(foundation.name),
            description=f"Understudy's foundation {foundation.name}, which deployables share",
            analytics_reporting=False,
            termination_protection=True,
        )
        reach = reach_of_all(foundation)
        network = NodeNetwork(self, "Network", foundation.network)
        parts = Foundation(self, "Foundation", reach)
        functions = Functions(
            self,
            "Functions",
            reach=reach,
            network=network,
            foundation=parts,
            fronts={},
            volumes={},
            environment={names.ENV_FOUNDATION: foundation.name},
            archive=lambdas_bundle(staging / "lambdas.zip").path,
        )
        wakes = Wakes(self, "Wakes", reach=reach, foundation=parts, functions=functions)
        wakes.record([{"prefix": f"{names.PRODUCT}-"}], functions.record_event())
        let_rules_wake(functions.recover_assembly)
        alarms = Alarms(self, "Alarms", reach=reach, foundation=parts, functions=functions)
        if foundation.dashboard:
            Dashboard(self, "Dashboard", reach=reach, functions=functions, alarms=alarms.all)
        told = {
            joined.TABLE: parts.table.table_name,
            joined.BUCKET: parts.bucket.bucket_name,
            joined.TOPIC: parts.topic.topic_arn,
            joined.VPC: network.vpc.vpc_id,
            joined.CIDR: foundation.network.cidr,
            joined.PROBER: functions.prober_group.security_group_id,
            joined.RECOVER: functions.recover_assembly.function_arn,
            **{name: role_of(functions.by_module[module]).role_name for module, name in joined.ROLES.items()},
        }
        egress = foundation.network.egress
        told |= {joined.subnet(index, egress): subnet.subnet_id for index, subnet in enumerate(network.subnets)}
        if egress is Egress.NAT:
            told |= {joined.gateway_subnet(index): subnet.subnet_id for index, subnet in enumerate(network.public_subnets)}
        access_logs.let_logs_in(parts.bucket, access_logs.ANY)
        last: list[IDependable] = [functions, wakes, alarms, parts]
        if foundation.database_secrets:
            security, endpoint = secrets_way(
                Construct(self, "DatabaseSecrets"), whose=foundation.name, network=network, secrets=[SECRETS_OF_DATABASES]
            )
            told[joined.SECRETS] = security.security_group_id
            last.append(endpoint)
        for what, value in told.items():
            parameter = ssm.CfnParameter(
                self, f"Told-{what}", type="String", name=names.foundation_parameter(foundation.name, what), value=value
            )
            # Last of all: who finds it finds a foundation that works.
            parameter.node.add_dependency(*last)
        for name, value in (("Table", joined.TABLE), ("Bucket", joined.BUCKET), ("Topic", joined.TOPIC)):
            CfnOutput(self, name, value=told[value])

"""Who may do what (docs: "Who may do what"), as policy statements; each wide one says why.

Which action knows which resource and condition: Service Authorization Reference,
https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from aws_cdk import Aws
from aws_cdk import aws_iam as iam

from core import names


@dataclass(frozen=True, slots=True)
class Shared:
    """Every deployable on one shared foundation: what belongs to them bears its tag."""

    foundation: str


_GROUPS = (f"arn:{Aws.PARTITION}:autoscaling:{Aws.REGION}:{Aws.ACCOUNT_ID}:autoScalingGroup:*:autoScalingGroupName/*",)
_LEAST = "autoscaling:MinSize"
_WHAT_AND_WHERE = (
    "autoscaling:InstanceTypes", "autoscaling:LaunchConfigurationName", "autoscaling:LaunchTemplateVersionSpecified",
    "autoscaling:VPCZoneIdentifiers",
)  # fmt: skip

# A deployable, by its name, or all of those on one foundation.
Whose = str | Shared


def allow(*actions: str, on: Sequence[str], when: Mapping[str, object] | None = None) -> iam.PolicyStatement:
    return iam.PolicyStatement(actions=list(actions), resources=list(on), conditions=when)


def items(table_arn: str, partitions: Sequence[str], *actions: str) -> iam.PolicyStatement:
    """Actions on the table's items whose partition key is one of these, to the letter, or matches one with a `*`.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html
    """
    operator = "StringLike" if any("*" in partition for partition in partitions) else "StringEquals"
    condition = {f"ForAllValues:{operator}": {"dynamodb:LeadingKeys": list(partitions)}}
    return allow(*(f"dynamodb:{action}" for action in actions), on=[table_arn], when=condition)


def read_items(table_arn: str, partitions: Sequence[str]) -> iam.PolicyStatement:
    return items(table_arn, partitions, "GetItem", "Query")


def write_items(table_arn: str, partitions: Sequence[str]) -> iam.PolicyStatement:
    """Whole items only: nobody updates in place, and nobody deletes."""
    return items(table_arn, partitions, "PutItem")


def describe(*actions: str) -> iam.PolicyStatement:
    """Reads that AWS lets nobody narrow: Describe* of EC2 and Auto Scaling know no resource."""
    return allow(*actions, on=["*"])


def on_our_groups(whose: Whose, *actions: str) -> iam.PolicyStatement:
    """Actions on the deployable's groups, known by their tag.

    Not by ARN: the groups are created last, after everything that handles their hooks, so that a
    reference to them from here would be a cycle.
    """
    return allow(
        *(f"autoscaling:{action}" for action in actions),
        on=_GROUPS,
        when=_tagged(whose),
    )


def make_room_in_our_groups(whose: Whose) -> iam.PolicyStatement:
    """Room for two, or for one again; not what they launch, nor where.

    https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-launch-template-permissions.html
    """
    size = {"NumericLessThanEquals": {"autoscaling:MaxSize": "2"}, "Null": dict.fromkeys(_WHAT_AND_WHERE, "true") | {_LEAST: "true"}}
    return allow("autoscaling:UpdateAutoScalingGroup", on=_GROUPS, when={**_tagged(whose), **size})


def on_our_instances(whose: Whose, *actions: str) -> iam.PolicyStatement:
    """Actions on the deployable's instances, known by the tag that their group gave them."""
    return allow(*(f"ec2:{action}" for action in actions), on=[_ec2("instance/*")], when=_tagged(whose))


def move_our_addresses(deployable: str) -> iam.PolicyStatement:
    """Move an address between the deployable's own nodes: both sides must bear its tag."""
    return allow(
        "ec2:AssociateAddress", on=[_ec2("elastic-ip/*"), _ec2("instance/*"), _ec2("network-interface/*")], when=_tagged(deployable)
    )


def move_our_interfaces(deployable: str) -> iam.PolicyStatement:
    """Take an interface from one of the deployable's nodes and attach it to another: both sides must bear its tag."""
    return allow(
        "ec2:AttachNetworkInterface",
        "ec2:DetachNetworkInterface",
        on=[_ec2("instance/*"), _ec2("network-interface/*")],
        when=_tagged(deployable),
    )


def move_our_volumes(deployable: str) -> iam.PolicyStatement:
    """Take a volume from one of the deployable's nodes and attach it to another: both sides must bear its tag."""
    return allow("ec2:AttachVolume", "ec2:DetachVolume", on=[_ec2("instance/*"), _ec2("volume/*")], when=_tagged(deployable))


def on_databases(names_of: Iterable[str], *actions: str) -> iam.PolicyStatement:
    """Actions on database instances, each by the name that it has of our making."""
    instances = [f"arn:{Aws.PARTITION}:rds:{Aws.REGION}:{Aws.ACCOUNT_ID}:db:{name}" for name in names_of]
    return allow(*(f"rds:{action}" for action in actions), on=instances)


def take_snapshots(deployable: str, name: str) -> list[iam.PolicyStatement]:
    """What Data Lifecycle Manager does in its role's name, of one volume by its tag and of the snapshots that it tagged itself.

    https://docs.aws.amazon.com/ebs/latest/userguide/dlm-prerequisites.html, AWSDataLifecycleManagerServiceRole, without the parts for
    copies, fast restores, archives and shared snapshots.
    """
    of_it = {"StringEquals": {f"aws:ResourceTag/{names.TAG_DEPLOYABLE}": deployable, f"aws:ResourceTag/{names.TAG_VOLUME}": name}}
    snapshots = f"arn:{Aws.PARTITION}:ec2:{Aws.REGION}::snapshot/*"
    return [
        allow("ec2:CreateSnapshot", on=[_ec2("volume/*")], when=of_it),
        allow("ec2:CreateSnapshot", on=[snapshots]),  # it has no tag before it is made
        allow("ec2:CreateTags", on=[snapshots]),
        allow("ec2:DeleteSnapshot", on=[snapshots], when=of_it),
        describe("ec2:DescribeInstances", "ec2:DescribeVolumes", "ec2:DescribeSnapshots"),
    ]


def read_records(zone: str) -> iam.PolicyStatement:
    return allow("route53:ListResourceRecordSets", on=[_zone(zone)])


def write_one_record(zone: str, name: str) -> iam.PolicyStatement:
    """The address of one name in one zone, and nothing else there. name: in small letters, without a last dot.

    https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/specifying-rrset-conditions.html
    """
    condition = {
        "ForAllValues:StringEquals": {
            "route53:ChangeResourceRecordSetsNormalizedRecordNames": [name],
            "route53:ChangeResourceRecordSetsRecordTypes": ["A"],
            "route53:ChangeResourceRecordSetsActions": ["UPSERT"],
        }
    }
    return allow("route53:ChangeResourceRecordSets", on=[_zone(zone)], when=condition)


def follow_changes() -> iam.PolicyStatement:
    """Whether a change has reached every name server. A change has an id that nobody knows before it is made."""
    return allow("route53:GetChange", on=[f"arn:{Aws.PARTITION}:route53:::change/*"])


def _zone(zone: str) -> str:
    return f"arn:{Aws.PARTITION}:route53:::hostedzone/{zone}"


def signal_our_stack() -> iam.PolicyStatement:
    """Tell this very stack, while it is being deployed, how a node came out."""
    return allow("cloudformation:SignalResource", on=[Aws.STACK_ID])


def enter_database(resource: str, user: str) -> iam.PolicyStatement:
    """Come into one database as one user, by a token that one signs oneself. resource: the id that RDS gives an instance and never changes.

    https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.IAMPolicy.html
    """
    return allow("rds-db:connect", on=[f"arn:{Aws.PARTITION}:rds-db:{Aws.REGION}:{Aws.ACCOUNT_ID}:dbuser:{resource}/{user}"])


def consume(queue_arn: str) -> iam.PolicyStatement:
    """What an event source mapping needs (https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html)."""
    return allow("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", on=[queue_arn])


def follow(stream_arn: str) -> list[iam.PolicyStatement]:
    """What a mapping on a table's stream needs (https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-eventsourcemapping.html)."""
    return [
        allow("dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", on=[stream_arn]),
        allow("dynamodb:ListStreams", on=["*"]),  # a list has no resource
    ]


def write_log(log_group_arn: str) -> iam.PolicyStatement:
    """log_group_arn: as CloudFormation gives it, ending in ':*', which stands for its streams."""
    return allow("logs:CreateLogStream", "logs:PutLogEvents", on=[log_group_arn])


def evidence(bucket_arn: str, whose: Whose, assembly: str | None = None) -> iam.PolicyStatement:
    of = () if isinstance(whose, Shared) else (whose, assembly) if assembly else (whose,)
    return allow("s3:PutObject", on=["/".join((bucket_arn, "evidence", *of, "*"))])


def be_in_a_vpc() -> iam.PolicyStatement:
    """What Lambda does in the function's name to place it in a VPC.

    Lambda itself checks these on '*' when the function is made
    (https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html); `only_lambda_itself`
    takes them from the function's code again.
    """
    return allow(*VPC_ACTIONS, on=["*"])


VPC_ACTIONS = (
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
)


def only_lambda_itself(function_arn: str) -> iam.PolicyStatement:
    """Deny the above to the function's own code, as the same page advises."""
    return iam.PolicyStatement(
        effect=iam.Effect.DENY,
        actions=list(VPC_ACTIONS),
        resources=["*"],
        conditions={"ArnEquals": {"lambda:SourceFunctionArn": [function_arn]}},
    )


def _ec2(resource: str) -> str:
    return f"arn:{Aws.PARTITION}:ec2:{Aws.REGION}:{Aws.ACCOUNT_ID}:{resource}"


def _tagged(whose: Whose) -> dict[str, dict[str, str]]:
    key, value = (names.TAG_FOUNDATION, whose.foundation) if isinstance(whose, Shared) else (names.TAG_DEPLOYABLE, whose)
    return {"StringEquals": {f"aws:ResourceTag/{key}": value}}


def read_parameters(path: str) -> iam.PolicyStatement:
    """What lies below a path; AWS asks about the path alone.

    https://docs.aws.amazon.com/systems-manager/latest/userguide/ps-retrieval-authorization.html
    """
    return allow("ssm:GetParametersByPath", on=[f"arn:{Aws.PARTITION}:ssm:{Aws.REGION}:{Aws.ACCOUNT_ID}:parameter{path}"])


def announce(source: str) -> iam.PolicyStatement:
    """Put events of our own source on the account's default bus, and no others.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-conditions.html
    """
    bus = f"arn:{Aws.PARTITION}:events:{Aws.REGION}:{Aws.ACCOUNT_ID}:event-bus/default"
    return allow("events:PutEvents", on=[bus], when={"StringEquals": {"events:source": source}})

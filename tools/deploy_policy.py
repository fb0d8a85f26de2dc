"""The policies that CloudFormation needs to deploy our templates, for docs/deploy/; written by tools/deploy_page.py.

Which actions a resource type takes is what AWS itself publishes with the type, as cfn-lint carries it: the `handlers` of its
schema (https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schema.html). What they may touch is
narrowed here: all our stacks are called understudy-NAME, and CloudFormation begins the names that it makes with the stack's
(https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-name.html).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[1] / "docs/deploy"
SCHEMAS = Path(str(distribution("cfn-lint").locate_file("cfnlint/data/schemas")))  # to import it would take a second
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html: of a managed policy, blanks not counted.
CHARACTERS_MAX = 6144
READS = ("Describe", "Get", "List")
# Where an action's resource has a name, by the service; other services' resources have ids that AWS makes.
NAMED: Mapping[str, tuple[str, ...]] = {
    "autoscaling": ("arn:*:autoscaling:*:*:autoScalingGroup:*:autoScalingGroupName/understudy-*",),
    "cloudwatch": ("arn:*:cloudwatch:*:*:alarm:understudy-*", "arn:*:cloudwatch::*:dashboard/*"),
    "dynamodb": ("arn:*:dynamodb:*:*:table/understudy-*",),
    "events": ("arn:*:events:*:*:rule/understudy-*",),
    "lambda": ("arn:*:lambda:*:*:function:understudy-*",),
    "logs": ("arn:*:logs:*:*:log-group:understudy-*", "arn:*:logs:*:*:log-group:/aws/rds/instance/understudy-*"),
    "s3": ("arn:*:s3:::understudy-*",),
    "rds": ("arn:*:rds:*:*:*:understudy-*",),
    "sns": ("arn:*:sns:*:*:understudy-*",),
    "sqs": ("arn:*:sqs:*:*:understudy-*",),
    "ssm": ("arn:*:ssm:*:*:parameter/understudy/*",),
}
# Of those services, what knows no name all the same: https://docs.aws.amazon.com/service-authorization/latest/reference/
NAMELESS = ("lambda:CreateEventSourceMapping", "lambda:DeleteEventSourceMapping", "lambda:UpdateEventSourceMapping", "sns:Unsubscribe")
# Who may be handed a role of ours: the functions, the nodes, and what else AWS runs in our name.
PASSED_TO = ("ec2.amazonaws.com", "lambda.amazonaws.com", "scheduler.amazonaws.com", "dlm.amazonaws.com", "vpc-flow-logs.amazonaws.com")
ROLES = ["arn:*:iam::*:role/understudy-*", "arn:*:iam::*:instance-profile/understudy-*"]
ASSETS = "arn:*:s3:::cdk-hnb659fds-assets-*/*"  # where `cdk deploy` puts what the functions and the nodes are made of
# Of types that AWS publishes no handlers for, by their page in the CloudFormation reference.
BY_HAND: Mapping[str, tuple[str, ...]] = {
    # It asks a function of the stack's, in the name of the role that it deploys with:
    # https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-custom-resources-lambda.html and using-iam-servicerole.html
    "AWS::CloudFormation::CustomResource": ("lambda:InvokeFunction",),
}
# What a file may ask for and none of those in deployables/ does.
CHOSEN = {"AWS::AutoScaling::WarmPool"}
# A type's own service, where it is called otherwise, and those that a property of ours brings in: the database's managed secret.
SERVICES = {"ElasticLoadBalancingV2": "elasticloadbalancing", "EFS": "elasticfilesystem", "CertificateManager": "acm"}
BESIDE: Mapping[str, tuple[str, ...]] = {
    "AWS::RDS::DBInstance": ("secretsmanager", "kms"),
    "AWS::CloudFormation::CustomResource": ("lambda",),
}
# For properties of which we set none: those that fill a table or a bucket, and policies of users and groups.
UNUSED = re.compile(r"dynamodb:(\w*Item|Query|Scan|\w*Import\w*)|s3:\w*Object(Acl)?|iam:\w*(User|Group)Policy")


def types_of(templates: Iterable[Mapping[str, Any]]) -> list[str]:
    return sorted({resource["Type"] for template in templates for resource in template["Resources"].values()} | CHOSEN)


def asked_by(kind: str) -> frozenset[str]:
    """What CloudFormation does to create, read, change and delete a resource of this type, for the properties that we set.

    Actions of services that the type has to do with by properties of others' only are left out. Raises LookupError for a type
    that nothing is known of.
    """
    providers = json.loads((SCHEMAS / "providers/us-east-1.json").read_text())
    handlers: Mapping[str, Any] = {}
    if kind in providers:
        handlers = json.loads((SCHEMAS / f"resources/{providers[kind]}.json").read_text()).get("handlers", {})
    asked = {action for name, handler in handlers.items() if name != "list" for action in handler.get("permissions", ())}
    asked |= set(BY_HAND.get(kind, ()))
    if not asked:
        raise LookupError(f"AWS publishes no permissions for {kind}: look them up, and add them to BY_HAND with their page")
    home = SERVICES.get(kind.split("::")[1], kind.split("::")[1].lower())
    services = {home, "iam", "ec2", *BESIDE.get(kind, ())}
    return frozenset(action for action in asked if action.split(":")[0] in services and not UNUSED.fullmatch(action))


def statements(kinds: Iterable[str]) -> Iterator[dict[str, Any]]:
    """One for each service and scope, the narrow ones first."""
    asked = frozenset(action for kind in kinds for action in asked_by(kind))
    yield from _of_iam({action for action in asked if action.startswith("iam:")})
    rest = {action for action in asked if not action.startswith("iam:")}
    for service, scope in NAMED.items():
        mine = {action for action in rest if action.startswith(f"{service}:") and not _reads(action) and action not in NAMELESS}
        if mine:
            streams = [f"{one}:*" for one in scope] if service == "logs" else []
            yield _statement(f"Our{service.capitalize()}", mine, [*scope, *streams])
            rest -= mine
    yield _statement("CodeAsPublished", {"s3:GetObject", "s3:GetObjectVersion"}, [ASSETS])
    # The newest image's id, and the version of the bootstrap stack.
    yield _statement("Parameters", {"ssm:GetParameter", "ssm:GetParameters"}, ["arn:*:ssm:*:*:parameter/aws/service/*", _BOOTSTRAP])
    reads = {action for action in rest if _reads(action)}
    whole = tuple(action.removesuffix("*") for action in reads if action.endswith("*"))
    yield _statement("Look", {action for action in reads if action.endswith("*") or not action.startswith(whole)}, ["*"])
    for service in sorted({action.split(":")[0] for action in rest}):
        mine = {action for action in rest if action.startswith(f"{service}:") and not _reads(action)}
        if mine:
            yield _statement(f"What{service.capitalize()}NumbersItself", mine, ["*"])


_BOOTSTRAP = "arn:*:ssm:*:*:parameter/cdk-bootstrap/hnb659fds/version"


def _of_iam(asked: set[str]) -> Iterator[dict[str, Any]]:
    """Roles of ours alone, handed to the services that run in our name alone, and the roles that AWS makes for itself."""
    yield _statement("OurRoles", asked - {"iam:PassRole", "iam:CreateServiceLinkedRole"}, ROLES)
    passed = {"StringEquals": {"iam:PassedToService": list(PASSED_TO)}}
    yield _statement("HandThemOver", {"iam:PassRole"}, ROLES[:1], passed)
    yield _statement("RolesOfAws", {"iam:CreateServiceLinkedRole"}, ["arn:*:iam::*:role/aws-service-role/*"])


def _reads(action: str) -> bool:
    return action.split(":")[1].startswith(READS)


def _statement(sid: str, actions: Iterable[str], on: list[str], when: Mapping[str, object] | None = None) -> dict[str, Any]:
    found = {"Sid": sid, "Effect": "Allow", "Action": sorted(actions), "Resource": on}
    return {**found, "Condition": when} if when else found


def policies(kinds: Iterable[str]) -> list[dict[str, Any]]:
    """Whole policies, each as full as IAM lets it be."""
    found: list[dict[str, Any]] = []
    for statement in statements(kinds):
        if not found or characters({**found[-1], "Statement": [*found[-1]["Statement"], statement]}) > CHARACTERS_MAX:
            found.append({"Version": "2012-10-17", "Statement": []})
        found[-1]["Statement"].append(statement)
    return found


def characters(policy: Mapping[str, Any]) -> int:
    """As IAM counts them."""
    return len(json.dumps(policy, separators=(",", ":")))


def files(templates: Iterable[Mapping[str, Any]]) -> dict[Path, str]:
    """What docs/deploy/ should hold, by file."""
    made = policies(types_of(templates))
    return {FOLDER / f"cloudformation-{number}.json": json.dumps(policy, indent=2) + "\n" for number, policy in enumerate(made, 1)}

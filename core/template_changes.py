"""What a deploy would do to what stands: two templates compared, resource by resource, as CloudFormation would go about it.

Only what an interruption hangs on is known here: which change has a group roll its node, and which properties CloudFormation cannot
change without making the resource anew ("Update requires: Replacement" in its pages, below). Any other change is made in place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from core import names

GROUP, LAUNCH_TEMPLATE = "AWS::AutoScaling::AutoScalingGroup", "AWS::EC2::LaunchTemplate"
# https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-updatepolicy.html: what makes a group roll.
ROLLS = ("LaunchTemplate", "MixedInstancesPolicy", "VPCZoneIdentifier")
# https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-template-resource-type-ref.html, page of each type.
REPLACED_BY = {
    "AWS::DynamoDB::Table": ("KeySchema", "TableName"),
    "AWS::EC2::EIP": ("Domain", "NetworkBorderGroup"),
    "AWS::EC2::SecurityGroup": ("GroupDescription", "GroupName", "VpcId"),
    "AWS::EC2::Subnet": ("AvailabilityZone", "CidrBlock", "VpcId"),
    "AWS::EC2::VPC": ("CidrBlock",),
    "AWS::ElasticLoadBalancingV2::LoadBalancer": ("Name", "Scheme", "Type"),
    "AWS::RDS::DBInstance": (
        "DBInstanceIdentifier",
        "DBName",
        "DBSubnetGroupName",
        "Engine",
        "KmsKeyId",
        "MasterUsername",
        "StorageEncrypted",
    ),
    "AWS::Route53::HostedZone": ("Name",),
    "AWS::S3::Bucket": ("BucketName",),
}


class Effect(StrEnum):
    """What it does, the gravest first."""

    REPLACED = "replaced"  # another one is made, and this one goes
    ROLLED = "rolled"  # the group's node goes, and another one comes
    REMOVED = "removed"
    CHANGED = "changed"  # in place
    ADDED = "added"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """assembly: of a group alone. what: its properties that differ, or "" when all of it comes or goes."""

    effect: Effect
    logical_id: str
    type_name: str
    what: tuple[str, ...] = ()
    assembly: str = ""


Template = Mapping[str, Any]


def changes(deployed: Template | None, wanted: Template) -> tuple[Change, ...]:
    """deployed: None when nothing is. In the order of their gravity."""
    before: Template = {} if deployed is None else deployed.get("Resources", {})
    after: Template = wanted.get("Resources", {})
    found = [*_each(before, after), *_rolled(before, after)]
    order = list(Effect)
    return tuple(sorted(found, key=lambda change: (order.index(change.effect), change.type_name, change.logical_id)))


def _each(before: Template, after: Template) -> Iterator[Change]:
    for name in sorted(set(after) - set(before)):
        yield Change(effect=Effect.ADDED, logical_id=name, type_name=str(after[name]["Type"]), assembly=_assembly(after[name]))
    for name in sorted(set(before) - set(after)):
        yield Change(effect=Effect.REMOVED, logical_id=name, type_name=str(before[name]["Type"]), assembly=_assembly(before[name]))
    for name in sorted(set(before) & set(after)):
        old, new = before[name], after[name]
        differs = _differences(old, new)
        if not differs:
            continue
        kind = str(new["Type"])
        anew = old["Type"] != kind or any(key in REPLACED_BY.get(kind, ()) for key in differs)
        effect = Effect.REPLACED if anew else Effect.CHANGED
        if kind == GROUP and any(key in ROLLS for key in differs):
            continue  # told as rolled
        yield Change(effect=effect, logical_id=name, type_name=kind, what=differs, assembly=_assembly(new))


def _rolled(before: Template, after: Template) -> Iterator[Change]:
    """Groups whose nodes CloudFormation replaces: by themselves, or because what they launch is another version."""
    templates = {name for name, body in after.items() if body["Type"] == LAUNCH_TEMPLATE}
    moved = {name for name in templates if name in before and _differences(before[name], after[name])}
    for name, body in after.items():
        if body["Type"] != GROUP or name not in before:
            continue
        own = tuple(key for key in _differences(before[name], body) if key in ROLLS)
        by = tuple(sorted(moved & _named(body)))
        if own or by:
            yield Change(effect=Effect.ROLLED, logical_id=name, type_name=GROUP, what=own or by, assembly=_assembly(body))


def _differences(old: Template, new: Template) -> tuple[str, ...]:
    """Properties, and attributes of the resource itself, that are not the same."""
    mine, theirs = old.get("Properties", {}), new.get("Properties", {})
    found = [key for key in sorted({*mine, *theirs}) if mine.get(key) != theirs.get(key)]
    # DependsOn and Metadata change nothing that stands.
    around = ({*old, *new}) - {"Properties", "DependsOn", "Metadata"}
    return (*found, *(key for key in sorted(around) if old.get(key) != new.get(key)))


def _named(value: Any) -> set[str]:
    """Every resource that a value names by Ref or GetAtt."""
    if isinstance(value, list):
        return {name for item in value for name in _named(item)}
    if not isinstance(value, Mapping):
        return set()
    found = {value["Ref"]} if isinstance(value.get("Ref"), str) else set()
    attribute = value.get("Fn::GetAtt")
    if isinstance(attribute, list):
        found.add(str(attribute[0]))
    return found | {name for item in value.values() for name in _named(item)}


def _assembly(body: Template) -> str:
    tags = body.get("Properties", {}).get("Tags", []) if body.get("Type") == GROUP else []
    return next((str(tag["Value"]) for tag in tags if tag.get("Key") == names.TAG_ASSEMBLY), "")

"""What a synthesized template says in boxes and arrows: read from types, properties and policies alone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

Json = Mapping[str, Any]


class Place(StrEnum):
    """The column in which a box stands, from left to right."""

    WAKES = "what wakes them"
    FUNCTIONS = "functions"
    KEPT = "what is kept, and who is told"
    NETWORK = "in the network"


class Kind(StrEnum):
    """What an arrow means."""

    WAKES = "wakes"
    CALLS = "calls"
    KEEPS = "writes"
    CHANGES = "changes"


@dataclass(frozen=True, slots=True)
class Box:
    id: str
    place: Place
    title: str
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Arrow:
    source: str
    target: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Picture:
    """network: what the frame around the network's boxes says."""

    title: str
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]
    network: str


def read_picture(template: Json) -> Picture:
    """Boxes in the template's order, arrows between boxes that there are."""
    resources: dict[str, Json] = dict(template["Resources"])
    boxes = [box for id_, resource in resources.items() for box in _box(id_, resource, resources)]
    known = {box.id for box in boxes}
    arrows = [arrow for arrow in dict.fromkeys(_arrows(resources)) if {arrow.source, arrow.target} <= known]
    return Picture(str(template.get("Description", "")), tuple(boxes), tuple(arrows), _network(resources))


def _of(resources: Mapping[str, Json], kind: str) -> Iterator[tuple[str, Json]]:
    return ((id_, resource.get("Properties", {})) for id_, resource in resources.items() if resource["Type"] == kind)


def named(value: Any) -> str:
    """The resource that a Ref or GetAtt means; "" for anything else."""
    if isinstance(value, dict) and isinstance(value.get("Ref"), str):
        return str(value["Ref"])
    if isinstance(value, dict) and isinstance(value.get("Fn::GetAtt"), list):
        return str(value["Fn::GetAtt"][0])
    return ""


def _anywhere(value: Any) -> Iterator[str]:
    """Every resource that is named somewhere inside a value."""
    if found := named(value):
        yield found
    elif isinstance(value, dict):
        yield from (name for part in value.values() for name in _anywhere(part))
    elif isinstance(value, list):
        yield from (name for part in value for name in _anywhere(part))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


# --- boxes -----------------------------------------------------------------------------------------------------------------


def _box(id_: str, resource: Json, resources: Mapping[str, Json]) -> Iterator[Box]:
    given: Json = resource.get("Properties", {})
    match resource["Type"]:
        case "AWS::Lambda::Function":
            where = ("in the network",) if "VpcConfig" in given else ()
            size = f"{given.get('MemorySize', 128)} MB, at most {given.get('Timeout', 3)} s"
            yield Box(id_, Place.FUNCTIONS, _module(given), (size, *where))
        case "AWS::Events::Rule":
            yield Box(id_, Place.WAKES, str(given.get("Description", "rule")), (_heard(given),))
        case "AWS::SQS::Queue":
            reader = _reader(id_, resources)
            if reader:
                yield Box(id_, Place.WAKES, f"delayed messages to {reader}", ("SQS queue",))
            else:
                yield Box(id_, Place.KEPT, "dead letters", ("SQS queue: what any of them gives up on",))
        case "AWS::DynamoDB::Table" | "AWS::DynamoDB::GlobalTable":
            yield Box(id_, Place.KEPT, "state table", ("DynamoDB; its stream wakes, too",))
        case "AWS::S3::Bucket":
            yield Box(id_, Place.KEPT, "bucket", ("S3: evidence and state",))
        case "AWS::SNS::Topic":
            yield Box(id_, Place.KEPT, "topic", (f"SNS, rung by {_alarms_on(id_, resources)} alarms",))
        case "AWS::CloudWatch::Alarm":
            if any(resources[target]["Type"] == "AWS::Lambda::Function" for target in _anywhere(given.get("AlarmActions", []))):
                yield Box(id_, Place.WAKES, str(given.get("AlarmDescription", "alarm")), ("alarm",))
        case "AWS::AutoScaling::AutoScalingGroup":
            tags = {tag["Key"]: tag["Value"] for tag in given.get("Tags", [])}
            kinds = ", ".join(_instance_types(given, resources))
            yield Box(
                id_, Place.NETWORK, f"{tags.get('understudy:assembly', 'group')}: exactly one node", (f"Auto Scaling group of 1, {kinds}",)
            )
        case kind if kind in FRONTS:
            yield Box(id_, Place.NETWORK, FRONTS[kind], ("where clients find it",))
        case kind if kind in STORES:
            yield Box(id_, Place.NETWORK, STORES[kind])


FRONTS = {
    "AWS::EC2::EIP": "Elastic IP",
    "AWS::ElasticLoadBalancingV2::LoadBalancer": "load balancer",
    "AWS::Route53::HostedZone": "private zone",
    "AWS::EC2::NetworkInterface": "network interface",
}
STORES = {"AWS::RDS::DBInstance": "database", "AWS::EFS::FileSystem": "file system", "AWS::EC2::Volume": "volume"}


def _heard(rule: Json) -> str:
    if "ScheduleExpression" in rule:
        return f"schedule, {rule['ScheduleExpression']}"
    sources = [str(source).removeprefix("aws.") for source in rule.get("EventPattern", {}).get("source", [])]
    return f"events of {', '.join(sources)}"


def _reader(id_: str, resources: Mapping[str, Json]) -> str:
    """The handler that a queue's messages go to; "" for the failures' queue, which people read."""
    for _, given in _of(resources, "AWS::Lambda::EventSourceMapping"):
        if named(given.get("EventSourceArn")) == id_:
            return _module(resources[named(given["FunctionName"])]["Properties"])
    return ""


def _module(function: Json) -> str:
    """admit_node of `lambdas.admit_node.handler`."""
    return str(function.get("Handler", "function")).removesuffix(".handler").split(".")[-1]


def _alarms_on(topic: str, resources: Mapping[str, Json]) -> int:
    return sum(topic in _anywhere(given.get("AlarmActions", [])) for _, given in _of(resources, "AWS::CloudWatch::Alarm"))


def _instance_types(group: Json, resources: Mapping[str, Json]) -> list[str]:
    overrides = group.get("MixedInstancesPolicy", {}).get("LaunchTemplate", {}).get("Overrides", [])
    if overrides:
        return [str(override["InstanceType"]) for override in overrides if "InstanceType" in override]
    launched = [name for name in _anywhere(group) if resources[name]["Type"] == "AWS::EC2::LaunchTemplate"]
    return [str(resources[launched[0]]["Properties"]["LaunchTemplateData"].get("InstanceType", ""))] if launched else []


def _network(resources: Mapping[str, Json]) -> str:
    cidrs = [str(given["CidrBlock"]) for _, given in _of(resources, "AWS::EC2::VPC")]
    zones = len({str(given.get("AvailabilityZone")) for _, given in _of(resources, "AWS::EC2::Subnet")})
    ways = [given for _, given in _of(resources, "AWS::EC2::VPCEndpoint")]
    free = sum(way.get("VpcEndpointType", "Gateway") == "Gateway" for way in ways)
    return f"network {', '.join(cidrs)}: {zones} zones, {free} free endpoints, {len(ways) - free} paid ones"


# --- arrows ----------------------------------------------------------------------------------------------------------------


def _arrows(resources: Mapping[str, Json]) -> Iterator[Arrow]:
    for id_, given in _of(resources, "AWS::Events::Rule"):
        yield from (Arrow(id_, named(target["Arn"]), Kind.WAKES) for target in given.get("Targets", []))
    for _, given in _of(resources, "AWS::Lambda::EventSourceMapping"):
        yield Arrow(named(given["EventSourceArn"]), named(given["FunctionName"]), Kind.WAKES)
    for id_, given in _of(resources, "AWS::CloudWatch::Alarm"):
        yield from (Arrow(id_, target, Kind.WAKES) for target in _anywhere(given.get("AlarmActions", [])))
    holders = dict(_holders(resources))
    for _, given in _of(resources, "AWS::IAM::Policy"):
        for holder in (holders[named(role)] for role in given["Roles"] if named(role) in holders):
            for statement in given["PolicyDocument"]["Statement"]:
                if statement["Effect"] == "Allow":
                    yield from _done(holder, statement, resources)


def _holders(resources: Mapping[str, Json]) -> Iterator[tuple[str, str]]:
    """(role, the function or the group whose nodes have it)."""
    yield from ((named(given["Role"]), id_) for id_, given in _of(resources, "AWS::Lambda::Function"))
    profiles = {id_: named(given["Roles"][0]) for id_, given in _of(resources, "AWS::IAM::InstanceProfile")}
    for id_, given in _of(resources, "AWS::AutoScaling::AutoScalingGroup"):
        templates = [name for name in _anywhere(given) if resources[name]["Type"] == "AWS::EC2::LaunchTemplate"]
        yield from ((profiles[name], id_) for one in templates for name in _anywhere(resources[one]["Properties"]) if name in profiles)


# What an action does, by its beginning; what only reads makes no arrow.
_TO_NAMED = (
    ("lambda:Invoke", Kind.CALLS),
    ("dynamodb:Put", Kind.KEEPS),
    ("s3:Put", Kind.KEEPS),
    ("sns:Publish", Kind.KEEPS),
    ("sqs:Send", Kind.CALLS),
)
_TO_TYPES = (
    (r"autoscaling:(?!Describe)|ec2:(Terminate|Stop|Reboot)Instances", "AWS::AutoScaling::AutoScalingGroup"),
    (r"ec2:AssociateAddress", "AWS::EC2::EIP"),
    (r"elasticloadbalancing:(?!Describe)", "AWS::ElasticLoadBalancingV2::LoadBalancer"),
    (r"route53:Change", "AWS::Route53::HostedZone"),
    (r"ec2:AttachNetworkInterface", "AWS::EC2::NetworkInterface"),
    (r"ec2:AttachVolume", "AWS::EC2::Volume"),
    (r"rds:(?!Describe)", "AWS::RDS::DBInstance"),
)


def _done(holder: str, statement: Json, resources: Mapping[str, Json]) -> Iterator[Arrow]:
    for action in map(str, _list(statement["Action"])):
        for beginning, kind in _TO_NAMED:
            if action.startswith(beginning):
                for target in _anywhere(statement["Resource"]):
                    if not _dead_letters(target, resources):
                        yield Arrow(holder, target, kind)
        for pattern, wanted in _TO_TYPES:
            if re.match(pattern, action):
                yield from (Arrow(holder, id_, Kind.CHANGES) for id_, _ in _of(resources, wanted))


def _dead_letters(id_: str, resources: Mapping[str, Json]) -> bool:
    """Every function sends there what it gives up: said once, in the box."""
    return resources[id_]["Type"] == "AWS::SQS::Queue" and not _reader(id_, resources)

"""From a call to what it asks leave for: IAM actions, resources and context keys, service by service.

Source of each row: the Service Authorization Reference,
https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from lab.policy.keys import TO_PUBLISH, VIA_TOPICS
from lab.policy.matching import Ask
from lab.policy.requests import ApiCall, UnknownCall


class Directory(Protocol):
    """What must be looked up to judge a call; answers come from the emulator itself."""

    account: str
    region: str

    def ec2_tags(self, resource_id: str) -> Mapping[str, str]: ...

    def group(self, name: str) -> tuple[str, Mapping[str, str]]:
        """(ARN, tags) of an Auto Scaling group; a pattern-proof made-up ARN and no tags when there is none."""

    def group_of(self, instance_id: str) -> str: ...

    def instance_of_address(self, association_id: str) -> str: ...

    def ends_of_interface(self, attachment_id: str) -> tuple[str, str]:
        """(interface, instance) of an attachment; made-up ones without tags when there is none."""

    def hash_key(self, table: str) -> str: ...

    def topic_key(self, topic_arn: str) -> str:
        """ARN of the key that encrypts a topic, or an empty text."""


Context = dict[str, tuple[str, ...]]


def asks(call: ApiCall, directory: Directory) -> tuple[Ask, ...]:
    """Everything that must be allowed for the call to go through. Raises UnknownCall."""
    reader = _READERS.get(call.service)
    if reader is None:
        raise UnknownCall(f"{call.service}:{call.operation}: the lab does not know this service; teach it in lab/policy/asks.py")
    return reader(call, directory)


def _tagged(prefixes: tuple[str, ...], tags: Mapping[str, str]) -> Context:
    return {f"{prefix}:resourcetag/{key}".lower(): (value,) for prefix in prefixes for key, value in tags.items()}


# --- DynamoDB: the partition keys of every item touched are the leading keys --------------------------
_TRANSACT = {"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem", "ConditionCheck": "ConditionCheckItem", "Get": "GetItem"}
_ITEM_ACTIONS = {"GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query", "BatchGetItem", "BatchWriteItem"}
_TABLE_ACTIONS = {"Scan", "DescribeTable", "DescribeTimeToLive"}
_STREAM_ACTIONS = {"GetRecords", "GetShardIterator", "DescribeStream", "ListStreams"}


def _scalar(value: Any) -> str:
    return str(next(iter(value.values()))) if isinstance(value, Mapping) and value else str(value)


def _query_key(parameters: Mapping[str, Any], hash_key: str) -> tuple[str, ...]:
    conditions = parameters.get("KeyConditions")
    if conditions:
        return tuple(_scalar(v) for v in conditions[hash_key]["AttributeValueList"])
    expression = str(parameters.get("KeyConditionExpression", ""))
    for alias, name in parameters.get("ExpressionAttributeNames", {}).items():
        expression = re.sub(rf"{re.escape(alias)}\b", name, expression)
    match = re.search(rf"(?<![\w#]){re.escape(hash_key)}\s*=\s*(:\w+)", expression)
    if match is None:
        raise UnknownCall(f"dynamodb:Query: no partition key in {expression!r}")
    return (_scalar(parameters["ExpressionAttributeValues"][match[1]]),)


def _dynamodb(call: ApiCall, directory: Directory) -> tuple[Ask, ...]:
    p = call.parameters

    def ask(action: str, table: str, keys: tuple[str, ...] | None) -> Ask:
        name = table if table.startswith("arn:") else f"arn:aws:dynamodb:{directory.region}:{directory.account}:table/{table}"
        return Ask(f"dynamodb:{action}", name, {} if keys is None else {"dynamodb:leadingkeys": keys})

    if call.operation in ("TransactWriteItems", "TransactGetItems"):
        rows = [(kind, body) for item in p["TransactItems"] for kind, body in item.items()]
        result = []
        for kind, body in rows:
            key = directory.hash_key(body["TableName"])
            source = body.get("Key") or body.get("Item") or {}
            result.append(ask(_TRANSACT[kind], body["TableName"], (_scalar(source[key]),)))
        return tuple(result)
    if call.operation in ("BatchGetItem", "BatchWriteItem"):
        result = []
        for table, request in p["RequestItems"].items():
            key = directory.hash_key(table)
            if call.operation == "BatchGetItem":
                keys = tuple(_scalar(k[key]) for k in request["Keys"])
            else:
                keys = tuple(_scalar((r.get("PutRequest", {}).get("Item") or r["DeleteRequest"]["Key"])[key]) for r in request)
            result.append(ask(call.operation, table, keys))
        return tuple(result)
    if call.operation in _STREAM_ACTIONS:
        stream = str(p.get("StreamArn") or "*")
        return (Ask(f"dynamodb:{call.operation}", stream, {}),)
    if call.operation in _TABLE_ACTIONS:
        return (ask(call.operation, p["TableName"], None),)
    if call.operation not in _ITEM_ACTIONS:
        raise UnknownCall(f"dynamodb:{call.operation} is not known to the lab")
    key = directory.hash_key(p["TableName"])
    if call.operation == "Query":
        return (ask("Query", p["TableName"], _query_key(p, key)),)
    source = p.get("Key") or p.get("Item") or {}
    return (ask(call.operation, p["TableName"], (_scalar(source[key]),)),)


# --- EC2 ----------------------------------------------------------------------------------------------


def _numbered(parameters: Mapping[str, Any], prefix: str) -> list[str]:
    return [str(v) for k, v in sorted(parameters.items()) if re.fullmatch(rf"{prefix}\.\d+", k)]


def _ec2(call: ApiCall, directory: Directory) -> tuple[Ask, ...]:
    p = call.parameters
    action = f"ec2:{call.operation}"

    def on(kind: str, resource_id: str) -> Ask:
        context = _tagged(("aws", "ec2"), directory.ec2_tags(resource_id))
        return Ask(action, f"arn:aws:ec2:{directory.region}:{directory.account}:{kind}/{resource_id}", context)

    if call.operation.startswith("Describe"):
        return (Ask(action, "*", {}),)
    if call.operation in ("TerminateInstances", "StopInstances", "StartInstances", "RebootInstances"):
        return tuple(on("instance", i) for i in _numbered(p, "InstanceId"))
    if call.operation == "GetConsoleOutput":
        return (on("instance", str(p["InstanceId"])),)
    if call.operation == "AssociateAddress":
        result = [on("elastic-ip", str(p["AllocationId"]))]
        if p.get("InstanceId"):
            result.append(on("instance", str(p["InstanceId"])))
        if p.get("NetworkInterfaceId"):
            result.append(on("network-interface", str(p["NetworkInterfaceId"])))
        return tuple(result)
    if call.operation == "DisassociateAddress":
        address, instance = directory.instance_of_address(str(p["AssociationId"])).split(" ")
        return (on("elastic-ip", address), *((on("instance", instance),) if instance else ()))
    if call.operation in ("AttachVolume", "DetachVolume"):
        return (on("volume", str(p["VolumeId"])), on("instance", str(p["InstanceId"])))
    if call.operation == "AttachNetworkInterface":
        return (on("network-interface", str(p["NetworkInterfaceId"])), on("instance", str(p["InstanceId"])))
    if call.operation == "DetachNetworkInterface":
        interface, instance = directory.ends_of_interface(str(p["AttachmentId"]))
        return (on("network-interface", interface), on("instance", instance))
    raise UnknownCall(f"{action} is not known to the lab")


# --- Auto Scaling -------------------------------------------------------------------------------------
_GROUP_ACTIONS = {
    "CompleteLifecycleAction",
    "RecordLifecycleActionHeartbeat",
    "SuspendProcesses",
    "ResumeProcesses",
    "SetDesiredCapacity",
    "UpdateAutoScalingGroup",
    "PutWarmPool",
    "DeleteWarmPool",
}


def _autoscaling(call: ApiCall, directory: Directory) -> tuple[Ask, ...]:
    action = f"autoscaling:{call.operation}"
    if call.operation.startswith("Describe"):
        return (Ask(action, "*", {}),)
    if call.operation in _GROUP_ACTIONS:
        name = str(call.parameters["AutoScalingGroupName"])
    elif call.operation in ("SetInstanceHealth", "TerminateInstanceInAutoScalingGroup"):
        name = directory.group_of(str(call.parameters["InstanceId"]))
    else:
        raise UnknownCall(f"{action} is not known to the lab")
    arn, tags = directory.group(name)
    return (Ask(action, arn, {**_tagged(("aws", "autoscaling"), tags), **_asked_of_a_group(call)}),)


def _asked_of_a_group(call: ApiCall) -> dict[str, tuple[str, ...]]:
    """What a change of a group names, by the keys that AWS gives it.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2autoscaling.html
    """
    if call.operation != "UpdateAutoScalingGroup":
        return {}
    p, found = call.parameters, dict[str, tuple[str, ...]]()
    for name in ("MaxSize", "MinSize", "LaunchConfigurationName"):
        if name in p:
            found[f"autoscaling:{name.lower()}"] = (str(p[name]),)
    if p.get("VPCZoneIdentifier"):
        found["autoscaling:vpczoneidentifiers"] = tuple(str(p["VPCZoneIdentifier"]).split(","))
    if any(name.startswith(("LaunchTemplate", "MixedInstancesPolicy")) for name in p):
        named = any(name.endswith(".Version") and not str(value).startswith("$") for name, value in p.items())
        found["autoscaling:launchtemplateversionspecified"] = ("true" if named else "false",)
    types = tuple(str(value) for name, value in p.items() if name.endswith(".InstanceType"))
    return found | ({"autoscaling:instancetypes": types} if types else {})


# --- the rest: one resource each ----------------------------------------------------------------------


def _s3(call: ApiCall, _directory: Directory) -> tuple[Ask, ...]:
    bucket, key = call.parameters["Bucket"], call.parameters["Key"]
    resource = f"arn:aws:s3:::{bucket}/{key}" if key else f"arn:aws:s3:::{bucket}"
    return (Ask(f"s3:{call.operation}", resource, {"aws:securetransport": ("true",)}),)


def _lambda(call: ApiCall, directory: Directory) -> tuple[Ask, ...]:
    name = str(call.parameters["FunctionName"])
    arn = name if name.startswith("arn:") else f"arn:aws:lambda:{directory.region}:{directory.account}:function:{name}"
    return (Ask({"Invoke": "lambda:InvokeFunction"}.get(call.operation, f"lambda:{call.operation}"), arn, {}),)


def _sqs(call: ApiCall, directory: Directory) -> tuple[Ask, ...]:
    action = {"SendMessageBatch": "SendMessage", "DeleteMessageBatch": "DeleteMessage"}.get(call.operation, call.operation)
    name = str(call.parameters["QueueUrl"]).rstrip("/").rsplit("/", 1)[-1]
    return (Ask(f"sqs:{action}", f"arn:aws:sqs:{directory.region}:{directory.account}:{name}", {}),)


def _sns(call: ApiCall, directory: Directory) -> tuple[Ask, ...]:
    """Publishing to an encrypted topic uses its key: https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html"""
    topic = str(call.parameters.get("TopicArn", "*"))
    key = directory.topic_key(topic) if call.operation in ("Publish", "PublishBatch") else ""
    uses = (Ask(action, key, VIA_TOPICS) for action in TO_PUBLISH) if key else ()
    return (Ask(f"sns:{call.operation}", topic, {}), *uses)


def _events(call: ApiCall, directory: Directory) -> tuple[Ask, ...]:
    """Each entry with what it says of itself: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-conditions.html"""
    entries = [e if isinstance(e, dict) else {} for e in call.parameters.get("Entries", [])] or [{}]
    asks = {}
    for entry in entries:
        name = str(entry.get("EventBusName") or "default")
        bus = name if name.startswith("arn:") else f"arn:aws:events:{directory.region}:{directory.account}:event-bus/{name}"
        said = {"events:source": entry.get("Source"), "events:detail-type": entry.get("DetailType")}
        context = {key: (str(value),) for key, value in said.items() if value is not None}
        asks[(bus, *sorted(context.items()))] = Ask(f"events:{call.operation}", bus, context)
    return tuple(asks.values())


def _cloudwatch(call: ApiCall, _directory: Directory) -> tuple[Ask, ...]:
    # DescribeAlarms can be scoped to alarms, yet a call that filters by nothing needs `*`; judged as `*`, the stricter way.
    return (Ask(f"cloudwatch:{call.operation}", "*", {}),)


def _route53(call: ApiCall, _directory: Directory) -> tuple[Ask, ...]:
    """Names in small letters, without a last dot.

    https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/specifying-rrset-conditions.html
    """
    action, p = f"route53:{call.operation}", call.parameters
    if call.operation == "GetChange":
        return (Ask(action, f"arn:aws:route53:::change/{p['Id']}", {}),)
    context: Context = {}
    if call.operation == "ChangeResourceRecordSets":
        for key, values in zip(("actions", "normalizedrecordnames", "recordtypes"), zip(*p["Changes"], strict=True), strict=True):
            said = (value.lower().rstrip(".") if key == "normalizedrecordnames" else value for value in values)
            context[f"route53:changeresourcerecordsets{key}"] = tuple(said)
    return (Ask(action, f"arn:aws:route53:::hostedzone/{p['HostedZoneId']}", context),)


def _cloudformation(call: ApiCall, directory: Directory) -> tuple[Ask, ...]:
    if call.operation != "SignalResource":
        raise UnknownCall(f"cloudformation:{call.operation} is not known to the lab")
    name = str(call.parameters["StackName"])
    stack = name if name.startswith("arn:") else f"arn:aws:cloudformation:{directory.region}:{directory.account}:stack/{name}/?"
    return (Ask("cloudformation:SignalResource", stack, {}),)


def _elasticloadbalancing(call: ApiCall, _directory: Directory) -> tuple[Ask, ...]:
    action = f"elasticloadbalancing:{call.operation}"
    if call.operation == "DescribeTargetHealth":
        return (Ask(action, "*", {}),)
    if call.operation not in ("RegisterTargets", "DeregisterTargets"):
        raise UnknownCall(f"{action} is not known to the lab")
    return (Ask(action, str(call.parameters["TargetGroupArn"]), {}),)


def _secretsmanager(call: ApiCall, directory: Directory) -> tuple[Ask, ...]:
    name = str(call.parameters["SecretId"])
    arn = name if name.startswith("arn:") else f"arn:aws:secretsmanager:{directory.region}:{directory.account}:secret:{name}-??????"
    return (Ask(f"secretsmanager:{call.operation}", arn, {}),)


def _rds(call: ApiCall, directory: Directory) -> tuple[Ask, ...]:
    """https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonrds.html: both know the instance."""
    if call.operation not in ("DescribeDBInstances", "RebootDBInstance"):
        raise UnknownCall(f"rds:{call.operation} is not known to the lab")
    name = call.parameters.get("DBInstanceIdentifier", "*")
    return (Ask(f"rds:{call.operation}", f"arn:aws:rds:{directory.region}:{directory.account}:db:{name}", {}),)


def _ssm(call: ApiCall, directory: Directory) -> tuple[Ask, ...]:
    """A path is asked for as such, whatever lies below it.

    https://docs.aws.amazon.com/systems-manager/latest/userguide/ps-retrieval-authorization.html
    """
    p, action = call.parameters, f"ssm:{call.operation}"
    named = {"GetParametersByPath": [p.get("Path")], "GetParameter": [p.get("Name")], "GetParameters": p.get("Names")}.get(call.operation)
    if not named:
        raise UnknownCall(f"{action} is not known to the lab")
    return tuple(Ask(action, f"arn:aws:ssm:{directory.region}:{directory.account}:parameter/{str(name).strip('/')}", {}) for name in named)


def _sts(call: ApiCall, _directory: Directory) -> tuple[Ask, ...]:
    # Needs no permission: https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
    if call.operation == "GetCallerIdentity":
        return ()
    raise UnknownCall(f"sts:{call.operation} is not known to the lab")


_READERS: dict[str, Callable[[ApiCall, Directory], tuple[Ask, ...]]] = {
    "dynamodb": _dynamodb,
    "ec2": _ec2,
    "autoscaling": _autoscaling,
    "s3": _s3,
    "lambda": _lambda,
    "sqs": _sqs,
    "sns": _sns,
    "events": _events,
    "monitoring": _cloudwatch,
    "route53": _route53,
    "elasticloadbalancing": _elasticloadbalancing,
    "ssm": _ssm,
    "sts": _sts,
    "cloudformation": _cloudformation,
    "secretsmanager": _secretsmanager,
    "rds": _rds,
}
